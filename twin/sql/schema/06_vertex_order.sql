CREATE FUNCTION catalog.same_order_v1(a postgis.geometry, b postgis.geometry, tolerance_m double precision)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT a OPERATOR(postgis.=) b OR postgis.ST_NPoints(a) = postgis.ST_NPoints(b) AND NOT EXISTS (
        SELECT FROM postgis.ST_DumpPoints(a) AS p LEFT JOIN postgis.ST_DumpPoints(b) AS q ON q.path = p.path
        WHERE q.geom IS NULL OR postgis.ST_3DDistance(p.geom, q.geom) > tolerance_m)
$$;
COMMENT ON FUNCTION catalog.same_order_v1 IS 'True when both have the same vertices in the same order, none farther apart than the tolerance: a reversed line has not.';
