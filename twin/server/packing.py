"""Tiles are packed once, in the background after a build: a gzip file beside each, for callers that take it."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

from twin.server.city import City
from twin.server.scene import VARIANT
from twin.server.tile_lock import building

SUFFIX = ".gz"
_LEVEL = 4
_SMALLEST = 1_400
"""What fits one network packet gains nothing."""
_FOLDERS = ("c", "t", "s", "r")


def packed(file: Path) -> Path:
    """Return where ``file`` lies packed, if it does."""
    return file.with_name(file.name + SUFFIX)


def is_packed_from(beside: os.stat_result, held: os.stat_result) -> bool:
    """Return whether a packed file is of the present state of what it lies beside: it bears the same time."""
    return beside.st_mtime_ns == held.st_mtime_ns


def pack_tiles(city: City, slug: str) -> int:
    """Pack the tiles of a dataset that are not packed yet, or were replaced since, and return how many."""
    with building(city, city.catalogue.dataset(slug)):
        keys = [key for folder in _FOLDERS for key in sorted(city.store.keys(f"tiles/{slug}/{VARIANT}/{folder}"))]
        return sum(_pack(city, key) for key in keys if not key.endswith(SUFFIX))


def _pack(city: City, key: str) -> bool:
    """Pack one object unless it is packed or small; what replaces it meanwhile has another time, and is packed the next time."""
    file = city.store.path(key)
    held, beside = file.stat(), packed(file)
    if held.st_size < _SMALLEST or (beside.is_file() and is_packed_from(beside.stat(), held)):
        return False
    city.store.put(key + SUFFIX, gzip.compress(file.read_bytes(), _LEVEL, mtime=0))
    os.utime(beside, ns=(held.st_atime_ns, held.st_mtime_ns))
    return True
