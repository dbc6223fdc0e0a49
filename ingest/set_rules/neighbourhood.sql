-- What lies at edited features of a network.

-- name: values_of
SELECT DISTINCT value FROM (
    SELECT {field}::text AS value FROM {staging} UNION ALL SELECT {field}::text FROM {current} WHERE fid = ANY ({fids}::bigint[])) AS named
WHERE value <> ''

-- name: places_of
SELECT geom FROM {staging} UNION ALL SELECT geom FROM {current} WHERE fid = ANY ({fids}::bigint[])

-- name: lines_at
-- Ends count as being at a point within a metre (ingest.set_rules.network).
SELECT DISTINCT c.fid, c.start_node, c.end_node FROM ({anchors}) AS a JOIN {current} AS c ON c.geom && ST_Expand(a.geom, 2)
