-- Features lie in the partitions of the parents that the FeatureTypes name; what else is in these schemas has other keys.
DO $$
DECLARE
    lacking record;
BEGIN
    FOR lacking IN
        SELECT part.oid::regclass AS name, by.attname AS "column"
        FROM catalog.feature_type AS f
        JOIN pg_class AS parent ON parent.relname = f.name AND parent.relnamespace IN ('city'::regnamespace, 'history'::regnamespace)
        JOIN pg_inherits AS i ON i.inhparent = parent.oid
        JOIN pg_class AS part ON part.oid = i.inhrelid
        JOIN pg_attribute AS by ON by.attrelid = part.oid
            AND by.attname = CASE WHEN parent.relnamespace = 'city'::regnamespace THEN 'commit_from' ELSE 'commit_to' END
        WHERE NOT EXISTS (SELECT FROM pg_index AS x WHERE x.indrelid = part.oid AND x.indkey[0] = by.attnum)
    LOOP
        EXECUTE format('CREATE INDEX ON %s (%I)', lacking.name, lacking."column");
    END LOOP;
END
$$
