SELECT relname, 'unlogged', relname FROM ours WHERE relkind = 'r' AND relpersistence <> 'p'
UNION ALL SELECT relname, 'trigger', tgname FROM ours JOIN pg_trigger ON tgrelid = ours.oid
    WHERE NOT EXISTS (
        SELECT 1 FROM pg_constraint its JOIN pg_proc called ON called.oid = tgfoid
        WHERE its.oid = tgconstraint AND its.contype = 'f' AND NOT its.condeferrable
            AND tgisinternal AND tgenabled = 'O' AND NOT tgdeferrable AND tgqual IS NULL
            AND tgfoid < 16384 AND called.prolang = 12 AND called.prosrc = called.proname AND (called.proname IN (
                'RI_FKey_check_ins', 'RI_FKey_check_upd', 'RI_FKey_noaction_del', 'RI_FKey_noaction_upd',
                'RI_FKey_restrict_del', 'RI_FKey_restrict_upd')
            -- the key itself is named below
            OR confdeltype NOT IN ('a', 'r') OR confupdtype NOT IN ('a', 'r')))
UNION ALL SELECT relname, 'rule', rulename FROM ours JOIN pg_rewrite ON ev_class = ours.oid
    WHERE rulename <> '_RETURN' OR relkind IN ('r', 'p')
UNION ALL SELECT relname, 'policy', polname FROM ours JOIN pg_policy ON polrelid = ours.oid
UNION ALL SELECT relname, 'row level security', relname FROM ours WHERE relrowsecurity
UNION ALL SELECT relname, CASE relkind WHEN 'f' THEN 'foreign table' ELSE 'view' END, relname FROM ours
    WHERE relkind NOT IN ('r', 'p')
UNION ALL SELECT relname, 'table that is kept by another method', relname FROM ours WHERE relkind = 'r' AND relam <> 2
UNION ALL SELECT ours.relname, 'table that adds rows', its.relname FROM ours JOIN pg_inherits ON inhparent = ours.oid
    JOIN pg_class its ON its.oid = inhrelid WHERE ours.relkind <> 'p'
UNION ALL SELECT relname, CASE contype WHEN 'f' THEN 'foreign key that acts' ELSE 'check' END, conname
    FROM ours JOIN pg_constraint ON conrelid = ours.oid
    WHERE contype IN ('c', 'x') OR contype = 'f' AND (confdeltype NOT IN ('a', 'r') OR confupdtype NOT IN ('a', 'r'))
UNION ALL SELECT relname, 'default that computes', attname FROM ours JOIN pg_attrdef ON adrelid = ours.oid
    JOIN pg_attribute ON attrelid = ours.oid AND attnum = adnum
    WHERE pg_get_expr(adbin, adrelid) !~ '^(''[^'']*''|-?[0-9]+)(::(text|bigint|bytea))?$'
UNION ALL SELECT ours.relname, CASE WHEN indisunique THEN 'unique index' ELSE 'index that computes' END, its.relname
    FROM ours JOIN pg_index one ON indrelid = ours.oid JOIN pg_class its ON its.oid = indexrelid
    WHERE indexprs IS NOT NULL OR indpred IS NOT NULL OR EXISTS (
        SELECT 1 FROM unnest(indclass::oid[]) class WHERE class >= 16384
    ) OR its.relam >= 16384 OR indisunique AND NOT EXISTS (
        SELECT 1 FROM pg_constraint JOIN pg_index key ON key.indexrelid = conindid
        WHERE contype IN ('p', 'u') AND key.indrelid = one.indrelid AND key.indkey::text = one.indkey::text
    )
UNION ALL SELECT 'the database', 'event trigger', evtname FROM pg_event_trigger
UNION ALL SELECT 'all tables', 'path to other functions', 'search_path'
    WHERE 'pg_catalog' <> (SELECT name FROM unnest(current_schemas(true)) WITH ORDINALITY its(name, place)
        WHERE name NOT LIKE 'pg!_temp!_%' ESCAPE '!' ORDER BY place LIMIT 1)
ORDER BY 1, 3
