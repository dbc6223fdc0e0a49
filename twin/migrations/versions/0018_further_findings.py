"""Findings beyond the first ten thousand of a rule are kept, packed."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Make their table."""
    op.execute(resources.files("twin.sql.schema").joinpath("18_further_findings.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP TABLE catalog.finding_further")
