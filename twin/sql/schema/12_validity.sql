-- Partitions of current features that were made before: from when to when features hold is found by two small indexes.
DO $$
DECLARE
    part regclass;
BEGIN
    FOR part IN
        SELECT i.inhrelid::regclass
        FROM catalog.feature_type AS f
        JOIN pg_class AS parent ON parent.relname = f.name AND parent.relnamespace = 'city'::regnamespace
        JOIN pg_inherits AS i ON i.inhparent = parent.oid
        JOIN pg_attribute AS valid ON valid.attrelid = i.inhrelid AND valid.attname = 'valid_to'
        WHERE NOT EXISTS (SELECT FROM pg_index AS x WHERE x.indrelid = i.inhrelid AND x.indkey[0] = valid.attnum)
    LOOP
        EXECUTE format('CREATE INDEX ON %s (valid_from) WHERE valid_from IS NOT NULL', part);
        EXECUTE format('CREATE INDEX ON %s (valid_to) WHERE valid_from IS NOT NULL OR valid_to IS NOT NULL', part);
    END LOOP;
END
$$
