-- name: points_called
-- Points by their names, with the ground there.
SELECT c.{name}::text, postgis.st_x(c.geom), postgis.st_y(c.geom), c_ground
FROM {table} AS c, LATERAL (SELECT {ground} AS c_ground) AS g
WHERE c.{name} = ANY (%(names)s::text[]) AND NOT postgis.st_isempty(c.geom);

-- name: ends_in
-- Whether one of the lines ends at a point that it names as its end.
SELECT EXISTS (
    SELECT FROM {lines} AS l JOIN {points} AS p ON p.{name} = l.{end}
    WHERE postgis.st_dwithin(postgis.st_startpoint(l.geom), p.geom, %(near_m)s)
        OR postgis.st_dwithin(postgis.st_endpoint(l.geom), p.geom, %(near_m)s)
);
