CREATE SCHEMA IF NOT EXISTS postgis;
CREATE EXTENSION IF NOT EXISTS postgis SCHEMA postgis;
CREATE SCHEMA IF NOT EXISTS catalog;
CREATE SCHEMA IF NOT EXISTS city;
CREATE SCHEMA IF NOT EXISTS history;
CREATE SCHEMA IF NOT EXISTS staging;
CREATE SCHEMA IF NOT EXISTS jobs;

DO $$
DECLARE
    sharing text;
BEGIN
    -- Roles belong to the whole cluster: another deployment on the same server may have made them already.
    FOREACH sharing IN ARRAY ARRAY['open', 'shared', 'restricted'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE twin_read_%s NOLOGIN', sharing);
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
        END;
    END LOOP;
    -- From PostgreSQL 16 on only who made a role may grant it: what another deployment did is not done again.
    IF NOT pg_has_role('twin_read_shared', 'twin_read_open', 'MEMBER') THEN
        GRANT twin_read_open TO twin_read_shared;
    END IF;
    IF NOT pg_has_role('twin_read_restricted', 'twin_read_shared', 'MEMBER') THEN
        GRANT twin_read_shared TO twin_read_restricted;
    END IF;
    GRANT USAGE ON SCHEMA postgis, catalog, city, history TO twin_read_open;
END
$$;

-- What is too long for its row is compressed by LZ4 where the server has it, in every table: 3D is stored in a third of the time that PostgreSQL's
-- own method takes, large geometry as well and in two thirds of the room. What is stored stays as it is. Who set it otherwise keeps that; where the
-- database belongs to somebody else, it is set for our own role in it, which any role may do for itself.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals) AND source = 'default') THEN
        BEGIN
            EXECUTE format('ALTER DATABASE %I SET default_toast_compression = lz4', current_database());
        EXCEPTION
            WHEN insufficient_privilege THEN
                EXECUTE format('ALTER ROLE CURRENT_USER IN DATABASE %I SET default_toast_compression = lz4', current_database());
        END;
    END IF;
END
$$;

-- Longitude and latitude (WGS 84) with height above the EGM96 geoid: a transformation from it to EPSG:4979 adds N at every vertex,
-- by the grid of Debian's proj-data. The query core checks that the grid was found (PROJ passes a height through when it was not).
INSERT INTO postgis.spatial_ref_sys (srid, auth_name, auth_srid, srtext, proj4text)
VALUES (998001, 'citytwin', 998001, '', '+proj=longlat +datum=WGS84 +geoidgrids=egm96_15.gtx +vunits=m +no_defs +type=crs')
ON CONFLICT (srid) DO UPDATE SET proj4text = excluded.proj4text;

-- The grids of CGCS2000 with heights above the EGM96 geoid: their horizontal and vertical steps to EPSG:4979 are then one transformation.
INSERT INTO postgis.spatial_ref_sys (srid, auth_name, auth_srid, srtext, proj4text)
SELECT 990000 + srid, 'citytwin', 990000 + srid, '', proj4text || ' +geoidgrids=egm96_15.gtx +vunits=m +type=crs'
FROM postgis.spatial_ref_sys WHERE srid BETWEEN 4491 AND 4554
ON CONFLICT (srid) DO UPDATE SET proj4text = excluded.proj4text;
