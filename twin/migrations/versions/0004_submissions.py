"""Submissions in two steps, tokens, and what open pages are told."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the columns and tables of submissions, tokens and events."""
    driver_connection = op.get_bind().connection.driver_connection
    if driver_connection is not None:  # the driver takes several statements whole and reads no ``%`` or ``:`` in them
        driver_connection.execute(resources.files("twin.sql.schema").joinpath("05_submissions.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Drop what upgrade made."""
    op.execute("DROP TRIGGER tell ON catalog.submission; DROP TRIGGER tell_new ON catalog.submission")
    op.execute("DROP TRIGGER tell ON catalog.asset; DROP TRIGGER tell ON catalog.commit")
    op.execute("DROP FUNCTION catalog.tell_submission, catalog.tell_asset, catalog.tell_commit")
    op.execute("DROP TABLE catalog.submission_part, catalog.token")
    op.execute("DROP INDEX catalog.submission_received")
    for column in ("changed_at", "stored", "proposals", "request", "check_wanted", "attempt", "progress", "result", "problem"):
        op.execute(f"ALTER TABLE catalog.submission DROP COLUMN {column}")
