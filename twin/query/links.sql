-- Links of one feature. Identifiers come in through {placeholders}.

-- name: links_now
SELECT 'out', to_dataset, to_fid, dataset, field FROM city.object_link
WHERE dataset = %(dataset)s AND fid = %(fid)s AND to_dataset = ANY (%(visible)s)
UNION ALL
SELECT 'in', dataset, fid, dataset, field FROM city.object_link
WHERE to_dataset = %(dataset)s AND to_fid = %(fid)s AND dataset = ANY (%(visible)s)
ORDER BY 1 DESC, 5, 2, 3 LIMIT %(limit)s

-- name: links_as_of
WITH standing AS (
    SELECT dataset, fid, field, to_dataset, to_fid FROM city.object_link
    WHERE (dataset, fid) = (%(dataset)s, %(fid)s) AND commit_from <= %(as_of)s
    UNION ALL
    SELECT dataset, fid, field, to_dataset, to_fid FROM city.object_link
    WHERE (to_dataset, to_fid) = (%(dataset)s, %(fid)s) AND commit_from <= %(as_of)s
    UNION ALL
    SELECT dataset, fid, field, to_dataset, to_fid FROM history.object_link
    WHERE (dataset, fid) = (%(dataset)s, %(fid)s) AND commit_from <= %(as_of)s AND %(as_of)s < commit_to
    UNION ALL
    SELECT dataset, fid, field, to_dataset, to_fid FROM history.object_link
    WHERE (to_dataset, to_fid) = (%(dataset)s, %(fid)s) AND commit_from <= %(as_of)s AND %(as_of)s < commit_to
)
SELECT DISTINCT CASE WHEN outwards THEN 'out' ELSE 'in' END, CASE WHEN outwards THEN to_dataset ELSE dataset END,
       CASE WHEN outwards THEN to_fid ELSE fid END, dataset, field
FROM (SELECT *, (dataset, fid) = (%(dataset)s, %(fid)s) AS outwards FROM standing) AS directed
WHERE CASE WHEN outwards THEN to_dataset ELSE dataset END = ANY (%(visible)s)
ORDER BY 1 DESC, 5, 2, 3 LIMIT %(limit)s

-- name: keys_now
SELECT fid, natural_key FROM {current} WHERE fid = ANY (%(fids)s)

-- name: keys_as_of
SELECT fid, natural_key FROM {current} WHERE fid = ANY (%(fids)s) AND commit_from <= %(as_of)s
UNION ALL
SELECT fid, natural_key FROM {history} WHERE fid = ANY (%(fids)s) AND commit_from <= %(as_of)s AND %(as_of)s < commit_to

-- name: reference_counts
SELECT count(s.{field}),
       count(*) FILTER (WHERE EXISTS (SELECT FROM city.object_link AS l WHERE l.dataset = {dataset} AND l.field = {name} AND l.fid = s.fid)),
       (SELECT count(*) FROM city.object_link AS l WHERE l.dataset = {dataset} AND l.field = {name}
        AND NOT EXISTS (SELECT FROM ({targets}) AS t WHERE (t.dataset, t.fid) = (l.to_dataset, l.to_fid)))
FROM {current} AS s
