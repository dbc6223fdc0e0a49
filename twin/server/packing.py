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
_MARK = "/r/"
_FOLDERS = ("c", "t", "s", "r")
"""Those of revisions last, and however small: where a tileset is packed, all that it leads to is."""


def is_packed_from(beside: Held, held: Held) -> bool:
    """Return whether a packed object is of the present state of what it lies beside: it bears the same time."""
    return beside.modified_ns == held.modified_ns


def pack_missing(city: City) -> int:
    """Pack the tiles of all datasets whose newest built tileset is not packed, whoever built it, and return how many objects that were."""
    slugs = {dataset.id: dataset.slug for dataset in city.catalogue.datasets()}
    ready = [(slugs[a.dataset], a.revision) for a in city.catalogue.assets() if (a.kind, a.state) == ("tileset", "ready")]
    return sum(pack_tiles(city, slug) for slug, revision in ready if not _is_marked(city, f"{_place(slug)}/r/{revision}/tileset.json"))


def pack_tiles(city: City, slug: str) -> int:
    """Pack the tiles of a dataset that are not packed yet, or were replaced since, and return how many."""
    packed = 0
    with building(city, city.catalogue.dataset(slug)):
        for folder in _FOLDERS:
            found = {held.key: held for held in city.store.entries(f"{_place(slug)}/{folder}")}
            packed += sum(_pack(city, found, key) for key in sorted(found) if not key.endswith(SUFFIX))
    return packed


def _pack(city: City, found: Mapping[str, Held], key: str) -> bool:
    """Pack one object unless it is packed or small; what replaces it meanwhile has another time, and is packed the next time."""
    held, beside = found[key], found.get(key + SUFFIX)
    is_packed = beside is not None and beside.modified_ns >= held.modified_ns  # a bucket lists when the packed object itself was put
    if is_packed or (held.size < SMALLEST and _MARK not in key):
        return False
    city.store.put(key + SUFFIX, gzip.compress(city.store.get(key), _LEVEL, mtime=0), modified_ns=held.modified_ns)
    return True


def _is_marked(city: City, tileset: str) -> bool:
    held, beside = city.store.held(tileset), city.store.held(tileset + SUFFIX)
    return held is None or (beside is not None and is_packed_from(beside, held))


def _place(slug: str) -> str:
    return f"tiles/{slug}/{VARIANT}"
