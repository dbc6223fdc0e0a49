-- Partitions of current features that were made before: what ends at a node that goes is found by indexes of the fields that name nodes.
DO $$
DECLARE
    part regclass;
    field text;
BEGIN
    FOR part, field IN
        SELECT i.inhrelid::regclass, named.value
        FROM catalog.feature_type AS f
        CROSS JOIN LATERAL jsonb_array_elements(f.definition -> 'checks') AS c (rule)
        CROSS JOIN LATERAL jsonb_array_elements_text(
            CASE jsonb_typeof(c.rule -> 'fields') WHEN 'array' THEN c.rule -> 'fields' ELSE jsonb_build_array(c.rule -> 'fields') END) AS named
        JOIN pg_class AS parent ON parent.relname = f.name AND parent.relnamespace = 'city'::regnamespace
        JOIN pg_inherits AS i ON i.inhparent = parent.oid
        JOIN pg_attribute AS a ON a.attrelid = i.inhrelid AND a.attname = named.value
        WHERE c.rule ->> 'rule' = 'node-exists' AND NOT EXISTS (SELECT FROM pg_index AS x WHERE x.indrelid = i.inhrelid AND x.indkey[0] = a.attnum)
        GROUP BY 1, 2
    LOOP
        EXECUTE format('CREATE INDEX ON %s (%I) WHERE %I IS NOT NULL', part, field, field);
    END LOOP;
END
$$
