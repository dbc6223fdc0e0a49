-- Faces with every number as wide as it has to be (twin/packed_faces.py): version 1 of them, their geometry, and what tells moved ones.

CREATE OR REPLACE FUNCTION catalog.topology_of_faces_v1(faces bytea) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE WHEN substring(faces FROM 1 FOR 4) = 'TWR3'::bytea THEN substring(faces FROM 1 FOR catalog.uint32_v1(faces, 4)::integer)
                ELSE substring(faces FROM 1 FOR 28) || substring(faces FROM (53 + 12 * catalog.uint32_v1(faces, 4))::integer) END
$$;
COMMENT ON FUNCTION catalog.topology_of_faces_v1 IS
    'All of column faces but the places of vertices: equal for two of one version that differ in these alone.';

CREATE OR REPLACE FUNCTION catalog.face_numbers_v1(faces bytea, place bigint, width integer, count bigint)
RETURNS bigint[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE WHEN width = 0 THEN array_fill(catalog.uint32_v1(faces, place::integer), ARRAY[count::integer])
                ELSE ARRAY(SELECT (SELECT sum(get_byte(faces, (place + n * width + b)::integer)::bigint << 8 * b)::bigint
                                   FROM generate_series(0, width - 1) AS b)
                           FROM generate_series(0, count - 1) AS n ORDER BY n) END
$$;
COMMENT ON FUNCTION catalog.face_numbers_v1 IS 'A column of a representation of version 3, from its place on; of width 0 one number is all.';

CREATE OR REPLACE FUNCTION catalog.little_endian_v1(numbers bigint[], width integer)
RETURNS bytea LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(string_agg(substring(
        set_byte(set_byte(set_byte(set_byte('\x00000000'::bytea, 0, (number & 255)::integer), 1, (number >> 8 & 255)::integer),
                          2, (number >> 16 & 255)::integer), 3, (number >> 24 & 255)::integer) FROM 1 FOR width), ''::bytea ORDER BY n), '')
    FROM unnest(numbers) WITH ORDINALITY AS u (number, n)
$$;
COMMENT ON FUNCTION catalog.little_endian_v1 IS 'Unsigned numbers of one to four bytes, little endian.';

CREATE OR REPLACE FUNCTION catalog.unpacked_faces_v1(faces bytea) RETURNS bytea LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    counts bigint[];
    sizes bigint[];
    numbers bigint[];
    places bigint[] := '{}';
    columns bytea := '';
    place bigint;
    places_at bigint;
    width integer;
BEGIN
    IF substring(faces FROM 1 FOR 4) <> 'TWR3'::bytea THEN
        RETURN faces;
    END IF;
    IF get_byte(faces, 8) NOT BETWEEN 1 AND 4 THEN
        RAISE EXCEPTION 'not a representation of version 3' USING ERRCODE = 'data_exception';
    END IF;
    counts := catalog.face_numbers_v1(faces, 16, get_byte(faces, 8), 6);
    IF counts[1] > length(faces) OR counts[2] > length(faces) OR 3 * counts[3] > counts[2]
       OR counts[4] > counts[3] OR counts[5] > counts[4] OR counts[6] > counts[5] THEN
        RAISE EXCEPTION 'not a representation of version 3' USING ERRCODE = 'data_exception';
    END IF;
    place := 16 + 6 * get_byte(faces, 8);
    -- Indices, lengths of rings, faces, shells and solids, parts, surface types: lengths become ends.
    sizes := counts[2:6] || counts[4] || counts[4];
    FOR n IN 1 .. 7 LOOP
        width := get_byte(faces, 8 + n);
        IF width > 4 OR n = 1 AND width = 0 THEN
            RAISE EXCEPTION 'width of a column' USING ERRCODE = 'data_exception';
        END IF;
        numbers := catalog.face_numbers_v1(faces, place, width, sizes[n]);
        IF n = 6 AND 65535 < ANY (numbers) OR n = 7 AND 255 < ANY (numbers) THEN
            RAISE EXCEPTION 'a number of a representation is too large' USING ERRCODE = 'data_exception';
        END IF;
        place := place + CASE width WHEN 0 THEN 4 ELSE width * sizes[n] END;
        IF n BETWEEN 2 AND 5 THEN
            numbers := ARRAY(SELECT sum(length) OVER (ORDER BY k)::bigint FROM unnest(numbers) WITH ORDINALITY AS u (length, k) ORDER BY k);
        END IF;
        columns := columns || catalog.little_endian_v1(numbers, CASE n WHEN 6 THEN 2 WHEN 7 THEN 1 ELSE 4 END);
    END LOOP;
    places_at := place;
    place := place + 27;
    FOR axis IN 0 .. 2 LOOP
        width := get_byte(faces, (places_at + 24 + axis)::integer);
        IF width NOT BETWEEN 1 AND 4 THEN
            RAISE EXCEPTION 'width of places' USING ERRCODE = 'data_exception';
        END IF;
        places := places || catalog.face_numbers_v1(faces, place, width, counts[1]);
        place := place + width * counts[1];
    END LOOP;
    IF 2147483647 < ANY (places) THEN
        RAISE EXCEPTION 'a number of a representation is too large' USING ERRCODE = 'data_exception';
    END IF;
    IF place <> length(faces) OR places_at <> catalog.uint32_v1(faces, 4) THEN
        RAISE EXCEPTION 'length of a representation of version 3' USING ERRCODE = 'data_exception';
    END IF;
    numbers := ARRAY(SELECT places[axis * counts[1] + vertex]
                     FROM generate_series(1, counts[1]) AS vertex, generate_series(0, 2) AS axis ORDER BY vertex, axis);
    RETURN 'TWR1'::bytea || catalog.little_endian_v1(counts, 4) || substring(faces FROM places_at::integer + 1 FOR 24)
        || catalog.little_endian_v1(numbers, 4) || columns;
END
$$;
COMMENT ON FUNCTION catalog.unpacked_faces_v1 IS 'Column faces of version 3 as version 1 has it; other versions as they are.';

CREATE OR REPLACE FUNCTION catalog.representation_geometry_v3(faces bytea, srid integer)
RETURNS postgis.geometry LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT catalog.representation_geometry_v2(catalog.unpacked_faces_v1(faces), srid)
$$;
COMMENT ON FUNCTION catalog.representation_geometry_v3 IS
    'Column faces of version 1, 2 or 3 as PostGIS geometry, as representation_geometry_v1 has it: what faces show is no part of it.';
