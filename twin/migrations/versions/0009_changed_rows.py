"""What a commit changed is found by an index: tables of datasets that were published before get those that new ones have."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Index the partitions that lack it: current rows by the commit that wrote them, closed ones by that which closed them."""
    op.execute(resources.files("twin.sql.schema").joinpath("09_changed_rows.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Leave the indexes: partitions that were made since have them too."""
