-- Rules over a pipe survey that look at every column of a row. {staging} holds the staged rows of the part.

-- name: repeated_points
SELECT row, natural_key, ST_X(geom), ST_Y(geom), first_row, hash = first_hash
FROM (SELECT row, natural_key, geom, hash, first_value(row) OVER same AS first_row, first_value(hash) OVER same AS first_hash
      FROM (SELECT *, hash_record_extended(ROW(geom::bytea, {attributes}), 0) AS hash FROM {staging} WHERE node_id = ANY (%(numbers)s)) AS s
      WINDOW same AS (PARTITION BY node_id ORDER BY row)) AS numbered
WHERE row > first_row ORDER BY row
