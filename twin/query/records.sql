-- What the catalogue knows of datasets beside their newest revision. Values are bound.

-- name: facts
WITH wanted AS (
    SELECT d.id, d.slug FROM catalog.dataset AS d WHERE d.slug = ANY (%(slugs)s)
), named AS (
    SELECT s.id, s.changed_at,
           coalesce((SELECT array_agg(slug ORDER BY first) FROM (
                         SELECT p.part ->> 'dataset' AS slug, min(p.place) AS first
                         FROM jsonb_array_elements(s.request -> 'parts') WITH ORDINALITY AS p (part, place) GROUP BY 1) AS asked),
                    ARRAY(SELECT jsonb_array_elements_text(s.options -> 'datasets'))) AS datasets
    FROM catalog.submission AS s WHERE s.state = 'published' AND s.options ->> 'check' IS NULL
), last AS (
    -- The last one to be published into each dataset, whether or not it found anything to change there.
    SELECT DISTINCT ON (slug) slug, n.id, n.changed_at, array_position(n.datasets, slug) - 1 AS part
    FROM named AS n, unnest(n.datasets) AS slug WHERE slug = ANY (%(slugs)s) ORDER BY slug, n.changed_at DESC, n.id
), counted AS (
    SELECT last.slug, f.severity, f.waived IS NOT NULL AS waived, count(*) AS count
    FROM last JOIN catalog.finding AS f ON f.submission = last.id AND coalesce(f.part, last.part) = last.part GROUP BY 1, 2, 3
    UNION ALL
    SELECT last.slug, o.severity, o.waived, sum(o.count)
    FROM last JOIN catalog.finding_omitted AS o ON o.submission = last.id AND coalesce(o.part, last.part) = last.part GROUP BY 1, 2, 3
)
SELECT jsonb_agg(jsonb_build_object(
    'slug', w.slug, 'revisions', r.revisions, 'first', r.first, 'last', r.last, 'submission', last.id, 'checked_at', last.changed_at,
    'findings', coalesce((SELECT jsonb_agg(jsonb_build_array(c.severity, c.waived, c.count)) FROM counted AS c WHERE c.slug = w.slug), '[]')))
FROM wanted AS w LEFT JOIN last ON last.slug = w.slug
    CROSS JOIN LATERAL (
        SELECT count(*) AS revisions, min(c.time) AS first, max(c.time) AS last
        FROM catalog.revision AS r JOIN catalog.commit AS c ON c.number = r.commit WHERE r.dataset = w.id) AS r

-- name: matching
WITH records AS (
    SELECT r.*, ST_MakeEnvelope(r.west, r.south, r.east, r.north, 4326) AS geom
    FROM jsonb_to_recordset(%(records)s) AS r (
        id text, type text, title text, description text, created timestamptz, updated timestamptz, owner_department text, steward text,
        source_platform text, licence text, sharing text, update_cycle text, freshness text, next_due timestamptz, feature_type text,
        cim_class text, cim_level text, revision bigint, count bigint, errors bigint, warnings bigint,
        valid_from date, valid_to date, admin_codes text[], west float8, south float8, east float8, north float8)
)
SELECT coalesce(array_agg(id), '{{}}') FROM records WHERE {condition}
