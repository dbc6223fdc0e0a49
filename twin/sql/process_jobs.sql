-- name: submit
INSERT INTO catalog.process_job (id, process, asker, classes, commit, inputs, response, transmission)
VALUES (%(id)s, %(process)s, %(asker)s, %(classes)s, %(commit)s, %(inputs)s, %(response)s, %(transmission)s)

-- name: load
-- How much its asker, everybody and everybody without a token waits for, and how many bytes of results are kept for the asker.
SELECT count(*) FILTER (WHERE state IN ('accepted', 'running') AND asker = %(asker)s),
       count(*) FILTER (WHERE state IN ('accepted', 'running')),
       count(*) FILTER (WHERE state IN ('accepted', 'running') AND asker LIKE 'address:%%'),
       coalesce(sum((result ->> 'size')::bigint) FILTER (WHERE asker = %(asker)s), 0)::bigint
FROM catalog.process_job WHERE state IN ('accepted', 'running') OR asker = %(asker)s

-- name: one
SELECT id, number, process, asker, classes, commit, inputs, response, transmission, state, progress, message,
       created_at, started_at, finished_at, changed_at, result, problem
FROM catalog.process_job WHERE id = %(id)s

-- name: listed
SELECT id, number, process, asker, classes, commit, inputs, response, transmission, state, progress, message,
       created_at, started_at, finished_at, changed_at, result, problem
FROM catalog.process_job
WHERE asker = %(asker)s
  AND (%(before)s::bigint IS NULL OR number < %(before)s)
  AND (%(processes)s::text[] IS NULL OR process = ANY (%(processes)s))
  AND (%(states)s::text[] IS NULL OR state = ANY (%(states)s))
  AND (%(created_from)s::timestamptz IS NULL OR created_at >= %(created_from)s)
  AND (%(created_to)s::timestamptz IS NULL OR created_at <= %(created_to)s)
  AND (%(least_s)s::float8 IS NULL OR extract(epoch FROM coalesce(finished_at, now()) - started_at) >= %(least_s)s)
  AND (%(most_s)s::float8 IS NULL OR extract(epoch FROM coalesce(finished_at, now()) - started_at) <= %(most_s)s)
ORDER BY number DESC LIMIT %(limit)s

-- name: dismiss
-- What it had made is told by the statement that forgets it: a job may come to its end at any moment.
UPDATE catalog.process_job AS job
SET state = 'dismissed', lease_until = NULL, finished_at = coalesce(finished_at, now()), changed_at = now(), result = NULL,
    message = '{"zh": "已取消", "en": "dismissed"}'
FROM (SELECT id, result ->> 'key' AS made FROM catalog.process_job WHERE id = %(id)s FOR UPDATE) AS before
WHERE job.id = before.id AND job.state <> 'dismissed'
RETURNING before.made

-- name: waiting
-- Jobs that nobody runs: new ones, and those whose worker was lost.
SELECT id FROM catalog.process_job
WHERE state = 'accepted' OR (state = 'running' AND lease_until < now()) ORDER BY number

-- name: claim
UPDATE catalog.process_job
SET state = 'running', fencing = fencing + 1, attempt = attempt + 1, progress = 0, changed_at = now(),
    started_at = coalesce(started_at, now()), lease_until = now() + make_interval(secs => %(lease_s)s)
WHERE id = %(id)s AND (state = 'accepted' OR (state = 'running' AND lease_until < now()))
RETURNING fencing, attempt

-- name: give_back
-- Has a job wait again whose run failed through no fault of its inputs.
UPDATE catalog.process_job SET state = 'accepted', lease_until = NULL, changed_at = now()
WHERE id = %(id)s AND fencing = %(fencing)s AND state = 'running'

-- name: keep
UPDATE catalog.process_job SET lease_until = now() + make_interval(secs => %(lease_s)s)
WHERE id = %(id)s AND fencing = %(fencing)s AND state = 'running'
RETURNING true

-- name: note
UPDATE catalog.process_job SET progress = %(progress)s, message = %(message)s, changed_at = now()
WHERE id = %(id)s AND fencing = %(fencing)s AND state = 'running'
RETURNING true

-- name: copied
-- Rows of a COPY that is under way, by the server process that does it.
SELECT coalesce(max(tuples_processed), 0) FROM pg_stat_progress_copy WHERE pid = %(pid)s

-- name: finish
UPDATE catalog.process_job
SET state = %(state)s, progress = CASE WHEN %(state)s = 'successful' THEN 100 ELSE progress END, message = %(message)s,
    result = %(result)s, problem = %(problem)s, lease_until = NULL, finished_at = now(), changed_at = now()
WHERE id = %(id)s AND fencing = %(fencing)s AND state = 'running'
RETURNING true

-- name: forget
DELETE FROM catalog.process_job WHERE finished_at < now() - make_interval(secs => %(older_s)s)

-- name: named
SELECT result ->> 'key' FROM catalog.process_job WHERE result IS NOT NULL
