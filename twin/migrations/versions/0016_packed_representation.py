"""Representations are stored packed, in a version of its own, which the database reads, too."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Add the functions that read all versions."""
    op.execute(resources.files("twin.sql.schema").joinpath("16_packed_representation.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Drop them."""
    op.execute(
        "DROP FUNCTION catalog.representation_geometry_v3, catalog.unpacked_faces_v1, catalog.little_endian_v1,"
        " catalog.face_numbers_v1, catalog.topology_of_faces_v1"
    )
