-- Rules over areas, administrative units and what other datasets have published. {staging} holds the staged rows of the part.

-- name: extent
SELECT count(*), ST_XMin(ST_Extent(geom)), ST_YMin(ST_Extent(geom)), ST_XMax(ST_Extent(geom)), ST_YMax(ST_Extent(geom))
FROM {staging} WHERE valid_to IS NULL

-- name: areas_by_tile
-- Every area in force once for each square that its extent touches, square by square: sorted on disk where it is much.
SELECT i, j, row, natural_key, ST_AsBinary(geom), concat_ws('/', {within})
FROM {staging} CROSS JOIN LATERAL generate_series(floor((ST_XMin(geom) - %(west)s) / %(size_m)s)::integer, floor((ST_XMax(geom) - %(west)s) / %(size_m)s)::integer) AS i
CROSS JOIN LATERAL generate_series(floor((ST_YMin(geom) - %(south)s) / %(size_m)s)::integer, floor((ST_YMax(geom) - %(south)s) / %(size_m)s)::integer) AS j
WHERE valid_to IS NULL ORDER BY i, j, row

-- name: plots
SELECT row, natural_key, ST_AsBinary(geom), {code}::text FROM {staging} WHERE valid_to IS NULL AND {state} IS DISTINCT FROM 'repealed' ORDER BY row

-- name: control_lines
SELECT line_id, ST_AsBinary(geom) FROM ({lines}) AS l WHERE kind = %(kind)s AND valid_to IS NULL

-- name: unit_codes_that_do_not_fit
-- A code is as long as its level says (six-digit codes end in pairs of zeros above the district) and begins with that of its parent.
SELECT row, natural_key, ST_X(place), ST_Y(place), code, parent_code, level
FROM (SELECT *, ST_PointOnSurface(geom) AS place, CASE WHEN length(code) = 6 THEN regexp_replace(code, '(00)+$', '') ELSE code END AS digits,
             CASE WHEN length(parent_code) = 6 THEN regexp_replace(parent_code, '(00)+$', '') ELSE parent_code END AS parent_digits FROM {staging}) AS u
LEFT JOIN unnest(%(levels)s::text[], %(lengths)s::integer[]) AS d (level, length) USING (level)
WHERE code !~ '^[0-9]+$' OR length(digits) <> d.length
   OR parent_digits <> '' AND (NOT starts_with(digits, parent_digits) OR length(digits) <= length(parent_digits))
ORDER BY row

-- name: units_without_their_parent
-- Only where units as high as the parent are at hand: a file of districts alone lacks nothing.
WITH units AS (SELECT code, CASE WHEN length(code) = 6 THEN length(regexp_replace(code, '(00)+$', '')) ELSE length(code) END AS digits FROM ({units}) AS u)
SELECT row, natural_key, ST_X(place), ST_Y(place), parent_code
FROM (SELECT row, natural_key, parent_code, ST_PointOnSurface(geom) AS place,
             CASE WHEN length(parent_code) = 6 THEN length(regexp_replace(parent_code, '(00)+$', '')) ELSE length(parent_code) END AS digits
      FROM {staging} WHERE parent_code <> '') AS s
WHERE NOT EXISTS (SELECT FROM units AS p WHERE p.code = s.parent_code) AND EXISTS (SELECT FROM units AS p WHERE p.digits = s.digits)
ORDER BY row

-- name: units_and_their_parents
SELECT u.row, u.natural_key, ST_AsBinary(u.geom), p.code, ST_AsBinary(p.geom)
FROM {staging} AS u JOIN ({units}) AS p ON p.code = u.parent_code WHERE u.valid_to IS NULL AND p.valid_to IS NULL ORDER BY p.code, u.row

-- name: short_codes
SELECT row, natural_key, ST_XMin(geom), ST_YMin(geom), {code} FROM {staging} WHERE length({code}) < %(digits)s ORDER BY row

-- name: published_extent
SELECT ST_SetSRID(ST_Extent(geom)::geometry, {srid}) FROM {current}

-- name: same_place_elsewhere
-- What another dataset has published at the same place, vertex by vertex.
SELECT DISTINCT ON (s.row) s.row, s.natural_key, ST_XMin(s.geom), ST_YMin(s.geom), c.natural_key, c.fid
FROM {staging} AS s JOIN {current} AS c ON c.geom && ST_Expand(s.geom, %(tolerance_m)s)
WHERE s.geom && ST_Expand(%(extent)s::geometry, %(tolerance_m)s) AND catalog.same_place_v1(s.geom, c.geom, %(tolerance_m)s)
ORDER BY s.row, c.fid

-- name: ends_at_a_neighbour
-- Ends that no other line of the part shares, each with the end of a line of another dataset within reach that fits best.
WITH ends AS (
    SELECT s.row, s.natural_key, e.place, count(*) OVER (PARTITION BY round(ST_X(e.place) * 100), round(ST_Y(e.place) * 100)) AS sharing
    FROM {staging} AS s CROSS JOIN LATERAL (VALUES (ST_StartPoint(s.geom)), (ST_EndPoint(s.geom))) AS e (place)
    WHERE s.geom && ST_Expand(%(extent)s::geometry, %(reach_m)s)
)
SELECT e.row, e.natural_key, ST_X(e.place), ST_Y(e.place), n.natural_key, n.apart_m, {differing}, ST_X(n.met), ST_Y(n.met), ST_Z(n.met)
FROM ends AS e JOIN {staging} AS s ON s.row = e.row
CROSS JOIN LATERAL (
    SELECT c.*, p.place AS met, CASE WHEN {has_z} THEN ST_3DDistance(p.place, e.place) ELSE ST_Distance(p.place, e.place) END AS apart_m
    FROM {current} AS c CROSS JOIN LATERAL (VALUES (ST_StartPoint(c.geom)), (ST_EndPoint(c.geom))) AS p (place)
    WHERE c.geom && ST_Expand(ST_Force2D(e.place), %(reach_m)s) AND ST_DWithin(p.place, e.place, %(reach_m)s) AND {same}
    ORDER BY ST_Distance(p.place, e.place) > %(tolerance_m)s, {unlike}, ST_Distance(p.place, e.place), c.fid LIMIT 1) AS n
WHERE e.sharing = 1 AND (n.apart_m > %(tolerance_m)s OR {differs}) ORDER BY e.row

-- name: find_gone
SELECT c.{field}::text AS value, c.natural_key, ST_XMin(c.geom) AS x, ST_YMin(c.geom) AS y FROM {current} AS c WHERE {goes}

-- name: find_lost
CREATE TEMPORARY TABLE {lost} ON COMMIT DROP AS
SELECT DISTINCT ON (value) value, natural_key, x, y FROM {gone} AS gone WHERE value <> '' AND {unanswered} ORDER BY value, natural_key

-- name: named_though_lost
SELECT coalesce(c.natural_key, c.fid::text) AS who, {name} AS field, l.value, l.natural_key, l.x, l.y
FROM {lost} AS l JOIN {published} AS c ON c.{field}::text = l.value WHERE {stays}

-- name: find_older
SELECT s.row, s.natural_key, s.valid_from, c.valid_from, ST_XMin(s.geom), ST_YMin(s.geom)
FROM {staging} AS s JOIN {current} AS c USING (natural_key)
WHERE s.row IS NOT NULL AND s.valid_from < c.valid_from ORDER BY s.row
