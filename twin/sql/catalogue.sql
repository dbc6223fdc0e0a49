-- name: version
SELECT value FROM catalog.version

-- name: deployment
SELECT * FROM catalog.deployment

-- name: datasets
SELECT d.*, t.class_number FROM catalog.dataset AS d JOIN catalog.feature_type AS t ON t.name = d.feature_type

-- name: current_revisions
SELECT r.* FROM catalog.revision AS r JOIN catalog.dataset AS d ON d.id = r.dataset AND d.current_commit = r.commit

-- name: last_commit
SELECT coalesce(max(number), 0) AS number FROM catalog.commit

-- name: revisions
SELECT * FROM catalog.revision WHERE dataset = %(dataset)s ORDER BY commit

-- name: commits
SELECT * FROM catalog.commit ORDER BY number

-- name: commit_sharing
SELECT r.commit, array_agg(DISTINCT d.sharing) AS sharing
FROM catalog.revision AS r JOIN catalog.dataset AS d ON d.id = r.dataset GROUP BY r.commit

-- name: commit_at_time
SELECT coalesce(max(number), 0) AS number FROM catalog.commit WHERE time <= %(time)s

-- name: revision_as_of
SELECT * FROM catalog.revision WHERE dataset = %(dataset)s AND commit <= %(commit)s ORDER BY commit DESC LIMIT 1

-- name: make_deployment
INSERT INTO catalog.deployment (name, storage_srid, vertical, extent_deg, admin_prefix, oid_root,
    geocentric_pipeline, geocentric_accuracy_m, geocentric_operation)
VALUES (%(name)s, %(storage_srid)s, %(vertical)s, %(extent_deg)s, %(admin_prefix)s, %(oid_root)s,
    %(geocentric_pipeline)s, %(geocentric_accuracy_m)s, %(geocentric_operation)s)
ON CONFLICT DO NOTHING

-- name: make_dataset
INSERT INTO catalog.dataset (slug, feature_type, title_zh, title_en, owner_department, steward, licence, sharing, tolerance_m, source_platform)
VALUES (%(slug)s, %(feature_type)s, %(title_zh)s, %(title_en)s, %(owner_department)s, %(steward)s, %(licence)s, %(sharing)s, %(tolerance_m)s,
    %(source_platform)s)
ON CONFLICT (slug) DO NOTHING

-- name: describe_dataset
UPDATE catalog.dataset SET title_zh = coalesce(%(title_zh)s, title_zh), title_en = coalesce(%(title_en)s, title_en),
    owner_department = coalesce(%(owner_department)s, owner_department), steward = coalesce(%(steward)s, steward),
    licence = coalesce(%(licence)s, licence), source_platform = coalesce(%(source_platform)s, source_platform),
    update_cycle = coalesce(%(update_cycle)s, update_cycle)
WHERE slug = %(slug)s

-- name: receive_submission
INSERT INTO catalog.submission (id, state, actor, files, options) VALUES (%(id)s, 'received', %(actor)s, %(files)s, %(options)s)

-- name: advance_submission
-- The time of this statement, not of its transaction: two that publish wait for each other, and the later of them is the later.
UPDATE catalog.submission SET state = %(to)s, commit = coalesce(%(commit)s, commit), changed_at = clock_timestamp() WHERE id = %(id)s AND state = ANY (%(allowed)s)

-- name: copy_findings
COPY catalog.finding (submission, part, rule, severity, file, layer, row, key, message_zh, message_en, x, y, value, proposal, waived, waived_by)
FROM STDIN

-- name: add_omitted_findings
INSERT INTO catalog.finding_omitted (submission, part, rule, severity, waived, count)
VALUES (%(submission)s, %(part)s, %(rule)s, %(severity)s, %(waived)s, %(count)s)

-- name: assets_of_current_revisions
SELECT a.* FROM catalog.asset AS a JOIN catalog.dataset AS d ON d.id = a.dataset AND d.current_commit = a.revision

-- name: asset
SELECT * FROM catalog.asset
WHERE dataset = %(dataset)s AND revision = %(revision)s AND kind = %(kind)s AND variant = %(variant)s

-- name: asset_ready_before
SELECT * FROM catalog.asset
WHERE dataset = %(dataset)s AND kind = %(kind)s AND variant = %(variant)s AND revision < %(revision)s AND state = 'ready'
ORDER BY revision DESC LIMIT 1

