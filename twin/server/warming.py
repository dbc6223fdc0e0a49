"""Warming: run every compiled kernel once on a tiny city, so that their machine code is in the cache."""

from __future__ import annotations

from ingest import sure_areas
from tiles.terrain import warm_terrain_kernels
from tiles.warm import warm


def warm_kernels() -> None:
    """Read an area out of WKB, and build a tileset of one feature of every 3D recipe, and a tile of terrain, into nothing."""
    sure_areas.ready()
    warm()
    warm_terrain_kernels()
