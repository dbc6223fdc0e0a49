-- Set-based work on staged rows. Identifiers come in through {placeholders}, values are bound.

-- name: create_staging
CREATE {unlogged} TABLE {staging} (
    row bigint,
    action text,
    dataset integer NOT NULL DEFAULT {dataset},
    fid bigint {identity},
    {content}
    {constraint}
)

-- name: draw_some
SELECT nextval({sequence}) FROM generate_series(1, %(count)s)

-- name: draw_block
-- The last of so many numbers; between reading and setting nobody else may draw: it is said again that the sequence is owned by nothing,
-- which locks it against whoever would. One message, so that no client stands between the lock and its end. That the log is on the disk need
-- not be waited for: what uses a number is logged behind it.
SET LOCAL synchronous_commit = off;
SET LOCAL lock_timeout = {patience};
ALTER SEQUENCE {locked} OWNED BY NONE;
SELECT setval({sequence}, nextval({sequence}) + {count} - 1)

-- name: copy_into_staging
COPY {staging} ({columns}) FROM STDIN (FORMAT binary{freeze})

-- name: is_accepted
SELECT EXISTS (SELECT FROM catalog.submission WHERE state = 'accepted' AND starts_with(replace(id::text, '-', ''), %(owner)s))

-- name: forget_parts_of_owner
-- Those of a withdrawn one say until it is cleared which datasets only it wanted.
DELETE FROM catalog.submission_part AS p
WHERE starts_with(replace(p.submission::text, '-', ''), %(owner)s)
      AND NOT EXISTS (SELECT FROM catalog.submission AS s WHERE s.id = p.submission AND s.state = 'withdrawn')

-- name: staged_count_and_hash
SELECT count(*), coalesce(bit_xor(hash_record_extended(ROW(s.row, s.natural_key, s.geom::bytea), 0)), 0) FROM {staging} AS s

-- name: staged_count_and_numbers
SELECT count(*), coalesce(bit_xor(hashint8extended(s.row, 0)), 0) FROM {staging} AS s

-- name: measure_by_kind
SELECT {kind} AS kind, count(*), {length}, {area} FROM {staging} WHERE row IS NOT NULL GROUP BY 1 ORDER BY 1 NULLS LAST

-- name: hash_beside
-- Which rows and how many bytes stand beside the staged ones; their content is not read again.
SELECT coalesce(bit_xor(hashtextextended(concat_ws('/', b.row, octet_length(b.{column})), 0)), 0) FROM {beside} AS b

-- name: count_beside
SELECT hashtextextended({name}, count(*)) FROM {beside}

-- name: find_repeated
-- The first row of a value stays: a repeated key in one file names two things the same. Only rows of repeated values are ordered, so that no
-- sort carries all geometries.
WITH repeated AS (SELECT {value} AS value FROM {staging} WHERE {value} IS NOT NULL GROUP BY 1 HAVING count(*) > 1)
SELECT row, natural_key, first_row, value, x, y
FROM (SELECT s.row, s.natural_key, value, ST_XMin(s.geom) AS x, ST_YMin(s.geom) AS y,
             first_value(s.row) OVER same AS first_row, row_number() OVER same AS place
      FROM (SELECT row, natural_key, geom, {value} AS value FROM {staging}) AS s JOIN repeated USING (value)
      WINDOW same AS (PARTITION BY value ORDER BY s.row)) AS numbered
WHERE place > 1 ORDER BY row

-- name: find_same_geometry
-- Hashes are grouped first: among a million outlines few are the same, and only those are sorted and compared byte by byte.
WITH hashed AS MATERIALIZED (SELECT row, hash_record_extended(ROW(geom::bytea), 0) AS hash FROM {staging} WHERE row IS NOT NULL),
    same AS (SELECT row, first_value(row) OVER (PARTITION BY hash ORDER BY row) AS first_row
             FROM hashed WHERE hash IN (SELECT hash FROM hashed GROUP BY hash HAVING count(*) > 1))
SELECT s.row, s.natural_key, f.row AS first_row, ST_XMin(s.geom) AS x, ST_YMin(s.geom) AS y
FROM same JOIN {staging} AS s ON s.row = same.row JOIN {staging} AS f ON f.row = same.first_row
WHERE same.row > same.first_row AND s.geom::bytea = f.geom::bytea ORDER BY s.row

