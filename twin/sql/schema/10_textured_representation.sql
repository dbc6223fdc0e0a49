-- Faces that show pictures (twin/face_textures.py): the geometry of both versions of column faces.

CREATE OR REPLACE FUNCTION catalog.representation_geometry_v2(faces bytea, srid integer)
RETURNS postgis.geometry LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT catalog.representation_geometry_v1(
        CASE WHEN substring(faces FROM 1 FOR 4) = 'TWR2'::bytea THEN 'TWR1'::bytea || substring(faces FROM 5) ELSE faces END, srid)
$$;
COMMENT ON FUNCTION catalog.representation_geometry_v2 IS
    'Column faces of version 1 or 2 as PostGIS geometry, as representation_geometry_v1 has it: what faces show is no part of it.';
