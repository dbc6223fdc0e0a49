"""Jobs of OGC API - Processes."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Create the table of jobs."""
    op.execute(resources.files("twin.sql.schema").joinpath("11_process_job.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Forget all jobs; results in the store are swept."""
    op.execute("DROP TABLE catalog.process_job")
