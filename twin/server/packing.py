"""Tiles are packed once, in the background after a build: a gzip object beside each, for callers that take it."""

from __future__ import annotations

import gzip
from collections.abc import Mapping

from twin.server.city import City
from twin.server.scene import VARIANT
from twin.server.tile_lock import building
from twin.store import Held

SUFFIX = ".gz"
SMALLEST = 1_400
"""What fits one network packet gains nothing."""
_LEVEL = 4
_FOLDERS = ("c", "t", "s", "r")


def is_packed_from(beside: Held, held: Held) -> bool:
    """Return whether a packed object is of the present state of what it lies beside: it bears the same time."""
    return beside.modified_ns == held.modified_ns


def pack_tiles(city: City, slug: str) -> int:
    """Pack the tiles of a dataset that are not packed yet, or were replaced since, and return how many."""
    packed = 0
    with building(city, city.catalogue.dataset(slug)):
        for folder in _FOLDERS:
            found = {held.key: held for held in city.store.entries(f"tiles/{slug}/{VARIANT}/{folder}")}
            packed += sum(_pack(city, found, key) for key in sorted(found) if not key.endswith(SUFFIX))
    return packed


def _pack(city: City, found: Mapping[str, Held], key: str) -> bool:
    """Pack one object unless it is packed or small; what replaces it meanwhile has another time, and is packed the next time."""
    held, beside = found[key], found.get(key + SUFFIX)
    is_packed = beside is not None and beside.modified_ns >= held.modified_ns  # a bucket lists when the packed object itself was put
    if held.size < SMALLEST or is_packed:
        return False
    city.store.put(key + SUFFIX, gzip.compress(city.store.get(key), _LEVEL, mtime=0), modified_ns=held.modified_ns)
    return True