-- name: find_without_target
SELECT s.row, s.natural_key, e.field, e.value, ST_XMin(s.geom) AS x, ST_YMin(s.geom) AS y
FROM {staging} AS s CROSS JOIN LATERAL (VALUES {values}) AS e (field, value)
WHERE e.value <> '' AND (%(suspects)s::text[] IS NULL OR e.value = ANY (%(suspects)s)) AND {unanswered}
ORDER BY s.row, e.field

-- name: names_any_target
SELECT EXISTS (SELECT FROM {staging} AS s CROSS JOIN LATERAL (VALUES {values}) AS e (field, value) WHERE e.value <> '')

-- name: reject_rows
DELETE FROM {staging} WHERE row = ANY (%(rows)s)

-- name: fill_well_ground
-- A shaft is given by two of ground, bottom and depth.
UPDATE {staging} SET ground_elevation_m = CASE
    WHEN bottom_elevation_m IS NOT NULL AND depth_m IS NOT NULL THEN bottom_elevation_m + depth_m
    ELSE round(ST_Z(geom)::numeric, 4)::double precision END
WHERE ground_elevation_m IS NULL

-- name: fill_well_bottom
UPDATE {staging} SET bottom_elevation_m = round((ground_elevation_m - depth_m)::numeric, 4)::double precision
WHERE bottom_elevation_m IS NULL AND depth_m IS NOT NULL

-- name: fill_well_depth
UPDATE {staging} SET depth_m = round((ground_elevation_m - bottom_elevation_m)::numeric, 4)::double precision
WHERE depth_m IS NULL AND bottom_elevation_m IS NOT NULL

-- name: name_given_bottoms
UPDATE {staging} SET {source} = CASE WHEN num_nulls(bottom_elevation_m, depth_m) < 2 THEN 'field' END

-- name: fill_well_bottom_from_segments
-- The lowest pipe that ends at a node; of several datasets of pipes the lowest of all.
UPDATE {staging} AS s SET bottom_elevation_m = round(p.invert::numeric, 4)::double precision, {source} = 'segments'
FROM ({inverts}) AS p
WHERE p.node = s.{node} AND p.invert < least(s.ground_elevation_m, s.bottom_elevation_m) AND {source} IS DISTINCT FROM 'field'

-- name: forget_well_bottom
UPDATE {staging} SET bottom_elevation_m = NULL, depth_m = NULL, {source} = NULL WHERE {source} = 'segments'

-- name: match_by_key
UPDATE {staging} AS s SET fid = c.fid, action = 'matched' FROM {current} AS c
WHERE c.natural_key = s.natural_key AND s.action IS NULL

-- name: match_by_same_geometry
-- Features without a key: equal geometry first; among equals those with equal attributes first, then in order of fid.
WITH staged AS (
    SELECT row, geom, hashtextextended(ROW({content})::text, 0) AS likeness FROM {staging} WHERE action IS NULL AND natural_key IS NULL
), open AS (
    SELECT c.fid, c.geom, hashtextextended(ROW({content})::text, 0) AS likeness FROM {current} AS c
    WHERE c.natural_key IS NULL AND NOT EXISTS (SELECT FROM {staging} AS t WHERE t.fid = c.fid)
), alike AS (
    SELECT s.row, o.fid
    FROM (SELECT *, row_number() OVER (PARTITION BY geom, likeness ORDER BY row) AS place FROM staged) AS s
    JOIN (SELECT *, row_number() OVER (PARTITION BY geom, likeness ORDER BY fid) AS place FROM open) AS o
      ON o.geom = s.geom AND o.likeness = s.likeness AND o.place = s.place
), same_place AS (
    SELECT s.row, o.fid
    FROM (SELECT *, row_number() OVER (PARTITION BY geom ORDER BY row) AS place FROM staged AS f WHERE NOT EXISTS (SELECT FROM alike AS a WHERE a.row = f.row)) AS s
    JOIN (SELECT *, row_number() OVER (PARTITION BY geom ORDER BY fid) AS place FROM open AS f WHERE NOT EXISTS (SELECT FROM alike AS a WHERE a.fid = f.fid)) AS o
      ON o.geom = s.geom AND o.place = s.place
)
UPDATE {staging} AS s SET fid = m.fid, action = 'matched'
FROM (SELECT * FROM alike UNION ALL SELECT * FROM same_place) AS m WHERE s.row = m.row

