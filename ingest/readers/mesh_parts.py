"""Meshes joined to one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from twin.placed_mesh import Material, MeshPart, PlacedMesh


def joined(meshes: Sequence[PlacedMesh]) -> PlacedMesh | None:
    """Return several meshes as one, without parts that draw nothing; None where nothing is drawn. A picture they share is kept once."""
    parts: list[MeshPart] = []
    materials: list[Material] = []
    images: dict[bytes, int] = {}
    for mesh in meshes:
        numbers = [images.setdefault(image, len(images)) for image in mesh.images]
        parts += [replace(p, material=p.material + len(materials)) for p in mesh.parts if len(p.triangles)]
        materials += [replace(m, image=None if m.image is None else numbers[m.image]) for m in mesh.materials]
    return PlacedMesh(tuple(parts), tuple(materials), tuple(images)) if parts else None
