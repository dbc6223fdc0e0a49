"""What ends at a node is found by indexes: tables of datasets that were published before get them."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Index the partitions of current features by the fields of rule ``node-exists``."""
    op.execute(resources.files("twin.sql.schema").joinpath("15_named_nodes.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Leave the indexes: partitions that were made since have them too."""
