-- Ours are the tables that a statement without a schema finds, and their partitions. A table with partitions has no rows
-- itself. Each statement of this folder is read behind this one.
WITH RECURSIVE ours AS (
    SELECT oid, relname, relkind, relpersistence, relrowsecurity, relam FROM pg_class
        WHERE relname IN :names AND relkind IN ('r', 'p', 'v', 'm', 'f') AND pg_table_is_visible(oid)
    UNION SELECT its.oid, its.relname, its.relkind, its.relpersistence, its.relrowsecurity, its.relam
        FROM ours JOIN pg_inherits ON inhparent = ours.oid JOIN pg_class its ON its.oid = inhrelid
)
