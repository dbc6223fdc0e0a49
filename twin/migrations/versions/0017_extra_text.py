"""What no field takes of a row (extra) is JSON as it was written, which PostgreSQL does not take apart at a load.

Tables of FeatureTypes go with it, and what waits in staging to become a partition. They are written anew, with their indexes.
"""

from __future__ import annotations

import psycopg
import sqlalchemy
from alembic import op

from twin.errors import ConflictError

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Keep the JSON as text; ConflictError where others' views or indexes stand on it, and nothing is changed."""
    _convert("jsonb", "json")


def downgrade() -> None:
    """Have it parsed again; ConflictError as above."""
    _convert("json", "jsonb")


def _convert(old: str, new: str) -> None:
    """Let PostgreSQL say what stands in its way; what it is asked before, as afterwards nothing can be asked."""
    dependants = [str(name) for (name,) in op.get_bind().execute(sqlalchemy.text(_DEPENDANTS))]
    try:
        op.execute(_CONVERSION.replace("OLD", old).replace("NEW", new))
    except sqlalchemy.exc.DBAPIError as error:
        if not dependants or not isinstance(error.orig, _IN_ITS_WAY):
            raise
        named = ", ".join(dependants)
        raise ConflictError(
            f"extra becomes {new}, which these do not allow: {named}. Drop them, start again, make them anew; nothing was changed.",
            zh=f"extra 列需改为 {new} 类型，以下对象依赖该列：{named}。请先删除，升级后再重建；未作任何改动。",
        ) from error


_IN_ITS_WAY = (psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedObject, psycopg.errors.UndefinedFunction)
"""A view or rule; an index whose operators the new type has not; an expression that is none of the new type."""

_DEPENDANTS = """
SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid)
FROM pg_depend AS d JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid JOIN pg_class AS c ON c.oid = a.attrelid
WHERE d.refclassid = 'pg_class'::regclass AND a.attname = 'extra' AND c.relkind IN ('r', 'p')
      AND c.relnamespace IN ('city'::regnamespace, 'history'::regnamespace, 'staging'::regnamespace)
ORDER BY 1
"""


_CONVERSION = """
DO $$
DECLARE
    kept regclass;
BEGIN
    FOR kept IN
        SELECT c.oid::regclass FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
        WHERE c.relnamespace IN ('city'::regnamespace, 'history'::regnamespace, 'staging'::regnamespace)
              AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attname = 'extra' AND a.atttypid = 'OLD'::regtype
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN extra TYPE NEW USING extra::NEW', kept);
    END LOOP;
END
$$
"""
"""Partitions follow their parents."""
