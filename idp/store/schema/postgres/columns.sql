-- A column's name and type, whether each row has a value, whether it is computed, and whether it has a default
SELECT relname, attname, upper(format_type(atttypid, atttypmod)), attnotnull,
    attgenerated <> '' OR attidentity <> '' OR atttypid >= 16384 OR attcollation NOT IN (0, 100), atthasdef
FROM ours JOIN pg_attribute ON attrelid = ours.oid WHERE relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped
