-- Submissions on their way: what was handed in, what is asked of a check, how far it is and what came of it. Values are bound.

-- name: receive
INSERT INTO catalog.submission (id, state, actor, files, options, stored, proposals, problem)
VALUES (%(id)s, %(state)s, %(actor)s, %(files)s, '{}', true, %(proposals)s, %(problem)s)

-- name: one
SELECT * FROM catalog.submission WHERE id = %(id)s

-- name: newest
SELECT * FROM catalog.submission
WHERE %(state)s::text IS NULL OR %(state)s = CASE WHEN check_wanted THEN 'received' ELSE state END ORDER BY received_at DESC, id LIMIT %(limit)s

-- name: hold
SELECT * FROM catalog.submission WHERE id = %(id)s FOR UPDATE

-- name: withdraw_waivers
UPDATE catalog.waiver SET withdrawn_at = now(), withdrawn_by = %(by)s WHERE submission = %(id)s AND withdrawn_at IS NULL

-- name: order_check
UPDATE catalog.submission
SET request = %(request)s, check_wanted = true, attempt = 0, progress = %(progress)s, result = NULL, problem = NULL, changed_at = now()
WHERE id = %(id)s

-- name: begin_check
-- Whatever state an earlier attempt that broke off had reached.
UPDATE catalog.submission SET attempt = attempt + 1, state = 'received'
WHERE id = %(id)s AND check_wanted AND state NOT IN ('withdrawn', 'published') RETURNING attempt

-- name: note_progress
UPDATE catalog.submission SET progress = %(progress)s WHERE id = %(id)s AND check_wanted

-- name: end_check
UPDATE catalog.submission
SET check_wanted = false, progress = NULL, result = %(result)s, problem = %(problem)s, changed_at = now()
WHERE id = %(id)s

-- name: end_made_check
-- Who withdrew it meanwhile wants no result of it.
UPDATE catalog.submission
SET check_wanted = false, progress = NULL, result = %(result)s, problem = %(problem)s, changed_at = now()
WHERE id = %(id)s AND check_wanted

-- name: want_no_check
UPDATE catalog.submission SET check_wanted = false, progress = NULL, problem = NULL WHERE id = %(id)s

-- name: before_in_line
-- Those that are being made, and those that were asked for earlier.
SELECT count(*) AS before FROM catalog.submission AS o, catalog.submission AS s
WHERE s.id = %(id)s AND o.check_wanted AND o.id <> s.id AND (o.attempt > 0 OR (o.changed_at, o.id) < (s.changed_at, s.id))

-- name: note_published
UPDATE catalog.submission SET result = %(result)s, problem = NULL, progress = NULL WHERE id = %(id)s

-- name: note_problem
UPDATE catalog.submission SET problem = %(problem)s, progress = NULL WHERE id = %(id)s

-- name: wanted
SELECT id FROM catalog.submission WHERE check_wanted ORDER BY changed_at, id

-- name: broken_off
-- A part says what a submission is on its way into, until the submission is cleared.
SELECT id FROM catalog.submission AS s
WHERE state = 'withdrawn' AND EXISTS (SELECT FROM catalog.submission_part AS p WHERE p.submission = s.id) ORDER BY id

-- name: resting
SELECT id FROM catalog.submission WHERE state = 'accepted' AND changed_at < now() - make_interval(days => %(days)s)

-- name: forget_findings
DELETE FROM catalog.finding WHERE submission = %(id)s

-- name: findings
SELECT * FROM catalog.finding
WHERE submission = %(id)s AND number > %(after)s AND (%(rule)s::text IS NULL OR rule = %(rule)s) ORDER BY number LIMIT %(limit)s

-- name: finding_counts
SELECT rule, severity, sum(count) AS count, coalesce(sum(count) FILTER (WHERE waived), 0) AS waived, sum(kept) AS kept
FROM (SELECT rule, severity, waived IS NOT NULL AS waived, count(*) AS count, count(*) AS kept
      FROM catalog.finding WHERE submission = %(id)s GROUP BY 1, 2, 3
      UNION ALL
      SELECT rule, severity, waived, count, 0 FROM catalog.finding_omitted WHERE submission = %(id)s) AS counted
GROUP BY rule, severity ORDER BY rule

-- name: forget_omitted
DELETE FROM catalog.finding_omitted WHERE submission = %(id)s

-- name: further_findings
SELECT part, number, content FROM catalog.finding_further
WHERE submission = %(id)s AND (part, number) > (%(part)s, %(number)s) AND (%(rule)s::text IS NULL OR rule = %(rule)s)
ORDER BY part, number LIMIT 20

-- name: forget_further
DELETE FROM catalog.finding_further WHERE submission = %(id)s

-- name: long_over
-- Numbers below zero are of what only says how many there were.
SELECT id FROM catalog.submission AS s
WHERE state IN ('rejected', 'withdrawn') AND NOT check_wanted AND changed_at < now() - make_interval(days => %(days)s)
  AND EXISTS (SELECT FROM catalog.finding_further AS f WHERE f.submission = s.id AND f.number >= 0) ORDER BY id

-- name: omitted_by_rule
SELECT part, rule, sum(count) AS count FROM catalog.finding_omitted WHERE submission = %(id)s GROUP BY part, rule ORDER BY part, rule

-- name: say_given_up
INSERT INTO catalog.finding_further (submission, part, number, rule, content)
VALUES (%(id)s, %(part)s, %(number)s, %(rule)s, %(content)s)
