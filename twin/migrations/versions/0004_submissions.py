"""Submissions in two steps, tokens, and what open pages are told."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the columns and tables of submissions, tokens and events."""
    _run(resources.files("twin.sql.schema").joinpath("05_submissions.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Drop what upgrade made."""
    _run("DROP TRIGGER tell ON catalog.submission; DROP TRIGGER tell_new ON catalog.submission")
    _run("DROP TRIGGER tell ON catalog.asset; DROP TRIGGER tell ON catalog.commit")
    _run("DROP FUNCTION catalog.tell_submission, catalog.tell_asset, catalog.tell_commit")
    _run("DROP TABLE catalog.submission_part, catalog.token; DROP INDEX catalog.submission_received")
    for column in ("changed_at", "stored", "proposals", "request", "check_wanted", "attempt", "progress", "result", "problem"):
        _run(f"ALTER TABLE catalog.submission DROP COLUMN {column}")


def _run(script: str) -> None:
    """Run a script of several statements; the driver itself takes it whole and reads no ``%`` in it."""
    driver_connection = op.get_bind().connection.driver_connection
    if driver_connection is not None:
        driver_connection.execute(script)
