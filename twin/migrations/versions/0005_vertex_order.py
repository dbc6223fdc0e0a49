"""A function that tells a line from the same line drawn the other way."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the function."""
    op.execute(resources.files("twin.sql.schema").joinpath("06_vertex_order.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP FUNCTION catalog.same_order_v1")
