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

-- name: forget_asset
UPDATE catalog.asset SET state = 'missing', attempt = 0
WHERE dataset = %(dataset)s AND revision = %(revision)s AND kind = %(kind)s AND variant = %(variant)s AND state <> 'building'
