-- Rules over a pipe survey. Points and lines of one part are read from {staging}; what goes along the network from the tables that
-- make_* build once per check: the points, lines and line ends there will be once the submission is published. `part` is that of a staged
-- row, NULL for what is published and stays.

-- name: make_points
CREATE TEMPORARY TABLE network_point ON COMMIT DROP AS
SELECT (row_number() OVER (ORDER BY node_id) - 1)::integer AS number, node_id, part, row, natural_key, kind, feature, appurtenance,
       coalesce(ground_elevation_m, nullif(ST_Z(geom), 0)) AS ground_m, geom
FROM (SELECT DISTINCT ON (node_id) * FROM ({rows}) AS r WHERE node_id <> '' ORDER BY node_id, part, row) AS p

-- name: make_lines
-- A pipe of a kind belongs to a system: sewers to that of their kind (storm water and sewage are apart), all others to their class.
CREATE TEMPORARY TABLE network_line ON COMMIT DROP AS
SELECT (row_number() OVER () - 1)::integer AS number, r.part, r.row, r.natural_key, r.kind, coalesce(%(systems)s::jsonb ->> r.kind, r.kind) AS system,
       r.material, r.pressure, r.start_node, r.end_node, r.start_depth_m, r.end_depth_m, r.start_elevation_m, r.end_elevation_m,
       coalesce(r.start_elevation_m, nullif(ST_Z(a), 0)) AS start_m, coalesce(r.end_elevation_m, nullif(ST_Z(b), 0)) AS end_m,
       coalesce(r.outer_diameter_mm, sqrt(4 / pi() * r.width_mm * r.section_height_mm)) AS diameter_mm,
       CASE WHEN r.outer_diameter_mm IS NULL THEN concat_ws('X', r.width_mm, r.section_height_mm) ELSE r.outer_diameter_mm::text END AS size,
       CASE r.flow_direction WHEN '+' THEN 1 WHEN '-' THEN -1 END AS flow,
       ST_Length(r.geom) AS length_m, ST_3DLength(r.geom) AS length_3d_m, a AS start_place, b AS end_place,
       ST_Azimuth(a, ST_PointN(r.geom, 2)) AS start_azimuth, ST_Azimuth(b, ST_PointN(r.geom, -2)) AS end_azimuth
FROM ({rows}) AS r CROSS JOIN LATERAL (SELECT ST_StartPoint(r.geom) AS a, ST_EndPoint(r.geom) AS b) AS e

-- name: make_ends
-- Another survey may have used the same numbers: a published line counts at a point only where it really ends there.
CREATE TEMPORARY TABLE network_end ON COMMIT DROP AS
SELECT l.number AS line, l.part, l.row, l.natural_key, l.kind, l.system, l.material, l.size, l.diameter_mm, p.number AS point,
       e.elevation_m, e.height_m, e.depth_m, e.azimuth, e.flows_in, ST_X(e.place) AS x, ST_Y(e.place) AS y
FROM network_line AS l CROSS JOIN LATERAL (VALUES
    (l.start_node, l.start_elevation_m, l.start_m, l.start_depth_m, l.start_azimuth, l.flow < 0, l.start_place),
    (l.end_node, l.end_elevation_m, l.end_m, l.end_depth_m, l.end_azimuth, l.flow > 0, l.end_place)
) AS e (node, elevation_m, height_m, depth_m, azimuth, flows_in, place)
JOIN network_point AS p ON p.node_id = e.node
WHERE l.part IS NOT NULL OR ST_DWithin(e.place, p.geom, 1)

-- name: own_map_numbers
SELECT count(*) FILTER (WHERE map_number <> node_id), count(*) FILTER (WHERE map_number <> '') FROM {staging}

-- name: map_numbers_that_differ
SELECT row, natural_key, ST_X(geom), ST_Y(geom), map_number FROM {staging} WHERE map_number <> '' AND map_number <> node_id ORDER BY row

-- name: repeated_points
SELECT row, natural_key, ST_X(geom), ST_Y(geom), first_row, hash = first_hash
FROM (SELECT row, natural_key, geom, hash, first_value(row) OVER same AS first_row, first_value(hash) OVER same AS first_hash
      FROM (SELECT *, hash_record_extended(ROW(geom::bytea, {attributes}), 0) AS hash FROM {staging} WHERE node_id <> '') AS s
      WINDOW same AS (PARTITION BY node_id ORDER BY row)) AS numbered
WHERE row > first_row ORDER BY row

