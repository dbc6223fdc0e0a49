"""Links between features: current ones and those that have ended."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the two tables of links."""
    op.execute(resources.files("twin.sql.schema").joinpath("03_object_link.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Drop what upgrade made."""
    op.execute("DROP TABLE city.object_link, history.object_link")