-- name: assets_ready
SELECT * FROM catalog.asset
WHERE dataset = %(dataset)s AND kind = %(kind)s AND variant = %(variant)s AND state = 'ready'
ORDER BY revision DESC

-- name: assets_building
SELECT * FROM catalog.asset
WHERE dataset = %(dataset)s AND kind = %(kind)s AND variant = %(variant)s AND state = 'building'

-- name: fail_deadly_asset
-- A build whose lease has run out as often as it may be begun has killed who built it each time: it says why it ends.
UPDATE catalog.asset SET state = 'failed', lease_until = NULL, changed_at = now(),
    detail = jsonb_build_object('error', format('the build was begun %%s times, and each time its process ended without a word', attempt))
WHERE dataset = %(dataset)s AND revision = %(revision)s AND kind = %(kind)s AND variant = %(variant)s
  AND state = 'building' AND lease_until < now() AND attempt >= %(attempts)s

-- name: claim_asset
INSERT INTO catalog.asset AS a (dataset, revision, kind, variant, state, fencing, attempt, lease_until)
VALUES (%(dataset)s, %(revision)s, %(kind)s, %(variant)s, 'building', 1, 1, now() + make_interval(secs => %(lease_s)s))
ON CONFLICT (dataset, revision, kind, variant) DO UPDATE
SET state = 'building', fencing = a.fencing + 1, attempt = a.attempt + 1, changed_at = now(), detail = a.detail - 'progress',
    lease_until = now() + make_interval(secs => %(lease_s)s)
WHERE a.state = 'missing' OR (a.attempt < %(attempts)s AND (a.state = 'failed' OR (a.state = 'building' AND a.lease_until < now())))
RETURNING fencing

-- name: keep_lease
UPDATE catalog.asset SET lease_until = now() + make_interval(secs => %(lease_s)s)
WHERE dataset = %(dataset)s AND revision = %(revision)s AND kind = %(kind)s AND variant = %(variant)s AND fencing = %(fencing)s AND state = 'building'
RETURNING true

-- name: note_build
-- Says how far a build is and tells open pages; no row when somebody else has taken the lease.
WITH noted AS (
    UPDATE catalog.asset SET detail = detail || jsonb_build_object('progress', %(progress)s::jsonb)
    WHERE dataset = %(dataset)s AND revision = %(revision)s AND kind = %(kind)s AND variant = %(variant)s AND fencing = %(fencing)s AND state = 'building'
    RETURNING dataset, revision, state
)
SELECT pg_notify('twin_event', json_build_object('event', 'asset', 'dataset', d.slug, 'revision', noted.revision, 'state', noted.state,
    'progress', %(progress)s::jsonb)::text)
FROM noted JOIN catalog.dataset AS d ON d.id = noted.dataset

-- name: finish_asset
UPDATE catalog.asset SET state = %(state)s, detail = %(detail)s, lease_until = NULL, changed_at = now()
WHERE dataset = %(dataset)s AND revision = %(revision)s AND kind = %(kind)s AND variant = %(variant)s AND fencing = %(fencing)s AND state = 'building'
RETURNING true

-- name: findings
SELECT f.part, f.rule, f.severity, f.layer, f.row, f.key, f.message_zh, f.message_en, f.x, f.y
FROM catalog.finding AS f WHERE f.submission = %(submission)s ORDER BY f.part, f.row, f.number

-- name: forget_asset
UPDATE catalog.asset SET state = 'missing', attempt = 0
WHERE dataset = %(dataset)s AND revision = %(revision)s AND kind = %(kind)s AND variant = %(variant)s AND state <> 'building'

-- name: reject_submission
UPDATE catalog.submission SET state = 'rejected', changed_at = now() WHERE id = %(id)s AND state IN ('received', 'checked', 'accepted')

-- name: forget_unpublished_dataset
DELETE FROM catalog.dataset AS d
WHERE d.id = %(dataset)s AND d.current_commit IS NULL
  AND NOT EXISTS (SELECT FROM catalog.revision AS r WHERE r.dataset = d.id)
  AND NOT EXISTS (SELECT FROM catalog.submission_part AS p WHERE p.dataset = d.id)
