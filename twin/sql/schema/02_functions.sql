CREATE FUNCTION catalog.bump_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE catalog.version SET value = value + 1;
    PERFORM pg_notify('catalog', '');
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION catalog.bump_version IS 'Says that what the doors show has changed; delivered when the transaction commits.';

CREATE TRIGGER bump AFTER INSERT OR UPDATE OR DELETE ON catalog.deployment FOR EACH STATEMENT EXECUTE FUNCTION catalog.bump_version();
CREATE TRIGGER bump AFTER INSERT OR UPDATE OR DELETE ON catalog.feature_type FOR EACH STATEMENT EXECUTE FUNCTION catalog.bump_version();
CREATE TRIGGER bump AFTER INSERT OR UPDATE OR DELETE ON catalog.dataset FOR EACH STATEMENT EXECUTE FUNCTION catalog.bump_version();

CREATE FUNCTION catalog.next_commit_v1(actor text, reason text, name text, kind text, rolled_back_to bigint)
RETURNS catalog.commit LANGUAGE plpgsql AS $$
DECLARE
    made catalog.commit;
BEGIN
    -- Neither a sequence nor a clock is commit order: both are taken under one lock that is held until the transaction ends.
    PERFORM pg_advisory_xact_lock(hashtext('catalog.commit'));
    INSERT INTO catalog.commit AS c (number, time, actor, reason, name, kind, rolled_back_to)
    SELECT coalesce(max(previous.number), 0) + 1,
           greatest(clock_timestamp(), max(previous.time) + interval '1 microsecond'),
           next_commit_v1.actor, next_commit_v1.reason, next_commit_v1.name, next_commit_v1.kind, next_commit_v1.rolled_back_to
    FROM catalog.commit AS previous
    RETURNING c.* INTO made;
    RETURN made;
END
$$;
COMMENT ON FUNCTION catalog.next_commit_v1 IS 'Makes the next commit; call it last, its lock is held to the end of the transaction (DESIGN 5).';

CREATE FUNCTION catalog.same_place_v1(a postgis.geometry, b postgis.geometry, tolerance_m double precision)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- Cheap answers first; the vertex-by-vertex comparison only for what really differs in its bytes.
    SELECT CASE
        WHEN a IS NULL OR b IS NULL THEN a IS NULL AND b IS NULL
        WHEN a OPERATOR(postgis.=) b THEN true
        WHEN postgis.ST_NPoints(a) <> postgis.ST_NPoints(b) OR postgis.ST_NumGeometries(a) <> postgis.ST_NumGeometries(b)
             OR NOT postgis.ST_Expand(a, tolerance_m) OPERATOR(postgis.&&) b THEN false
        ELSE NOT EXISTS (
            SELECT FROM postgis.ST_DumpPoints(a) AS p
            WHERE NOT EXISTS (SELECT FROM postgis.ST_DumpPoints(b) AS q WHERE postgis.ST_3DDistance(p.geom, q.geom) <= tolerance_m))
         AND NOT EXISTS (
            SELECT FROM postgis.ST_DumpPoints(b) AS q
            WHERE NOT EXISTS (SELECT FROM postgis.ST_DumpPoints(a) AS p WHERE postgis.ST_3DDistance(p.geom, q.geom) <= tolerance_m))
    END
$$;
COMMENT ON FUNCTION catalog.same_place_v1 IS 'True when no vertex of one lies farther than the tolerance from a vertex of the other (DESIGN 7).';
