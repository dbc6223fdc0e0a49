"""Our own checker of GLBs and tilesets: what validators leave out is decompressed, bounds-checked and compared here."""

from tiles.checker.glb_checks import GlbReport, check_glb
from tiles.checker.problem import Problem
from tiles.checker.tileset_checks import check_tileset

__all__ = ["GlbReport", "Problem", "check_glb", "check_tileset"]