-- name: feature_and_appurtenance
-- A survey that has neither column says nothing of either.
SELECT row, natural_key, ST_X(geom), ST_Y(geom), feature, appurtenance FROM {staging}
WHERE (feature IS NULL) = (appurtenance IS NULL) AND EXISTS (SELECT FROM {staging} WHERE num_nonnulls(feature, appurtenance) > 0)
ORDER BY row

-- name: points_at_one_place
-- Pipes of different kinds may lie one above the other on the shelves of a tunnel.
SELECT row, natural_key, ST_X(geom), ST_Y(geom), first_id
FROM (SELECT row, natural_key, geom, first_value(row) OVER same AS first_row, first_value(node_id) OVER same AS first_id
      FROM {staging} WINDOW same AS (PARTITION BY kind, round(ST_X(geom) * 1000), round(ST_Y(geom) * 1000), round(ST_Z(geom) * 1000) ORDER BY row)) AS s
WHERE row > first_row ORDER BY row

-- name: codes_that_do_not_fit
-- Digits: 5, class, subclass (2), element (2: point), kind of point (1: feature, 2: appurtenance), sequence (2).
SELECT row, natural_key, ST_X(geom), ST_Y(geom), feature_code
FROM {staging} JOIN unnest(%(kinds)s::text[], %(prefixes)s::text[]) AS c (kind, prefix) USING (kind)
WHERE feature_code ~ '^5[0-9]{{7}}$' AND (
    NOT starts_with(feature_code, prefix) OR substr(feature_code, 5, 1) <> '2'
    OR substr(feature_code, 6, 1) = '1' AND feature IS NULL AND appurtenance IS NOT NULL
    OR substr(feature_code, 6, 1) = '2' AND appurtenance IS NULL AND feature IS NOT NULL)
ORDER BY row

-- name: lines_without_an_end
-- A file that names no ends at all is no survey table: nothing is missing in it.
SELECT row, natural_key, ST_X(ST_StartPoint(geom)), ST_Y(ST_StartPoint(geom)), start_node, end_node FROM {staging}
WHERE (coalesce(start_node, '') = '' OR coalesce(end_node, '') = '')
  AND EXISTS (SELECT FROM {staging} WHERE start_node <> '' AND end_node <> '')
ORDER BY row

-- name: lines_back_to_their_start
SELECT row, natural_key, ST_X(ST_StartPoint(geom)), ST_Y(ST_StartPoint(geom)), start_node FROM {staging}
WHERE start_node <> '' AND start_node = end_node ORDER BY row

-- name: lines_listed_twice
-- The same pipe: of one kind, between the same two points at the same heights, in whichever direction it is listed. Lines with numbers of
-- their own, that are not made of their ends, are two: pumps and pipes may lie side by side.
SELECT row, natural_key, x, y, first_row, backwards IS DISTINCT FROM first_backwards
FROM (SELECT *, first_value(row) OVER same AS first_row, first_value(backwards) OVER same AS first_backwards
      FROM (SELECT row, natural_key, kind, nullif(nullif(segment_id, start_node || '-' || end_node), end_node || '-' || start_node) AS own_id, ST_X(ST_StartPoint(geom)) AS x, ST_Y(ST_StartPoint(geom)) AS y, start_node > end_node AS backwards,
                   least(start_node, end_node) AS a, greatest(start_node, end_node) AS b,
                   round(1000 * ST_Z(CASE WHEN start_node > end_node THEN ST_EndPoint(geom) ELSE ST_StartPoint(geom) END)) AS at_a,
                   round(1000 * ST_Z(CASE WHEN start_node > end_node THEN ST_StartPoint(geom) ELSE ST_EndPoint(geom) END)) AS at_b
            FROM {staging} WHERE start_node <> '' AND end_node <> '' AND start_node <> end_node) AS s
      WINDOW same AS (PARTITION BY a, b, kind, own_id, at_a, at_b ORDER BY row)) AS numbered
WHERE row > first_row ORDER BY row

-- name: lines_too_deep
SELECT row, natural_key, ST_X(ST_StartPoint(geom)), ST_Y(ST_StartPoint(geom)), greatest(start_depth_m, end_depth_m) FROM {staging}
WHERE greatest(start_depth_m, end_depth_m) > %(deepest_m)s ORDER BY row