-- name: match_within_tolerance
WITH open AS (
    SELECT c.fid, c.geom FROM {current} AS c
    WHERE c.natural_key IS NULL AND NOT EXISTS (SELECT FROM {staging} AS t WHERE t.fid = c.fid)
), pairs AS (
    SELECT s.row, o.fid, ST_Distance(ST_Centroid(s.geom), ST_Centroid(o.geom)) AS distance
    FROM {staging} AS s JOIN open AS o
      ON ST_Expand(s.geom, %(tolerance_m)s) && o.geom AND catalog.same_place_v1(s.geom, o.geom, %(tolerance_m)s)
    WHERE s.action IS NULL AND s.natural_key IS NULL
), nearest AS (
    SELECT DISTINCT ON (row) row, fid, distance FROM pairs ORDER BY row, distance, fid
), one_each AS (
    SELECT DISTINCT ON (fid) row, fid FROM nearest ORDER BY fid, distance, row
)
UPDATE {staging} AS s SET fid = m.fid, action = 'matched' FROM one_each AS m WHERE s.row = m.row

-- name: match_by_attributes
-- What moved or was redrawn but carries attributes that only one feature has on each side.
WITH staged AS (
    SELECT min(row) AS row, likeness FROM (
        SELECT row, ROW({attributes})::text AS likeness FROM {staging} WHERE action IS NULL AND natural_key IS NULL AND num_nonnulls({attributes}) > 0) AS s
    GROUP BY likeness HAVING count(*) = 1
), open AS (
    SELECT min(fid) AS fid, likeness FROM (
        SELECT c.fid, ROW({attributes})::text AS likeness FROM {current} AS c
        WHERE c.natural_key IS NULL AND num_nonnulls({attributes}) > 0) AS c
    GROUP BY likeness HAVING count(*) = 1
)
UPDATE {staging} AS s SET fid = o.fid, action = 'matched'
FROM staged AS m JOIN open AS o USING (likeness)
WHERE s.row = m.row AND NOT EXISTS (SELECT FROM {staging} AS t WHERE t.fid = o.fid)

-- name: classify
-- Unchanged: equal attributes and no vertex moved beyond the tolerance; then the stored row stays (DESIGN 7). A line drawn the other way is
-- another line; a ring may begin anywhere. A geometry with its vertices in their order stays as it is stored too when only attributes
-- change: a file that rounds coordinates wears nothing down.
UPDATE {staging} AS s
SET action = CASE WHEN m.same_attributes AND m.unmoved AND (m.in_order OR ST_Dimension(m.geom) <> 1) THEN 'unchanged' ELSE 'update' END,
    geom = CASE WHEN m.unmoved AND m.in_order THEN m.geom ELSE s.geom END
FROM (SELECT s.fid, c.geom, catalog.same_place_v1(s.geom, c.geom, %(tolerance_m)s) AS unmoved,
             catalog.same_order_v1(s.geom, c.geom, %(tolerance_m)s) AS in_order,
             ROW({staged_attributes}) IS NOT DISTINCT FROM ROW({current_attributes}) AS same_attributes
      FROM {staging} AS s JOIN {current} AS c USING (fid) WHERE s.action = 'matched') AS m
WHERE m.fid = s.fid AND s.action = 'matched'

-- name: classify_new
UPDATE {staging} SET action = 'insert' WHERE action IS NULL

-- name: count_actions
SELECT count(*) FILTER (WHERE action = 'insert'), count(*) FILTER (WHERE action = 'update'), count(*) FILTER (WHERE action = 'unchanged'),
       count(*) FILTER (WHERE action = 'delete')
FROM {staging}

-- name: mark_missing
-- What the file no longer has: inside {inside}, and not a feature whose row was rejected (it is kept, DESIGN 14).
INSERT INTO {staging} (row, action, dataset, fid, natural_key, geom)
SELECT NULL, 'delete', c.dataset, c.fid, c.natural_key, c.geom FROM {current} AS c
WHERE NOT EXISTS (SELECT FROM {staging} AS s WHERE s.fid = c.fid)
  AND (c.natural_key IS NULL OR NOT c.natural_key = ANY (%(kept)s))
  AND {inside}

-- name: count_current
SELECT count(*) FROM {current} AS c WHERE {inside}

-- name: keys_published
SELECT c.natural_key FROM {current} AS c
WHERE c.natural_key = ANY (%(keys)s) AND NOT EXISTS (SELECT FROM {staging} AS s WHERE s.natural_key = c.natural_key)

