-- What a dataset looks like from afar (twin/overview.py). Every number is a sum, so what a commit changes is added and taken away. Sums are
-- double precision and whole, far below 2^53: exact whatever their order, and several times faster than numeric.

-- name: create_cells
CREATE TABLE {cells} (
    level smallint NOT NULL,
    -- The cell, in sides of 2^level m from the origin of the storage CRS; of a line the cell of its lesser end, and how far the other is.
    x integer NOT NULL,
    y integer NOT NULL,
    dx smallint NOT NULL,
    dy smallint NOT NULL,
    class text COLLATE "C" NOT NULL,
    count bigint NOT NULL,
    -- Square metres of an area, metres of a line, at least 1; 1 of a point.
    weight double precision NOT NULL,
    -- Sums of the weights times the place, in metres from the corner of the cell of the last level: of the middle of a box, or of the ends
    -- of a line.
    ax double precision NOT NULL,
    ay double precision NOT NULL,
    bx double precision NOT NULL,
    by double precision NOT NULL
) WITH (fillfactor = 80)

-- name: create_large
CREATE TABLE {large} (fid bigint NOT NULL, size_m real NOT NULL, diagonal postgis.geometry NOT NULL)

-- name: fill_large
INSERT INTO {large}
SELECT fid, size_m, diagonal
FROM (SELECT fid, ST_Length2D(diagonal) AS size_m, diagonal
      FROM (SELECT fid, ST_Force2D(ST_BoundingDiagonal(geom)) AS diagonal FROM ({rows}) AS r WHERE sign > 0 OFFSET 0) AS boxed OFFSET 0) AS measured
WHERE size_m > {small_m}

-- name: fill_cells
-- Levels are made one of the other: `levels` is `first_level` and those `rolled_up`, `summed` all together. What a tile shows lies together.
WITH entered AS ({entered}), {levels}
INSERT INTO {cells} SELECT * FROM ({summed}) AS s (level, x, y) ORDER BY level, x >> {block}, y >> {block}, x, y

-- name: change_cells
-- The same, of what came and what went; gives the keys of cells in which nothing is left. No index has a sum in it, nor as a condition:
-- rows change where they lie.
WITH entered AS ({entered}), {levels}, changed AS (
    INSERT INTO {cells} AS c {summed}
    ON CONFLICT (level, (x >> {block}), (y >> {block}), x, y, dx, dy, class) DO UPDATE
    SET count = c.count + excluded.count, weight = c.weight + excluded.weight, ax = c.ax + excluded.ax, ay = c.ay + excluded.ay,
        bx = c.bx + excluded.bx, by = c.by + excluded.by
    RETURNING level, x, y, dx, dy, class, count
)
SELECT level, x, y, dx, dy, class FROM changed WHERE count = 0

-- name: entered
-- A feature comes in at the first level whose cells are large enough for it.
SELECT level, ax >> level AS x, ay >> level AS y, (bx >> level) - (ax >> level) AS dx, (by >> level) - (ay >> level) AS dy, class,
       sum(sign) AS count, sum(sign * weight) AS weight,
       sum(sign * weight * (ax & {last_mask})) AS ax, sum(sign * weight * (ay & {last_mask})) AS ay,
       sum(sign * weight * (bx & {last_mask})) AS bx, sum(sign * weight * (by & {last_mask})) AS by
FROM ({seen}) AS seen
WHERE size_m <= {large_m} AND {drawn} GROUP BY 1, 2, 3, 4, 5, 6

-- name: seen_areas
SELECT sign, class, size_m, CASE WHEN size_m <= {small_m} THEN {first} ELSE {second} END AS level, weight, ax, ay, ax AS bx, ay AS by
FROM (SELECT sign, class, ST_Length2D(diagonal) AS size_m, greatest(1, round(ST_Area(geom))) AS weight,
             round(ST_X(ST_Centroid(diagonal)))::integer AS ax, round(ST_Y(ST_Centroid(diagonal)))::integer AS ay
      FROM (SELECT sign, class, geom, ST_BoundingDiagonal(geom) AS diagonal FROM ({rows}) AS r OFFSET 0) AS boxed OFFSET 0) AS measured

-- name: seen_points
SELECT sign, class, 0 AS size_m, {first} AS level, 1::double precision AS weight, ax, ay, ax AS bx, ay AS by
FROM (SELECT sign, class, round(ST_X(geom))::integer AS ax, round(ST_Y(geom))::integer AS ay FROM ({rows}) AS r OFFSET 0) AS measured

