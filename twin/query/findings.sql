-- Findings of checks as features. Values are bound.

-- name: page
-- A submission is seen by who may see every dataset it names: its findings show their values.
WITH named AS MATERIALIZED (
    SELECT s.id, s.options, s.changed_at, CASE WHEN s.check_wanted THEN 'received' ELSE s.state END AS state,
           coalesce((SELECT array_agg(slug ORDER BY first) FROM (
                         SELECT p.part ->> 'dataset' AS slug, min(p.place) AS first
                         FROM jsonb_array_elements(s.request -> 'parts') WITH ORDINALITY AS p (part, place) GROUP BY 1) AS asked),
                    ARRAY(SELECT jsonb_array_elements_text(s.options -> 'datasets'))) AS datasets
    FROM catalog.submission AS s WHERE s.options ->> 'check' IS NULL AND {submission}
), last AS MATERIALIZED (
    -- The last one to be published into each dataset, whether or not it found anything to change there.
    SELECT DISTINCT ON (slug) slug, n.id FROM named AS n, unnest(n.datasets) AS slug
    WHERE n.state = 'published' ORDER BY slug, n.changed_at DESC, n.id
), seen AS MATERIALIZED (
    SELECT n.id, n.datasets, n.state, ARRAY(SELECT slug FROM last WHERE last.id = n.id) AS current FROM named AS n
    WHERE {state} AND NOT EXISTS (SELECT FROM catalog.dataset AS d WHERE d.slug = ANY (n.datasets) AND d.sharing <> ALL (%(classes)s))
      AND coalesce(n.options ->> 'sharing', 'open') = ANY (%(classes)s)
), named_columns AS (
    -- By the names of the properties, and the list that every filter may ask of: what a filter may say.
    SELECT f.number, f.submission::text AS submission, seen.state, seen.datasets[f.part + 1] AS dataset, f.rule, f.severity, f.file, f.layer, f.row, f.key,
           f.message_zh, f.message_en, f.value, f.proposal, f.waived, f.waived_by, ST_SetSRID(ST_MakePoint(f.x, f.y), {srid}) AS geom,
           NULL::text[] AS admin_codes
    FROM catalog.finding AS f JOIN seen ON seen.id = f.submission
    WHERE f.number > %(after)s AND {conditions}
), wanted AS (
    SELECT * FROM named_columns WHERE {filter} ORDER BY number LIMIT %(limit)s + 1
), numbered AS (SELECT row_number() OVER (ORDER BY number) AS place, * FROM wanted)
SELECT convert_to(coalesce(string_agg({feature}, ',' ORDER BY number) FILTER (WHERE place <= %(limit)s), ''), 'UTF8'),
       count(*), max(number) FILTER (WHERE place <= %(limit)s)
FROM numbered

-- name: feature
'{{"type":"Feature","id":"' || number || '","geometry":' || coalesce({geometry}, 'null') || ',"properties":' || (
    SELECT row_to_json(p) FROM (SELECT submission, state, dataset, rule, severity, file, layer, row, key, message_zh, message_en, value, proposal,
                                       waived, waived_by) AS p) || '}}'
