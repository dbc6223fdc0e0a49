-- name: receive_submission
INSERT INTO catalog.submission (id, state, actor, files, options) VALUES (%(id)s, 'received', %(actor)s, %(files)s, %(options)s)

-- name: describe_files
UPDATE catalog.submission SET files = %(files)s WHERE id = %(id)s

-- name: advance_submission
-- The time of this statement, not of its transaction: two that publish wait for each other, and the later of them is the later.
UPDATE catalog.submission SET state = %(to)s, commit = coalesce(%(commit)s, commit), changed_at = clock_timestamp() WHERE id = %(id)s AND state = ANY (%(allowed)s)

-- name: reject_submission
UPDATE catalog.submission SET state = 'rejected', changed_at = now() WHERE id = %(id)s AND state IN ('received', 'checked', 'accepted')

-- name: findings
SELECT f.part, f.rule, f.severity, f.layer, f.row, f.key, f.message_zh, f.message_en, f.x, f.y
FROM catalog.finding AS f WHERE f.submission = %(submission)s ORDER BY f.part, f.row, f.number

-- name: copy_findings
COPY catalog.finding (submission, part, rule, severity, file, layer, row, key, message_zh, message_en, x, y, value, proposal, waived, waived_by)
FROM STDIN

-- name: add_omitted_findings
INSERT INTO catalog.finding_omitted (submission, part, rule, severity, waived, count)
VALUES (%(submission)s, %(part)s, %(rule)s, %(severity)s, %(waived)s, %(count)s)

-- name: add_further_findings
INSERT INTO catalog.finding_further (submission, part, number, rule, content)
SELECT %(submission)s, %(part)s, coalesce(max(number) + 1, 0), %(rule)s, %(content)s
FROM catalog.finding_further WHERE submission = %(submission)s AND part = %(part)s

-- name: further_bytes
SELECT coalesce(sum(octet_length(content)), 0) FROM catalog.finding_further WHERE submission = %(submission)s
