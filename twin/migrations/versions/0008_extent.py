"""Where the rows of a revision lie, in the storage CRS: what the next small commit starts from."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Give revisions their extent in the storage CRS; it stays unknown for those there are, and is then counted once."""
    op.execute("ALTER TABLE catalog.revision ADD COLUMN extent_m double precision[] CHECK (cardinality(extent_m) = 4)")


def downgrade() -> None:
    """Drop what upgrade made."""
    op.execute("ALTER TABLE catalog.revision DROP COLUMN extent_m")
