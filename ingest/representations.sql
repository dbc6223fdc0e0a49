-- What stands beside staged rows: their 3D and the documents they came from. {beside} is staged, {current} and {history} are the partitions.

-- name: create_beside
CREATE UNLOGGED TABLE IF NOT EXISTS {beside} (row bigint NOT NULL, {definitions}, same boolean) {storage}

-- name: create_for_good
-- Of a first load: it becomes the partition as it is, so it has its fids from the beginning and is logged.
CREATE TABLE {beside} (
    row bigint NOT NULL, dataset integer NOT NULL DEFAULT {dataset}, fid bigint NOT NULL, {definitions}, same boolean,
    CONSTRAINT of_dataset CHECK (dataset = {dataset})) {storage}

-- name: copy_into_beside
COPY {beside} ({copied}) FROM STDIN (FORMAT binary{freeze})

-- name: keep_header
INSERT INTO catalog.source_header (hash, crs, document) VALUES (%(hash)s, %(crs)s, %(document)s) ON CONFLICT DO NOTHING

-- name: drop_rejected
-- A first load's table becomes the partition without what belonged to rows that were rejected since.
DELETE FROM {beside} AS b WHERE NOT EXISTS (SELECT FROM {staging} AS s WHERE s.fid = b.fid)

-- name: index_key
CREATE UNIQUE INDEX IF NOT EXISTS {key_index} ON {beside} ({key})

-- name: add_key
ALTER TABLE {beside} ADD PRIMARY KEY USING INDEX {key_index}

-- name: add_index
CREATE INDEX ON {beside} (row)

-- name: analyse
-- Of 3D and documents themselves there is nothing to know, and of the numbers of their rows little: a tenth of the usual sample tells it.
SET LOCAL default_statistics_target = 10;
ANALYZE {beside} (row);
SET LOCAL default_statistics_target = DEFAULT

-- name: leave_staging
ALTER TABLE {beside} DROP COLUMN row, DROP COLUMN same, ALTER COLUMN dataset DROP DEFAULT

-- name: compare
UPDATE {beside} AS b SET same = EXISTS (
    SELECT FROM {staging} AS s JOIN {current} AS c USING (fid)
    WHERE s.row = b.row AND {same_key} AND {same_content})

-- name: moved_candidates
-- Equal but for the places of vertices, or for the version they are stored in: then all is still to be compared.
SELECT b.row, b.lod, b.faces, c.faces
FROM {beside} AS b JOIN {staging} AS s USING (row) JOIN {current} AS c ON c.fid = s.fid AND c.lod = b.lod
WHERE NOT b.same AND {same_surfaces}
  AND (substr(b.faces, 1, 4) <> substr(c.faces, 1, 4) OR catalog.topology_of_faces_v1(b.faces) = catalog.topology_of_faces_v1(c.faces))

-- name: mark_unmoved
UPDATE {beside} AS b SET same = true FROM unnest(%(rows)s::bigint[], %(lods)s::text[]) AS u (row, lod) WHERE b.row = u.row AND b.lod = u.lod

-- name: update_changed
-- Another roof alone makes another state of the feature; so does a level of detail that is no more.
UPDATE {staging} AS s SET action = 'update'
WHERE s.action = 'unchanged' AND EXISTS (SELECT FROM {beside} AS b WHERE b.row = s.row)
  AND (EXISTS (SELECT FROM {beside} AS b WHERE b.row = s.row AND b.same IS NOT TRUE) OR {gone})

-- name: gone
EXISTS (SELECT FROM {current} AS c WHERE c.fid = s.fid AND NOT EXISTS (SELECT FROM {beside} AS b WHERE b.row = s.row AND {same_key}))

-- name: draw_fids
-- New features get their fids before they are written: what stands beside them needs those.
UPDATE {staging} SET fid = nextval({sequence}) WHERE action = 'insert' AND fid IS NULL

-- name: close
INSERT INTO {history} (dataset, fid, commit_from, commit_to, {columns})
SELECT c.dataset, c.fid, c.commit_from, %(commit)s, {current_columns} FROM {current} AS c JOIN {staging} AS s USING (fid) WHERE {ends}

-- name: remove
DELETE FROM {current} AS c USING {staging} AS s WHERE s.fid = c.fid AND {ends}

-- name: ends_replaced
-- What its source has anew, or has no more.
(s.action = 'delete' OR (s.action = 'update' AND EXISTS (SELECT FROM {beside} AS b WHERE b.row = s.row)
  AND NOT EXISTS (SELECT FROM {beside} AS b WHERE b.row = s.row AND {same_key} AND b.same)))

-- name: ends_moved
-- A source without 3D redrew the feature elsewhere: its 3D holds no more.
(s.action = 'update' AND {without}
  AND NOT catalog.same_place_v1(ST_Force2D(s.geom), (SELECT ST_Force2D(f.geom) FROM {feature} AS f WHERE f.fid = c.fid), {tolerance}))

-- name: without
NOT EXISTS (SELECT FROM {beside} AS b WHERE b.row = s.row)

-- name: ends_deleted
s.action = 'delete'

-- name: ends_edited
-- A document says all of a feature: any other state of it needs another one.
s.action IN ('update', 'delete')

-- name: write
INSERT INTO {current} (dataset, fid, commit_from, {columns})
SELECT {dataset}, s.fid, %(commit)s, {staged_columns} FROM {beside} AS b JOIN {staging} AS s USING (row)
WHERE s.action IN ('insert', 'update') AND b.same IS NOT TRUE ORDER BY {key}

-- name: close_later
-- Rollback: what stands now and did not stand at the commit.
WITH later AS (
    DELETE FROM {current} AS c WHERE c.commit_from > %(to)s AND NOT EXISTS (
        SELECT FROM {history} AS h WHERE h.fid = c.fid AND h.commit_from <= %(to)s AND %(to)s < h.commit_to
          AND {same_former_key} AND {same_former_content})
    RETURNING c.dataset, c.fid, c.commit_from, {current_columns}
)
INSERT INTO {history} (dataset, fid, commit_from, commit_to, {columns}) SELECT dataset, fid, commit_from, %(commit)s, {columns} FROM later

-- name: write_former
INSERT INTO {current} (dataset, fid, commit_from, {columns})
SELECT h.dataset, h.fid, %(commit)s, {history_columns} FROM {history} AS h
WHERE h.commit_from <= %(to)s AND %(to)s < h.commit_to AND NOT EXISTS (SELECT FROM {current} AS c WHERE c.fid = h.fid AND {same_former_key})

-- name: differs_from_former
-- The 3D of feature c is not what it was at the commit.
(EXISTS (SELECT FROM {current} AS n WHERE n.fid = c.fid AND n.commit_from > {to} AND NOT EXISTS (
     SELECT FROM {history} AS h WHERE h.fid = c.fid AND h.commit_from <= {to} AND {to} < h.commit_to
       AND {same_now_key} AND {same_now_content}))
 OR EXISTS (SELECT FROM {history} AS h WHERE h.fid = c.fid AND h.commit_from <= {to} AND {to} < h.commit_to AND NOT EXISTS (
     SELECT FROM {current} AS n WHERE n.fid = c.fid AND {same_now_key} AND {same_now_content})))
