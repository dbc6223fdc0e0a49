-- What departments confirmed of how their files are to be read. Values are bound.

-- name: remember
INSERT INTO catalog.confirmed_reading (department, shape, feature_type, mapping, units)
VALUES (%(department)s, %(shape)s, %(feature_type)s, %(mapping)s, %(units)s)
ON CONFLICT (department, shape) DO UPDATE
SET mapping = excluded.mapping, units = excluded.units, confirmed_at = excluded.confirmed_at

-- name: recall
SELECT mapping, units, confirmed_at::date FROM catalog.confirmed_reading WHERE department = %(department)s AND shape = %(shape)s
