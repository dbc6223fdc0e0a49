"""What is said of single surfaces is text, which PostgreSQL does not take apart at a load."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Keep the JSON as text."""
    op.execute(resources.files("twin.sql.schema").joinpath("13_surface_text.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Have it parsed again."""
    op.execute(_PARSED)


_PARSED = """
ALTER TABLE city.representation ALTER COLUMN surface_attributes TYPE jsonb USING surface_attributes::jsonb;
ALTER TABLE history.representation ALTER COLUMN surface_attributes TYPE jsonb USING surface_attributes::jsonb;
DO $$
DECLARE
    staged text;
BEGIN
    FOR staged IN SELECT table_name FROM information_schema.columns
        WHERE table_schema = 'staging' AND column_name = 'surface_attributes' AND data_type = 'text'
    LOOP
        EXECUTE format('ALTER TABLE staging.%I ALTER COLUMN surface_attributes TYPE jsonb USING surface_attributes::jsonb', staged);
    END LOOP;
END
$$
"""
