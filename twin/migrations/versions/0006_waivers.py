"""Reports and waivers."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the columns and tables of reports and waivers."""
    _run(resources.files("twin.sql.schema").joinpath("07_waivers.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Drop what upgrade made."""
    _run("DROP TABLE catalog.waiver, catalog.finding_omitted; DROP INDEX catalog.finding_number")
    _run("ALTER TABLE catalog.finding DROP CONSTRAINT finding_waived_by, DROP CONSTRAINT finding_severity_check")
    for column in ("file", "value", "proposal", "waived", "waived_by"):
        _run(f"ALTER TABLE catalog.finding DROP COLUMN {column}")
    _run("UPDATE catalog.finding SET severity = 'warning' WHERE severity = 'review'")
    _run(
        "ALTER TABLE catalog.finding ADD CONSTRAINT finding_severity_check CHECK (severity IN ('blocking', 'error', 'warning', 'info'));"
        " ALTER TABLE catalog.token DROP COLUMN role"
    )


def _run(script: str) -> None:
    """Run a script of several statements; the driver itself takes it whole and reads no ``%`` in it."""
    driver_connection = op.get_bind().connection.driver_connection
    if driver_connection is not None:
        driver_connection.execute(script)
