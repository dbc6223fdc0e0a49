"""How a department's files of one shape were read."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Create the table."""
    op.execute(resources.files("twin.sql.schema").joinpath("08_confirmed_reading.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP TABLE catalog.confirmed_reading")