-- name: ends_at_other_heights
-- Of a conduit that does not fall, at a point without a shaft or declared change: what departs from the height most ends have there.
WITH plain AS (
    SELECT e.*, p.node_id, coalesce(e.elevation_m, p.ground_m - e.depth_m) AS z
    FROM network_end AS e JOIN network_point AS p ON p.number = e.point
    WHERE p.appurtenance IS NULL AND (p.feature IS NULL OR NOT p.feature = ANY (%(changes)s)) AND NOT e.kind = ANY (%(gravity)s)
), usual AS (
    SELECT DISTINCT ON (point, system) point, system, z AS usual FROM (
        SELECT point, system, min(z) AS z, count(*) AS ends, min(row) AS row FROM plain WHERE z IS NOT NULL GROUP BY point, system, round(z * 1000)) AS c
    ORDER BY point, system, ends DESC, row
)
SELECT e.row, e.natural_key, e.x, e.y, e.node_id, 'height', round(e.z::numeric, 3)::text, round(u.usual::numeric, 3)::text
FROM plain AS e JOIN usual AS u USING (point, system)
WHERE e.part = %(part)s AND abs(e.z - u.usual) > %(tolerance_m)s ORDER BY e.row

-- name: ends_of_other_make
-- Where just two pipes of a system meet at a point without a shaft, both are of one material and size unless the point is declared a change.
SELECT b.row, b.natural_key, b.x, b.y, p.node_id, c.what, c.here, c.there
FROM (SELECT point, system, array_agg(line ORDER BY row NULLS FIRST, line) AS lines FROM network_end GROUP BY point, system HAVING count(*) = 2) AS pair
JOIN network_point AS p ON p.number = pair.point
JOIN network_line AS a ON a.number = pair.lines[1]
JOIN network_end AS b ON b.line = pair.lines[2] AND b.point = pair.point
CROSS JOIN LATERAL (VALUES ('material', b.material, a.material, 'material_change'), ('size', b.size, a.size, 'diameter_change')) AS c (what, here, there, change)
WHERE b.part = %(part)s AND p.appurtenance IS NULL AND a.number <> b.line AND c.here <> c.there AND p.feature IS DISTINCT FROM c.change
ORDER BY b.row, c.what

-- name: points_without_lines
SELECT p.row, p.natural_key, ST_X(p.geom), ST_Y(p.geom) FROM network_point AS p
WHERE p.part = %(part)s AND NOT EXISTS (SELECT FROM network_end AS e WHERE e.point = p.number) ORDER BY p.row

-- name: heights_that_do_not_add_up
SELECT e.row, e.natural_key, e.x, e.y, p.node_id, p.ground_m, e.depth_m, e.elevation_m
FROM network_end AS e JOIN network_point AS p ON p.number = e.point
WHERE e.part = %(part)s AND abs(p.ground_m - e.depth_m - e.elevation_m) > %(tolerance_m)s + 1e-6 ORDER BY e.row, p.node_id

-- name: lengths_beyond
SELECT row, natural_key, ST_X(start_place), ST_Y(start_place), length_3d_m FROM network_line
WHERE part = %(part)s AND (length_3d_m > %(longest_m)s OR length_3d_m < %(shortest_m)s) ORDER BY row

-- name: steep_lines
-- A pipe that comes out of the ground or goes up a pole is upright.
SELECT l.row, l.natural_key, ST_X(l.start_place), ST_Y(l.start_place), degrees(atan2(abs(l.end_m - l.start_m), l.length_m)) AS slope
FROM network_line AS l
WHERE l.part = %(part)s AND l.length_m > 0
  AND degrees(atan2(abs(l.end_m - l.start_m), l.length_m)) > CASE WHEN l.kind = ANY (%(gravity)s) THEN %(gravity_deg)s ELSE %(other_deg)s END
  AND NOT EXISTS (SELECT FROM network_end AS e JOIN network_point AS p ON p.number = e.point WHERE e.line = l.number AND p.feature = ANY (%(upright)s))
ORDER BY l.row

-- name: declared_joints
SELECT p.row, p.natural_key, ST_X(p.geom), ST_Y(p.geom), p.feature, d.degree, e.ends
FROM network_point AS p JOIN unnest(%(features)s::text[], %(degrees)s::integer[]) AS d (feature, degree) USING (feature)
JOIN (SELECT point, count(*) AS ends FROM network_end GROUP BY point) AS e ON e.point = p.number
WHERE p.part = %(part)s AND e.ends <> d.degree ORDER BY p.row

