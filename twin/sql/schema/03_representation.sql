-- 3D of features (DESIGN 8): one row a feature and level of detail, and the source documents they came from, for exact export.
-- Partitions are made with a dataset's first representation; rows live on their own: an edit of attributes writes none.

CREATE TABLE city.representation (
    dataset integer NOT NULL,
    fid bigint NOT NULL,
    lod text NOT NULL,
    commit_from bigint NOT NULL,
    -- The layout of twin/representation.py.
    faces bytea NOT NULL,
    -- What the source says of single surfaces: [{"faces": [n, …], "type": …, …}]; NULL when it says no more than their types.
    surface_attributes jsonb
) PARTITION BY LIST (dataset);

CREATE TABLE history.representation (
    dataset integer NOT NULL,
    fid bigint NOT NULL,
    lod text NOT NULL,
    commit_from bigint NOT NULL,
    commit_to bigint NOT NULL,
    faces bytea NOT NULL,
    surface_attributes jsonb
) PARTITION BY LIST (dataset);

CREATE TABLE city.source_object (
    dataset integer NOT NULL,
    fid bigint NOT NULL,
    commit_from bigint NOT NULL,
    -- Hash of the document around it: catalog.source_header.
    header text NOT NULL,
    -- CityJSONFeature with its own vertices, as twin/packed_documents.py has it.
    document bytea NOT NULL
) PARTITION BY LIST (dataset);

CREATE TABLE history.source_object (
    dataset integer NOT NULL,
    fid bigint NOT NULL,
    commit_from bigint NOT NULL,
    commit_to bigint NOT NULL,
    header text NOT NULL,
    document bytea NOT NULL
) PARTITION BY LIST (dataset);

CREATE TABLE catalog.source_header (
    hash text PRIMARY KEY,
    -- What its coordinates were read in, by the document's word or the surveyor's.
    crs text NOT NULL,
    -- JSON of the CityJSON document without objects and vertices: version, transform, metadata, extensions, geometry templates.
    document text NOT NULL
);

CREATE FUNCTION catalog.uint32_v1(bytes bytea, place integer) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT get_byte(bytes, place) + (get_byte(bytes, place + 1) << 8) + (get_byte(bytes, place + 2) << 16)
         + (get_byte(bytes, place + 3)::bigint << 24)
$$;
COMMENT ON FUNCTION catalog.uint32_v1 IS 'Reads an unsigned 32-bit little-endian number.';

CREATE FUNCTION catalog.float64_v1(bytes bytea, place integer) RETURNS double precision LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE WHEN exponent = 0 AND mantissa = 0 THEN 0
                ELSE sign * (1 + mantissa / 4503599627370496::double precision) * power(2::double precision, exponent - 1023) END
    FROM (SELECT CASE WHEN high >= 2147483648 THEN -1 ELSE 1 END AS sign, ((high >> 20) & 2047)::double precision AS exponent,
                 ((high & 1048575) * 4294967296 + low)::double precision AS mantissa
          FROM (SELECT catalog.uint32_v1(bytes, place + 4) AS high, catalog.uint32_v1(bytes, place) AS low) AS words) AS parts
$$;
COMMENT ON FUNCTION catalog.float64_v1 IS 'Reads an IEEE 754 double, little endian; no subnormals, which coordinates never are.';

CREATE FUNCTION catalog.representation_geometry_v1(faces bytea, srid integer)
RETURNS postgis.geometry LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    vertices constant bigint := catalog.uint32_v1(faces, 4);
    corners constant bigint := catalog.uint32_v1(faces, 8);
    rings constant bigint := catalog.uint32_v1(faces, 12);
    polygons constant bigint := catalog.uint32_v1(faces, 16);
    shells constant bigint := catalog.uint32_v1(faces, 20);
    indices_at constant integer := 52 + 12 * vertices;
    rings_at constant integer := indices_at + 4 * corners;
    faces_at constant integer := rings_at + 4 * rings;
    shells_at constant integer := faces_at + 4 * polygons;
    origin constant double precision[] := ARRAY[catalog.float64_v1(faces, 28), catalog.float64_v1(faces, 36), catalog.float64_v1(faces, 44)];
    points bytea[];
    wkb bytea[] := '{}';
    ring bytea;
    polygon bytea;
    corner bigint := 0;
    ring_number bigint := 0;
    first bigint;
    word bigint;
    member bytea;
    members bytea[] := '{}';
    done bigint := 0;
    loose boolean;
BEGIN
    IF substring(faces FROM 1 FOR 4) <> 'TWR1'::bytea THEN
        RAISE EXCEPTION 'not a representation of version 1' USING ERRCODE = 'data_exception';
    END IF;
    -- Well-known binary, big endian: what PostgreSQL's own send functions write.
    FOR v IN 0 .. vertices - 1 LOOP
        member := '';
        FOR axis IN 0 .. 2 LOOP
            word := catalog.uint32_v1(faces, (52 + 12 * v + 4 * axis)::integer);
            IF word >= 2147483648 THEN word := word - 4294967296; END IF;
            member := member || float8send(origin[axis + 1] + word / 1000.0::double precision);
        END LOOP;
        points[v] := member;
    END LOOP;
    FOR face IN 0 .. polygons - 1 LOOP
        first := ring_number;
        polygon := '';
        WHILE ring_number < catalog.uint32_v1(faces, (faces_at + 4 * face)::integer) LOOP
            word := catalog.uint32_v1(faces, (rings_at + 4 * ring_number)::integer);
            ring := int4send((word - corner + 1)::integer);
            member := points[catalog.uint32_v1(faces, (indices_at + 4 * corner)::integer)];
            WHILE corner < word LOOP
                ring := ring || points[catalog.uint32_v1(faces, (indices_at + 4 * corner)::integer)];
                corner := corner + 1;
            END LOOP;
            polygon := polygon || ring || member;
            ring_number := ring_number + 1;
        END LOOP;
        wkb := wkb || ('\x00000003eb'::bytea || int4send((ring_number - first)::integer) || polygon);
    END LOOP;
    -- One polyhedral surface a shell; faces of no solid are a multipolygon.
    FOR shell IN 0 .. shells LOOP
        loose := shell = shells;
        word := CASE WHEN loose THEN polygons ELSE catalog.uint32_v1(faces, (shells_at + 4 * shell)::integer) END;
        IF word > done OR (loose AND cardinality(members) = 0) THEN
            SELECT coalesce(string_agg(w, ''::bytea ORDER BY n), '') INTO member
            FROM unnest(wkb[done + 1 : word]) WITH ORDINALITY AS u (w, n);
            members := members || (CASE WHEN loose THEN '\x00000003ee'::bytea ELSE '\x00000003f7'::bytea END || int4send((word - done)::integer) || member);
            done := word;
        END IF;
    END LOOP;
    IF cardinality(members) = 1 THEN
        RETURN postgis.ST_GeomFromWKB(members[1], srid);
    END IF;
    SELECT string_agg(w, ''::bytea ORDER BY n) INTO member FROM unnest(members) WITH ORDINALITY AS u (w, n);
    RETURN postgis.ST_GeomFromWKB('\x00000003ef'::bytea || int4send(cardinality(members)) || member, srid);
END
$$;
COMMENT ON FUNCTION catalog.representation_geometry_v1 IS
    'Column faces as PostGIS geometry: a POLYHEDRALSURFACE Z a shell, a MULTIPOLYGON Z for faces of no solid, both together in a collection.';
