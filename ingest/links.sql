-- The links between features, kept in step with the rows that carry and answer references. Identifiers come in through {placeholders}.

-- name: all_sources
SELECT s.fid FROM {source} AS s UNION SELECT l.fid FROM city.object_link AS l WHERE l.dataset = %(dataset)s AND l.field = %(field)s

-- name: changed_sources
SELECT s.fid FROM {staging} AS s WHERE s.fid IS NOT NULL AND s.action IN ('insert', 'update', 'delete')
UNION
SELECT c.fid FROM {staging} AS s JOIN {source} AS c ON c.natural_key = s.natural_key WHERE s.fid IS NULL AND s.action = 'insert'

-- name: sources_of_changed_targets
SELECT l.fid FROM {staging} AS s JOIN city.object_link AS l ON l.to_dataset = {target_dataset} AND l.to_fid = s.fid
WHERE l.dataset = %(dataset)s AND l.field = %(field)s AND s.action IN ('update', 'delete')
UNION
SELECT c.fid FROM {staging} AS s JOIN {source} AS c ON c.{field} = s.{target_field} WHERE s.action IN ('insert', 'update')

-- name: relink
-- A link that holds no more is closed into the history, one that holds now is opened; one that goes on holding keeps its row.
WITH touched AS ({touched}), wanted AS (
    SELECT c.fid, t.to_dataset, t.to_fid FROM touched JOIN {source} AS c USING (fid) JOIN ({targets}) AS t ON t.value = c.{field}
), ended AS (
    DELETE FROM city.object_link AS l USING touched
    WHERE l.dataset = %(dataset)s AND l.field = %(field)s AND l.fid = touched.fid
      AND NOT EXISTS (SELECT FROM wanted AS w WHERE (w.fid, w.to_dataset, w.to_fid) = (l.fid, l.to_dataset, l.to_fid))
    RETURNING l.dataset, l.fid, l.field, l.to_dataset, l.to_fid, l.commit_from
), closed AS (
    INSERT INTO history.object_link (dataset, fid, field, to_dataset, to_fid, commit_from, commit_to) SELECT ended.*, %(commit)s FROM ended
)
INSERT INTO city.object_link (dataset, fid, field, to_dataset, to_fid, commit_from)
SELECT %(dataset)s, w.fid, %(field)s, w.to_dataset, w.to_fid, %(commit)s FROM wanted AS w
ON CONFLICT DO NOTHING
