-- Waivers of submissions. Values are bound.

-- name: make
INSERT INTO catalog.waiver (submission, rule, dataset, key, file, layer, row, reason, reviewer)
VALUES (%(submission)s, %(rule)s, %(dataset)s, %(key)s, %(file)s, %(layer)s, %(row)s, %(reason)s, %(reviewer)s)

-- name: of_submission
SELECT * FROM catalog.waiver WHERE submission = %(submission)s ORDER BY number

-- name: withdraw
UPDATE catalog.waiver SET withdrawn_at = now(), withdrawn_by = %(by)s
WHERE submission = %(submission)s AND number = %(number)s AND withdrawn_at IS NULL RETURNING number

-- name: parts_found
-- In which parts there are findings of a rule, of one feature or of any, and whether none of them is of a row that has a key.
SELECT f.part, bool_and(f.key IS NULL) FROM catalog.finding AS f
WHERE f.submission = %(submission)s AND f.rule = %(rule)s AND f.part IS NOT NULL AND f.severity <> 'blocking'
  AND (%(part)s::integer IS NULL OR f.part = %(part)s) AND (%(key)s::text IS NULL OR f.key = %(key)s)
  AND (%(row)s::bigint IS NULL OR (f.row = %(row)s AND coalesce(%(layer)s, f.layer) = f.layer AND coalesce(%(file)s, f.file) = f.file))
GROUP BY f.part ORDER BY f.part

-- name: earlier
-- The newest waiver of a published submission for each feature that breaks the same rule here and is not let pass yet.
SELECT DISTINCT ON (f.part, f.rule, f.key) w.*
FROM catalog.finding AS f
JOIN unnest(%(datasets)s::text[]) WITH ORDINALITY AS d (slug, place) ON d.place = f.part + 1
JOIN catalog.waiver AS w ON w.dataset = d.slug AND w.rule = f.rule AND w.key = f.key
JOIN catalog.submission AS s ON s.id = w.submission AND s.state = 'published'
WHERE f.submission = %(submission)s AND f.key IS NOT NULL AND f.waived IS NULL AND w.withdrawn_at IS NULL AND w.submission <> f.submission
ORDER BY f.part, f.rule, f.key, w.number DESC LIMIT %(limit)s
