-- name: make
INSERT INTO catalog.token (name, sha256, role) VALUES (%(name)s, %(sha256)s, %(role)s) ON CONFLICT (name) DO NOTHING RETURNING name

-- name: in_force
SELECT sha256, name, made_at, revoked_at, role FROM catalog.token WHERE revoked_at IS NULL

-- name: all
SELECT name, made_at, revoked_at, role FROM catalog.token ORDER BY made_at, name

-- name: revoke
UPDATE catalog.token SET revoked_at = now() WHERE name = %(name)s AND revoked_at IS NULL RETURNING name

-- name: renew
INSERT INTO catalog.token (name, sha256, role) VALUES (%(name)s, %(sha256)s, %(role)s)
ON CONFLICT (name) DO UPDATE SET sha256 = excluded.sha256, role = excluded.role, made_at = now(), revoked_at = NULL
