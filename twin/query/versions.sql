-- What is recorded of a feature and of a dataset: states and revisions, with the commits that made and ended them, the newest first.

-- name: states
-- The words of a commit may name other datasets: they are for those who may see all that it changed.
WITH closed AS (SELECT r.commit FROM catalog.revision AS r JOIN catalog.dataset AS d ON d.id = r.dataset
                WHERE d.sharing <> ALL ({classes}) AND r.commit IN (SELECT commit FROM catalog.revision WHERE dataset = {dataset}))
SELECT s.commit_from, c.time, c.actor, CASE WHEN c.number NOT IN (TABLE closed) THEN c.reason END,
       CASE WHEN c.number NOT IN (TABLE closed) THEN c.name END,
       s.commit_to, e.time, e.actor, CASE WHEN e.number NOT IN (TABLE closed) THEN e.reason END,
       CASE WHEN e.number NOT IN (TABLE closed) THEN e.name END
FROM (SELECT commit_from, NULL::bigint AS commit_to FROM {current} WHERE dataset = {dataset} AND fid = {fid}
      UNION ALL
      SELECT commit_from, commit_to FROM {history} WHERE dataset = {dataset} AND fid = {fid}) AS s
JOIN catalog.commit AS c ON c.number = s.commit_from LEFT JOIN catalog.commit AS e ON e.number = s.commit_to
ORDER BY s.commit_from DESC LIMIT {limit}

-- name: revisions
WITH closed AS (SELECT r.commit FROM catalog.revision AS r JOIN catalog.dataset AS d ON d.id = r.dataset
                WHERE d.sharing <> ALL ({classes}) AND r.commit IN (SELECT commit FROM catalog.revision WHERE dataset = {dataset}))
SELECT r.commit, c.time, c.actor, CASE WHEN c.number NOT IN (TABLE closed) THEN c.reason END,
       CASE WHEN c.number NOT IN (TABLE closed) THEN c.name END, r.inserted, r.updated, r.deleted, r.count
FROM catalog.revision AS r JOIN catalog.commit AS c ON c.number = r.commit
WHERE r.dataset = {dataset} AND r.commit < {before} ORDER BY r.commit DESC LIMIT {limit}

-- name: first_of_feature
SELECT least((SELECT min(commit_from) FROM {current} WHERE dataset = {dataset} AND fid = {fid}),
             (SELECT min(commit_from) FROM {history} WHERE dataset = {dataset} AND fid = {fid}))

-- name: first_of_datasets
-- One step of the index for each: of `dataset = ANY` all revisions would be read.
SELECT min(r.first) FROM unnest({datasets}) AS d (id), LATERAL (SELECT min(commit) AS first FROM catalog.revision WHERE dataset = d.id) AS r

-- name: standing_at
-- The newest of the revisions that held at a commit, and since when.
SELECT max(number), max(time) FROM catalog.commit
WHERE number = (SELECT max(r.newest) FROM unnest({datasets}) AS d (id),
                LATERAL (SELECT max(commit) AS newest FROM catalog.revision WHERE dataset = d.id AND commit <= {at}) AS r)

-- name: time_of
SELECT max(time) FROM catalog.commit WHERE number = {at}