-- name: mark_declared_deletes
UPDATE {staging} AS s SET action = 'delete' WHERE s.fid IS NOT NULL AND s.row = ANY (%(rows)s)

-- name: begin_deletes
CREATE TEMPORARY TABLE {aside} (LIKE {staging}) ON COMMIT DROP

-- name: set_deletes_aside
WITH gone AS (
    DELETE FROM {staging} AS d WHERE d.row = ANY (%(rows)s)
      AND NOT EXISTS (SELECT FROM {staging} AS o WHERE o.natural_key = d.natural_key AND o.row <> ALL (%(rows)s))
    RETURNING d.*)
INSERT INTO {aside} SELECT * FROM gone RETURNING row, natural_key

-- name: put_deletes_back
INSERT INTO {staging} SELECT DISTINCT ON (natural_key, CASE WHEN natural_key IS NULL THEN row END) * FROM {aside}
ORDER BY natural_key, CASE WHEN natural_key IS NULL THEN row END, row

-- name: keys_missing
SELECT c.natural_key FROM {current} AS c
WHERE c.natural_key <> ALL (%(kept)s) AND NOT EXISTS (SELECT FROM {staging} AS s WHERE s.natural_key = c.natural_key) AND {inside}

-- name: pass_over_unknown_deletes
UPDATE {staging} SET action = 'pass' WHERE row = ANY (%(rows)s) AND action <> 'delete' RETURNING row

-- name: forget_missing
DELETE FROM {staging} WHERE row IS NULL AND action = 'delete'

-- name: forget_assigned
UPDATE {staging} SET fid = NULL, action = NULL

-- name: close_rows
INSERT INTO {history} (dataset, fid, commit_from, commit_to, {content})
SELECT c.dataset, c.fid, c.commit_from, %(commit)s, {current_content}
FROM {current} AS c JOIN {staging} AS s USING (fid) WHERE s.action IN ('update', 'delete')

-- name: delete_rows
DELETE FROM {current} AS c USING {staging} AS s WHERE s.fid = c.fid AND s.action IN ('update', 'delete')

-- name: insert_rows
INSERT INTO {current} (dataset, fid, commit_from, {content})
SELECT {dataset}, coalesce(s.fid, nextval({sequence})), %(commit)s, {staged_content}
FROM (SELECT * FROM {staging} WHERE action IN ('insert', 'update') ORDER BY row) AS s

-- name: stage_state_as_of
-- The rows of a past commit that differ from today's, staged so that publishing them is an ordinary publish.
INSERT INTO {staging} (row, action, dataset, fid, {content})
SELECT NULL, CASE WHEN EXISTS (SELECT FROM {current} AS c WHERE c.fid = h.fid) THEN 'update' ELSE 'insert' END, h.dataset, h.fid, {history_content}
FROM {history} AS h WHERE h.commit_from <= %(commit)s AND %(commit)s < h.commit_to

-- name: stage_later_rows
INSERT INTO {staging} (row, action, dataset, fid, natural_key, geom)
SELECT NULL, 'delete', c.dataset, c.fid, c.natural_key, c.geom FROM {current} AS c
WHERE c.commit_from > %(commit)s AND NOT EXISTS (SELECT FROM {staging} AS s WHERE s.fid = c.fid)

-- name: current_commit
SELECT current_commit FROM catalog.dataset WHERE id = %(dataset)s

-- name: current_commits
SELECT id, current_commit FROM catalog.dataset WHERE id = ANY (%(datasets)s) AND current_commit IS NOT NULL

-- name: forget_match_findings
DELETE FROM catalog.finding
WHERE submission = %(submission)s AND part = %(part)s AND rule = ANY (%(rules)s) AND severity <> 'error'

-- name: forget_match_omitted
DELETE FROM catalog.finding_omitted
WHERE submission = %(submission)s AND part = %(part)s AND rule = ANY (%(rules)s) AND severity <> 'error'

-- name: further_match_findings
SELECT number FROM catalog.finding_further WHERE submission = %(submission)s AND part = %(part)s AND rule = ANY (%(rules)s)

-- name: take_further_findings
DELETE FROM catalog.finding_further WHERE submission = %(submission)s AND part = %(part)s AND number = %(number)s RETURNING rule, content

-- name: keep_further_findings
INSERT INTO catalog.finding_further (submission, part, number, rule, content)
VALUES (%(submission)s, %(part)s, %(number)s, %(rule)s, %(content)s)

