-- What a checked submission keeps beside its staged rows. Values are bound.

-- name: hold_dataset
INSERT INTO catalog.submission_part (submission, part, dataset) VALUES (%(submission)s, %(part)s, %(dataset)s)

-- name: keep_part
UPDATE catalog.submission_part
SET mode = %(mode)s, first_load = %(first_load)s, base_commit = %(base_commit)s, rows = %(rows)s, hash = %(hash)s, counts = %(counts)s,
    replaceable = %(replaceable)s, inputs = %(inputs)s, lineage = %(lineage)s, kept_keys = %(kept_keys)s, area = %(area)s
WHERE submission = %(submission)s AND part = %(part)s

-- name: kept_parts
SELECT part, dataset, mode, first_load, base_commit, rows, hash, counts, replaceable, inputs, lineage, kept_keys, area
FROM catalog.submission_part WHERE submission = %(submission)s AND counts IS NOT NULL ORDER BY part

-- name: dataset_slugs
SELECT DISTINCT p.dataset, d.slug FROM catalog.submission_part AS p JOIN catalog.dataset AS d ON d.id = p.dataset
WHERE p.submission = %(submission)s ORDER BY d.slug
