"""Tiles are packed once, in the background after a build: a gzip object beside each, for callers that take it."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping

from twin.server.city import City
from twin.server.scene import VARIANT
from twin.server.tile_lock import building
from twin.store import Held, Store

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


def at_once() -> None:
    """Wait for nothing."""


def pack_missing(city: City, wait: Callable[[], None] = at_once) -> int:
    """Pack the tiles of all datasets whose newest built tileset is not packed, whoever built it, and return how many objects that were.

    ``wait`` is called before each object, and may take its time.
    """
    slugs = {dataset.id: dataset.slug for dataset in city.catalogue.datasets()}
    ready = [
        (slugs[a.dataset], a.revision) for a in city.catalogue.assets.of_current_revisions() if (a.kind, a.state) == ("tileset", "ready")
    ]
    return sum(
        pack_tiles(city, slug, wait) for slug, revision in ready if not _is_marked(city, f"{_place(slug)}/r/{revision}/tileset.json")
    )


def pack_tiles(city: City, slug: str, wait: Callable[[], None] = at_once) -> int:
    """Pack the tiles of a dataset that are not packed yet, or were replaced since, and return how many."""
    with building(city, city.catalogue.dataset(slug)):
        return pack_below(city.store, _place(slug), wait)


def pack_below(store: Store, place: str, wait: Callable[[], None] = at_once) -> int:
    """Pack the tiles below ``place`` that are not packed yet, were replaced since, or were copied without their times; return how many."""
    packed, look = 0, store.is_far and _was_copied(store, place)
    for folder in _FOLDERS:
        found = {held.key: held for held in store.entries(f"{place}/{folder}")}
        packed += sum(_pack(store, found, key, wait, look=look) for key in sorted(found) if not key.endswith(SUFFIX))
    return packed


def _pack(store: Store, found: Mapping[str, Held], key: str, wait: Callable[[], None], *, look: bool) -> bool:
    """Pack one object unless it is packed or small; what replaces it meanwhile has another time, and is packed the next time."""
    held, beside = found[key], found.get(key + SUFFIX)
    is_small = held.size < SMALLEST and _MARK not in key
    if is_small or (beside is not None and _is_packed(store, held, beside, look=look)):
        return False
    wait()
    store.put(key + SUFFIX, gzip.compress(store.get(key), _LEVEL, mtime=0), modified_ns=held.modified_ns)
    return True


def _is_packed(store: Store, held: Held, beside: Held, *, look: bool) -> bool:
    """Return whether a listed object is packed. A bucket lists when the packed one was put: what it says to be is looked at one by one."""
    if not store.is_far:
        return is_packed_from(beside, held)
    if look or _MARK in held.key or beside.modified_ns // 10**9 == held.modified_ns // 10**9:
        seen = store.held(beside.key)
        return seen is not None and is_packed_from(seen, held)
    return beside.modified_ns >= held.modified_ns


def _was_copied(store: Store, place: str) -> bool:
    """Return whether some tileset is not what was packed beside it: it was built anew, or the store was copied without times."""
    found = {held.key: held for held in store.entries(f"{place}/r") if held.key.removesuffix(SUFFIX).endswith("/tileset.json")}
    pairs = ((held, found.get(key + SUFFIX)) for key, held in found.items())
    return any(beside is not None and not _is_packed(store, held, beside, look=True) for held, beside in pairs)


def _is_marked(city: City, tileset: str) -> bool:
    held, beside = city.store.held(tileset), city.store.held(tileset + SUFFIX)
    return held is None or (beside is not None and is_packed_from(beside, held))


def _place(slug: str) -> str:
    return f"tiles/{slug}/{VARIANT}"
