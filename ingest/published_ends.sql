-- name: points_called
-- Points by their names, with the ground there.
SELECT c.{name}::text, postgis.st_x(c.geom), postgis.st_y(c.geom), c_ground
FROM {table} AS c, LATERAL (SELECT {ground} AS c_ground) AS g
WHERE c.{name} = ANY (%(names)s::text[]) AND NOT postgis.st_isempty(c.geom);
