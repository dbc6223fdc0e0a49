-- Changes, feature by feature: place in the order of pages, action, fid, key, geometries, attributes before and after.

-- name: page
SELECT * FROM ({changes}) AS found
WHERE place > %(after)s AND (%(action)s::text IS NULL OR action = %(action)s) ORDER BY place LIMIT %(limit)s

-- name: staged_first_load
SELECT s.row AS place, 'insert' AS action, NULL::bigint AS fid, s.natural_key, s.geom::bytea AS geometry, NULL::bytea AS geometry_before,
       {nothing}, {after}{current}
FROM {staging} AS s

-- name: staged_changes
-- What goes has no row in the source: it comes last, in order of its number.
SELECT coalesce(s.row, 4611686018427387904 + s.fid) AS place, s.action, s.fid, s.natural_key, s.geom::bytea AS geometry,
       CASE WHEN s.action = 'update' AND NOT s.geom = c.geom THEN c.geom::bytea END AS geometry_before, {before}, {after}
FROM {staging} AS s LEFT JOIN {current} AS c ON c.fid = s.fid
WHERE s.action IN ('insert', 'update', 'delete')

-- name: published_changes
SELECT s.fid AS place, CASE WHEN c.fid IS NULL THEN 'insert' ELSE 'update' END AS action, s.fid, s.natural_key, s.geom::bytea AS geometry,
       CASE WHEN c.fid IS NOT NULL AND NOT s.geom = c.geom THEN c.geom::bytea END AS geometry_before, {before}, {after}
FROM (SELECT {columns} FROM {current} WHERE commit_from = {commit} UNION ALL SELECT {columns} FROM {history} WHERE commit_from = {commit}) AS s
LEFT JOIN {history} AS c ON c.fid = s.fid AND c.commit_to = {commit}
UNION ALL
SELECT c.fid, 'delete', c.fid, c.natural_key, c.geom::bytea, NULL, {before}, {nothing}
FROM {history} AS c
WHERE c.commit_to = {commit} AND NOT EXISTS (SELECT FROM {current} AS s WHERE s.fid = c.fid AND s.commit_from = {commit})
  AND NOT EXISTS (SELECT FROM {history} AS s WHERE s.fid = c.fid AND s.commit_from = {commit})

-- name: datasets_of_commit
SELECT dataset FROM catalog.revision WHERE commit = %(commit)s
