-- Tiles of low levels: what is large is drawn itself, the rest is summed up in cells and drawn by cell (twin/query/massed_tile.py).

-- name: stored_cells
-- Cells of a level of the overview, or of a coarser one made of them; places are in metres of the storage CRS.
SELECT x >> {shift} AS x, y >> {shift} AS y, (x + dx) >> {shift} AS x2, (y + dy) >> {shift} AS y2, class, count, weight,
       ax + weight * ((x >> {above}) << {last}) AS ax, ay + weight * ((y >> {above}) << {last}) AS ay,
       bx + weight * (((x + dx) >> {above}) << {last}) AS bx, by + weight * (((y + dy) >> {above}) << {last}) AS by
FROM {cells}
WHERE level = {level} AND x >> {block} BETWEEN {west} >> {block} AND {east} >> {block}
  AND y >> {block} BETWEEN {south} >> {block} AND {north} >> {block}
  AND x BETWEEN {west} AND {east} AND y BETWEEN {south} AND {north}

-- name: counted_cells
-- The same of the features themselves.
SELECT ax >> {level} AS x, ay >> {level} AS y, bx >> {level} AS x2, by >> {level} AS y2, class, sum(sign * {scale})::bigint AS count,
       sum(weight) * {scale} AS weight, sum(weight * ax) * {scale} AS ax, sum(weight * ay) * {scale} AS ay,
       sum(weight * bx) * {scale} AS bx, sum(weight * by) * {scale} AS by
FROM ({seen}) AS s WHERE size_m <= {large_m} GROUP BY 1, 2, 3, 4, 5

-- name: large_stored
SELECT f.fid, f.geom, {properties}, l.size_m
FROM {large} AS l JOIN {current} AS f ON f.fid = l.fid AND f.dataset = {dataset}
WHERE l.size_m > {large_m} AND l.diagonal && {box}{simple} ORDER BY l.size_m DESC, f.fid LIMIT {cap}

-- name: large_counted
SELECT fid, geom, {properties}, ST_Length2D(ST_BoundingDiagonal(geom)) AS size_m
FROM seen_rows WHERE ST_Length2D(ST_BoundingDiagonal(geom)) > {large_m} ORDER BY size_m DESC, fid LIMIT {cap}

-- name: common_code
-- The class that prevails in a cell.
substr(max(lpad(weight::bigint::text, 15, '0') || class), 16)

-- name: common_number
-- The mean of a number that a ramp colours, in steps that can be told apart. What is not finite is no value, as in items; what is beyond
-- all that a ramp has is bounded, so that no sum is beyond what a double holds and every mean of whole numbers is one of them.
coalesce((round((sum(weight * CASE WHEN class NOT IN ('', 'NaN', 'Infinity', '-Infinity') THEN least(greatest(class::float8, -1e15), 1e15) END)
    / nullif(sum(weight) FILTER (WHERE class NOT IN ('', 'NaN', 'Infinity', '-Infinity')), 0) / {step})::numeric) * {step})::text, '')

-- name: massed_areas
-- One square a cell, of the area of what it stands for and in the middle of it, in the prevailing class; no smaller than can be seen. It is
-- made in units of the tile: nothing has to be cut or set right.
SELECT ST_Reverse(ST_MakeEnvelope(round(x - half), round(y - half), round(x + half), round(y + half))) AS geom, class, count
FROM (SELECT class, count, half, (ST_X(middle) - {west}) * {units} AS x, ({north} - ST_Y(middle)) * {units} AS y
      FROM (SELECT class, count, least({side_m}, greatest({side_m} / 4.0, sqrt(weight))) * {units_m} / 2 AS half,
                   ST_Transform(ST_SetSRID(ST_MakePoint(cx, cy), {srid}), {tile_srid}) AS middle
            FROM (SELECT {common} AS class, sum(count)::bigint AS count, sum(weight) AS weight,
                         sum(ax) / sum(weight) AS cx, sum(ay) / sum(weight) AS cy
                  FROM cells GROUP BY x, y HAVING sum(weight) > 0) AS summed OFFSET 0) AS sized OFFSET 0) AS units
WHERE x BETWEEN {least} AND {most} AND y BETWEEN {least} AND {most}

-- name: massed_points
SELECT ST_SetSRID(ST_MakePoint(sum(ax) / sum(weight), sum(ay) / sum(weight)), {srid}) AS geom,
       {common} AS class, sum(count)::bigint AS count
FROM cells GROUP BY x, y HAVING sum(weight) > 0

-- name: massed_lines
-- Ends that share a cell are one node, in the middle of them, so that what is connected stays so; edges of a class are merged by block. What
-- lies in one cell is drawn where no edge comes to it. Windows, not joins: nothing is known of the number of cells when this is planned.
SELECT ST_LineMerge(ST_Collect(ST_SetSRID(ST_MakeLine(ST_MakePoint(ax, ay), ST_MakePoint(bx, by)), {srid}))) AS geom, class,
       sum(count)::bigint AS count
FROM (
    SELECT min(x) AS x, min(y) AS y, min(class) AS class, min(count) AS count, bool_or(is_edge) AS is_edge, bool_or(at_edge) AS at_edge,
           max(px) FILTER (WHERE is_first) AS ax, max(py) FILTER (WHERE is_first) AS ay,
           max(px) FILTER (WHERE NOT is_first) AS bx, max(py) FILTER (WHERE NOT is_first) AS by
    FROM (
        SELECT number, x, y, class, count, is_edge, is_first, bool_or(is_edge) OVER node AS at_edge,
               CASE WHEN is_edge THEN sum(px) OVER node / sum(weight) OVER node ELSE px / weight END AS px,
               CASE WHEN is_edge THEN sum(py) OVER node / sum(weight) OVER node ELSE py / weight END AS py
        FROM (
            SELECT number, CASE WHEN is_first THEN x ELSE x2 END AS x, CASE WHEN is_first THEN y ELSE y2 END AS y, class, count, weight,
                   x <> x2 OR y <> y2 AS is_edge, is_first, CASE WHEN is_first THEN ax ELSE bx END AS px,
                   CASE WHEN is_first THEN ay ELSE by END AS py
            FROM (SELECT row_number() OVER () AS number, x, y, x2, y2, {common} AS class,
                         sum(count)::bigint AS count, sum(weight) AS weight, sum(ax) AS ax, sum(ay) AS ay, sum(bx) AS bx, sum(by) AS by
                  FROM cells GROUP BY x, y, x2, y2 HAVING sum(weight) > 0) AS edges
            CROSS JOIN (VALUES (true), (false)) AS ends (is_first)
        ) AS ends WINDOW node AS (PARTITION BY x, y)
    ) AS placed GROUP BY number
) AS edges
WHERE is_edge OR NOT at_edge GROUP BY class, x >> 4, y >> 4

-- name: has_overview
SELECT coalesce(obj_description(to_regclass({cells_name}), 'pg_class') = {wanted}, false)

-- name: count_touching
SELECT count(*) FROM ({rows}) AS touching

-- name: count_in_cells
SELECT coalesce(sum(count), 0)::bigint FROM ({cells}) AS c
