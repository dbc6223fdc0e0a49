-- Which submission was the last to be published into a dataset, whether or not it changed anything there, and as which of its parts: a list
-- of records would look through all submissions there ever were.
CREATE TABLE IF NOT EXISTS catalog.last_submission (
    dataset integer PRIMARY KEY REFERENCES catalog.dataset ON DELETE CASCADE,
    submission uuid NOT NULL REFERENCES catalog.submission,
    part integer NOT NULL
);
GRANT SELECT ON catalog.last_submission TO twin_read_open;

WITH named AS (
    SELECT s.id, s.changed_at,
           coalesce((SELECT array_agg(slug ORDER BY first) FROM (
                         SELECT p.part ->> 'dataset' AS slug, min(p.place) AS first
                         FROM jsonb_array_elements(s.request -> 'parts') WITH ORDINALITY AS p (part, place) GROUP BY 1) AS asked),
                    ARRAY(SELECT jsonb_array_elements_text(s.options -> 'datasets'))) AS datasets
    FROM catalog.submission AS s WHERE s.state = 'published' AND s.options ->> 'check' IS NULL
)
INSERT INTO catalog.last_submission
SELECT DISTINCT ON (d.id) d.id, n.id, array_position(n.datasets, d.slug) - 1
FROM named AS n, unnest(n.datasets) AS slug JOIN catalog.dataset AS d USING (slug) ORDER BY d.id, n.changed_at DESC, n.id
ON CONFLICT DO NOTHING
