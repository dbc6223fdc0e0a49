"""Tiles are packed once, in the background after a build: a gzip file beside each, for callers that take it."""

from __future__ import annotations

import gzip
from pathlib import Path

from twin.server.city import City
from twin.server.scene import VARIANT

SUFFIX = ".gz"
_LEVEL = 4
_SMALLEST = 1_400
"""What fits one network packet gains nothing."""
_FOLDERS = ("c", "t", "s", "r")


def packed(file: Path) -> Path:
    """Return where ``file`` lies packed, if it does."""
    return file.with_name(file.name + SUFFIX)


def pack_tiles(city: City, slug: str) -> int:
    """Pack the tiles of a dataset that are not packed yet, or were replaced since, and return how many."""
    done = 0
    for folder in _FOLDERS:
        for key in sorted(city.store.keys(f"tiles/{slug}/{VARIANT}/{folder}")):
            file = city.store.path(key)
            if not key.endswith(SUFFIX) and _wants_packing(file):
                city.store.put(key + SUFFIX, gzip.compress(file.read_bytes(), _LEVEL, mtime=0))
                done += 1
    return done


def _wants_packing(file: Path) -> bool:
    try:
        held = file.stat()
    except FileNotFoundError:  # dropped meanwhile
        return False
    beside = packed(file)
    return held.st_size >= _SMALLEST and not (beside.is_file() and beside.stat().st_mtime_ns >= held.st_mtime_ns)
