"""From when to when a dataset's features hold is found by indexes: tables of datasets that were published before get them."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Index the partitions of current features by the ends of their validity, where there are any."""
    op.execute(resources.files("twin.sql.schema").joinpath("12_validity.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Leave the indexes: partitions that were made since have them too."""
