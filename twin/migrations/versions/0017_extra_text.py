"""What no field takes of a row (extra) is JSON as it was written, which PostgreSQL does not take apart at a load.

Tables of FeatureTypes go with it, and what waits in staging to become a partition. They are written anew, with their indexes.
"""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Keep the JSON as text."""
    op.execute(_CONVERSION.replace("OLD", "jsonb").replace("NEW", "json"))


def downgrade() -> None:
    """Have it parsed again."""
    op.execute(_CONVERSION.replace("OLD", "json").replace("NEW", "jsonb"))


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
