-- What the source says of single surfaces is kept as the JSON text that was written: as jsonb it took more of a load than the faces
-- themselves. Cast it to ask into it. What waits in staging to become a partition, or to be compared, goes with it.
ALTER TABLE city.representation ALTER COLUMN surface_attributes TYPE text;
ALTER TABLE history.representation ALTER COLUMN surface_attributes TYPE text;

DO $$
DECLARE
    staged text;
BEGIN
    FOR staged IN SELECT table_name FROM information_schema.columns
        WHERE table_schema = 'staging' AND column_name = 'surface_attributes' AND data_type = 'jsonb'
    LOOP
        EXECUTE format('ALTER TABLE staging.%I ALTER COLUMN surface_attributes TYPE text', staged);
    END LOOP;
END
$$;