-- name: note_last_submission
INSERT INTO catalog.last_submission (dataset, submission, part)
SELECT dataset, %(submission)s, part FROM unnest(%(datasets)s::integer[], %(parts)s::integer[]) AS p (dataset, part)
ON CONFLICT (dataset) DO UPDATE SET submission = excluded.submission, part = excluded.part

-- name: forget_parts
DELETE FROM catalog.submission_part WHERE submission = %(submission)s

-- name: record_revision
INSERT INTO catalog.revision (dataset, commit, inserted, updated, deleted, count, lineage, extent_m, extent_deg)
VALUES (%(dataset)s, %(commit)s, %(inserted)s, %(updated)s, %(deleted)s, %(count)s, %(lineage)s, %(extent_m)s, %(extent_deg)s)

-- name: set_current_commit
UPDATE catalog.dataset SET current_commit = %(commit)s WHERE id = %(dataset)s

-- name: next_commit
SELECT number, time FROM catalog.next_commit_v1(%(actor)s, %(reason)s, %(name)s, %(kind)s, %(rolled_back_to)s)

-- name: count_and_extent
SELECT count(*), ST_XMin(ST_Extent(geom)), ST_YMin(ST_Extent(geom)), ST_XMax(ST_Extent(geom)), ST_YMax(ST_Extent(geom)) FROM {table}

-- name: extent_of_current
SELECT count, extent_m FROM catalog.revision WHERE dataset = {dataset} AND commit = %(commit)s

-- name: extents_of_change
-- Of what comes, and of what goes.
SELECT ST_XMin(comes), ST_YMin(comes), ST_XMax(comes), ST_YMax(comes), ST_XMin(goes), ST_YMin(goes), ST_XMax(goes), ST_YMax(goes)
FROM (SELECT ST_Extent(s.geom) AS comes FROM {staging} AS s WHERE s.action IN ('insert', 'update')) AS staged,
     (SELECT ST_Extent(c.geom) AS goes FROM {current} AS c JOIN {staging} AS s USING (fid) WHERE s.action IN ('update', 'delete')) AS closed

-- name: reach_within
SELECT {reach} FROM {current} AS c WHERE c.geom && ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, {srid})

-- name: drop_equal
-- A row that is back at its former state already has nothing to change, however its source spells what no field takes. An error in a comparison
-- would refuse the rollback of all.
DELETE FROM {staging} AS s USING {current} AS c
WHERE c.fid = s.fid AND s.action = 'update' AND ROW({staged_content}) IS NOT DISTINCT FROM ROW({current_content})
  AND (s.extra::text IS NOT DISTINCT FROM c.extra::text OR catalog.same_json_v1(s.extra::text, c.extra::text))
  AND NOT ({differs})

-- name: drop_same
-- Of published rows that were derived anew only those that differ become part of the commit.
DELETE FROM {staging} AS s USING {current} AS c
WHERE c.fid = s.fid AND ROW({staged_attributes}) IS NOT DISTINCT FROM ROW({current_attributes})

-- name: mark_changed
UPDATE {staging} SET action = 'update'

-- name: states_of
-- The published features that are said by number, as they stand.
SELECT c.fid, c.commit_from, c.natural_key FROM {current} AS c WHERE c.fid = ANY (%(fids)s::bigint[])

-- name: address_rows
-- What the door does not show of a feature stays with it.
UPDATE {staging} AS s SET fid = c.fid, action = 'matched', extra = c.extra
FROM unnest(%(rows)s::bigint[], %(fids)s::bigint[]) AS a (row, fid) JOIN {current} AS c ON c.fid = a.fid WHERE s.row = a.row

-- name: number_new
UPDATE {staging} SET fid = nextval({sequence}), action = 'insert' WHERE action IS NULL

-- name: mark_addressed_deletes
INSERT INTO {staging} (row, action, dataset, fid, natural_key, geom)
SELECT a.row, 'delete', c.dataset, c.fid, c.natural_key, c.geom
FROM unnest(%(rows)s::bigint[], %(fids)s::bigint[]) AS a (row, fid) JOIN {current} AS c ON c.fid = a.fid

-- name: keys_taken
SELECT s.row, s.natural_key FROM {staging} AS s JOIN {current} AS c USING (natural_key)
WHERE s.action <> 'delete' AND c.fid <> ALL (%(fids)s::bigint[]) ORDER BY s.row

-- name: staged_actions
SELECT row, fid, action FROM {staging} ORDER BY row