-- name: seen_lines
-- The lesser end first, so that a line drawn the other way is summed up with it.
SELECT sign, class, size_m, CASE WHEN size_m <= {small_m} THEN {first} ELSE {second} END AS level, weight,
       CASE WHEN turned THEN bx ELSE ax END AS ax, CASE WHEN turned THEN by ELSE ay END AS ay,
       CASE WHEN turned THEN ax ELSE bx END AS bx, CASE WHEN turned THEN ay ELSE by END AS by
FROM (SELECT *, ax > bx OR ax = bx AND ay > by AS turned
      FROM (SELECT sign, class, ST_Length2D(ST_BoundingDiagonal(geom)) AS size_m, greatest(1, round(ST_Length2D(geom))) AS weight,
                   round(ST_X(a))::integer AS ax, round(ST_Y(a))::integer AS ay, round(ST_X(b))::integer AS bx, round(ST_Y(b))::integer AS by
            FROM (SELECT sign, class, geom, ST_StartPoint(geom) AS a, ST_EndPoint(geom) AS b FROM ({rows}) AS r OFFSET 0) AS ended
            OFFSET 0) AS measured) AS ordered

-- name: first_level
SELECT x, y, dx, dy, class, count, weight, ax, ay, bx, by FROM entered WHERE level = {level}

-- name: rolled_up
-- Four cells of a level are one of the next. An edge whose ends have come to be the other way round is turned.
SELECT x, y, dx, dy, class, sum(count) AS count, sum(weight) AS weight, sum(ax) AS ax, sum(ay) AS ay, sum(bx) AS bx, sum(by) AS by
FROM (
    SELECT CASE WHEN turned THEN x2 ELSE x1 END AS x, CASE WHEN turned THEN y2 ELSE y1 END AS y,
           CASE WHEN turned THEN x1 - x2 ELSE x2 - x1 END AS dx, CASE WHEN turned THEN y1 - y2 ELSE y2 - y1 END AS dy, class, count, weight,
           CASE WHEN turned THEN bx ELSE ax END AS ax, CASE WHEN turned THEN by ELSE ay END AS ay,
           CASE WHEN turned THEN ax ELSE bx END AS bx, CASE WHEN turned THEN ay ELSE by END AS by
    FROM (SELECT *, x1 > x2 OR x1 = x2 AND y1 > y2 AS turned
          FROM (SELECT x >> 1 AS x1, y >> 1 AS y1, (x + dx) >> 1 AS x2, (y + dy) >> 1 AS y2, class, count, weight, ax, ay, bx, by
                FROM {below}) AS halved) AS ordered
    UNION ALL
    SELECT x, y, dx, dy, class, count, weight, ax, ay, bx, by FROM entered WHERE level = {level}
) AS together
WHERE {drawn} GROUP BY 1, 2, 3, 4, 5

-- name: index_cells
CREATE UNIQUE INDEX ON {cells} (level, (x >> {block}), (y >> {block}), x, y, dx, dy, class)

-- name: index_large
CREATE INDEX ON {large} USING gist (diagonal) WHERE size_m > {above_m}

-- name: key_large
CREATE UNIQUE INDEX ON {large} (fid)

-- name: drop_empty
DELETE FROM {cells} AS c
USING unnest(%(level)s::integer[], %(x)s::integer[], %(y)s::integer[], %(dx)s::integer[], %(dy)s::integer[], %(class)s::text[])
      AS e (level, x, y, dx, dy, class)
WHERE c.level = e.level AND c.x >> {block} = e.x >> {block} AND c.y >> {block} = e.y >> {block} AND c.x = e.x AND c.y = e.y
  AND c.dx = e.dx AND c.dy = e.dy AND c.class = e.class AND c.count = 0

-- name: drop_gone
DELETE FROM {large} AS l USING {history} AS h WHERE h.commit_to > %(since)s AND h.commit_from <= %(since)s AND h.fid = l.fid

-- name: rows_standing
SELECT fid, geom, 1 AS sign, {class} AS class FROM {table}

-- name: rows_changed
SELECT fid, geom, 1 AS sign, {class} AS class FROM {current} WHERE commit_from > %(since)s
UNION ALL SELECT fid, geom, -1, {class} FROM {history} WHERE commit_to > %(since)s AND commit_from <= %(since)s

-- name: described
SELECT obj_description(to_regclass(%(cells)s), 'pg_class')
