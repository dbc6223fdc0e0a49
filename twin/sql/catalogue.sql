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

-- name: changes_between
SELECT coalesce(sum(inserted + updated + deleted), 0)::bigint AS number FROM catalog.revision
WHERE dataset = %(dataset)s AND commit > %(since)s AND commit <= %(until)s

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

-- name: forget_unpublished_dataset
DELETE FROM catalog.dataset AS d
WHERE d.id = %(dataset)s AND d.current_commit IS NULL
  AND NOT EXISTS (SELECT FROM catalog.revision AS r WHERE r.dataset = d.id)
  AND NOT EXISTS (SELECT FROM catalog.submission_part AS p WHERE p.dataset = d.id)
