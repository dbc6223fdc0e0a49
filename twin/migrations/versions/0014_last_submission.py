"""Each dataset says which submission was the last to be published into it."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Make the table, and fill it from the submissions there are."""
    op.execute(resources.files("twin.sql.schema").joinpath("14_last_submission.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Drop the table."""
    op.execute("DROP TABLE catalog.last_submission")
