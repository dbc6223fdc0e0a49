-- name: coinciding
-- Which part of the points of each set has the middle of a feature within a distance.
SELECT p.name,
       avg(CASE WHEN EXISTS (
         SELECT FROM {table} f
         WHERE f.geom && postgis.st_expand(p.geom, %(within_m)s) AND postgis.st_dwithin({middle}, p.geom, %(within_m)s)
       ) THEN 1.0 ELSE 0.0 END)
FROM (
  SELECT name, postgis.st_setsrid(postgis.st_makepoint(x, y), %(srid)s) AS geom
  FROM unnest(%(names)s::text[], %(x)s::float8[], %(y)s::float8[]) AS given (name, x, y)
) p
GROUP BY p.name;
