-- What the catalogue knows of datasets beside their newest revision. Values are bound.

-- name: facts
WITH wanted AS (
    SELECT d.id, d.slug FROM catalog.dataset AS d WHERE d.slug = ANY (%(slugs)s)
), last AS (
    -- The last one to be published into each dataset, whether or not it found anything to change there.
    SELECT w.slug, s.id, s.changed_at, l.part
    FROM wanted AS w JOIN catalog.last_submission AS l ON l.dataset = w.id JOIN catalog.submission AS s ON s.id = l.submission
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
        SELECT revisions, (SELECT time FROM catalog.commit WHERE number = oldest) AS first,
               (SELECT time FROM catalog.commit WHERE number = newest) AS last
        FROM (SELECT count(*) AS revisions, min(commit) AS oldest, max(commit) AS newest FROM catalog.revision WHERE dataset = w.id) AS known
    ) AS r

-- name: matching
WITH records AS (
    SELECT r.*, ST_MakeEnvelope(r.west, r.south, r.east, r.north, 4326) AS geom
    FROM jsonb_to_recordset(%(records)s) AS r (
        id text, type text, title text, description text, created timestamptz, updated timestamptz, owner_department text, steward text,
        source_platform text, licence text, sharing text, update_cycle text, freshness text, next_due timestamptz, feature_type text,
        cim_class text, cim_level text, revision bigint, count bigint, errors bigint, warnings bigint,
        admin_codes text[], west float8, south float8, east float8, north float8)
)
SELECT coalesce(array_agg(id), '{{}}') FROM records WHERE {condition}
