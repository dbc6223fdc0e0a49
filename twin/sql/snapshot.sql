-- name: version
SELECT value FROM catalog.version

-- name: deployment
SELECT * FROM catalog.deployment

-- name: datasets
SELECT d.*, t.class_number FROM catalog.dataset AS d JOIN catalog.feature_type AS t ON t.name = d.feature_type

-- name: current_revisions
SELECT r.* FROM catalog.revision AS r JOIN catalog.dataset AS d ON d.id = r.dataset AND d.current_commit = r.commit

-- name: last_commit
SELECT coalesce(max(number), 0) AS value FROM catalog.commit
