-- A key holds if its index is unique at once, is kept, and compares as PostgreSQL itself does
SELECT ours.relname, ARRAY(
    SELECT attname::text FROM unnest((indkey::int2[])[0:indnkeyatts - 1]) number
    JOIN pg_attribute ON attrelid = ours.oid AND attnum = number)
FROM ours JOIN pg_index ON indrelid = ours.oid JOIN pg_constraint ON conindid = indexrelid AND contype IN ('p', 'u')
    JOIN pg_class its ON its.oid = indexrelid
WHERE indisunique AND indimmediate AND indisvalid AND indisready AND indislive AND indexprs IS NULL AND indpred IS NULL
    AND its.relam = 403 AND NOT EXISTS (SELECT 1 FROM unnest(indclass::oid[]) class WHERE class >= 16384)