-- name: lines_uphill
SELECT row, natural_key, ST_X(start_place), ST_Y(start_place), (end_m - start_m) * flow AS rise FROM network_line
WHERE part = %(part)s AND kind = ANY (%(gravity)s) AND pressure IS NULL AND (end_m - start_m) * flow > %(tolerance_m)s + 1e-6 ORDER BY row

-- name: lines_that_narrow
SELECT o.row, o.natural_key, o.x, o.y, p.node_id, o.size, i.size
FROM network_end AS o JOIN network_point AS p ON p.number = o.point
JOIN LATERAL (SELECT size, diameter_mm FROM network_end AS n
              WHERE n.point = o.point AND n.system = o.system AND n.flows_in AND n.diameter_mm IS NOT NULL ORDER BY n.diameter_mm DESC LIMIT 1) AS i ON true
WHERE o.part = %(part)s AND NOT o.flows_in AND o.kind = ANY (%(gravity)s)
  AND width_bucket(i.diameter_mm, %(series)s::float8[]) - width_bucket(o.diameter_mm, %(series)s::float8[]) > %(steps)s
ORDER BY o.row

-- name: sewage_into_storm_water
SELECT s.row, s.natural_key, s.x, s.y, p.node_id FROM network_end AS s JOIN network_point AS p ON p.number = s.point
WHERE s.part = %(part)s AND s.kind = 'WS' AND s.flows_in IS NOT FALSE
  AND EXISTS (SELECT FROM network_end AS o WHERE o.point = s.point AND o.kind = 'YS' AND o.flows_in IS NOT TRUE)
ORDER BY s.row

-- name: sharp_turns
-- The angle between the pipe that comes in and the one that goes out, seen from the shaft: 180 degrees is straight on.
SELECT i.row, i.natural_key, i.x, i.y, p.node_id, min(t.turn) AS turn
FROM network_end AS i JOIN network_end AS o ON o.point = i.point AND o.system = i.system AND o.line <> i.line AND NOT o.flows_in
JOIN network_point AS p ON p.number = i.point
CROSS JOIN LATERAL (SELECT degrees(acos(least(1, greatest(-1, cos(i.azimuth - o.azimuth))))) AS turn) AS t
WHERE i.part = %(part)s AND i.flows_in AND i.kind = ANY (%(gravity)s) AND t.turn < %(least_deg)s - %(tolerance_deg)s
  AND NOT (i.diameter_mm <= %(small_mm)s AND coalesce(i.height_m - o.height_m, 0) > %(drop_m)s)
GROUP BY i.row, i.natural_key, i.x, i.y, p.node_id ORDER BY i.row

-- name: graph_lines
-- The points at both ends of the lines of some systems, -1 for one that is not known; staged rows of this part first.
SELECT l.number, coalesce(a.number, -1), coalesce(b.number, -1), l.part IS NOT DISTINCT FROM %(part)s, l.length_m, coalesce(l.diameter_mm, 'NaN')
FROM network_line AS l
LEFT JOIN network_point AS a ON a.node_id = l.start_node AND (l.part IS NOT NULL OR ST_DWithin(a.geom, l.start_place, 1))
LEFT JOIN network_point AS b ON b.node_id = l.end_node AND (l.part IS NOT NULL OR ST_DWithin(b.geom, l.end_place, 1))
WHERE l.system = ANY (%(systems)s) ORDER BY l.part IS DISTINCT FROM %(part)s, l.row

-- name: graph_ends
SELECT a.number, b.number FROM network_line AS l
JOIN network_point AS a ON a.node_id = l.start_node AND (l.part IS NOT NULL OR ST_DWithin(a.geom, l.start_place, 1))
JOIN network_point AS b ON b.node_id = l.end_node AND (l.part IS NOT NULL OR ST_DWithin(b.geom, l.end_place, 1))
WHERE l.system = %(system)s

-- name: count_points
SELECT count(*) FROM network_point

-- name: shafts
SELECT number FROM network_point WHERE appurtenance IS NOT NULL

-- name: points_called
SELECT number FROM network_point WHERE feature = ANY (%(words)s) OR appurtenance = ANY (%(words)s)

-- name: these_points
SELECT row, natural_key, ST_X(geom), ST_Y(geom), number FROM network_point WHERE part = %(part)s AND number = ANY (%(numbers)s) ORDER BY row

-- name: these_lines
SELECT row, natural_key, ST_X(start_place), ST_Y(start_place), number FROM network_line WHERE number = ANY (%(numbers)s) ORDER BY row
