"""`twin tiles gc`: objects of tiles that no kept revision uses are dropped, never beside a build of the same dataset."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from tiles.garbage import InUse
from tiles.node import NodeError
from tiles.node_store import NodeStore
from twin.model import Asset, Dataset
from twin.server.city import City
from twin.server.packing import SUFFIX
from twin.server.scene import VARIANT
from twin.server.tile_lock import dropping

_LOG = logging.getLogger("twin.tile_garbage")
_NOT_OURS = "m/"
"""Models that were delivered hang in the tilesets of datasets that have no tree."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What one dataset's tiles lost and kept, in objects; ``dropped_revisions`` are no longer served."""

    dropped: int
    kept: int
    dropped_revisions: tuple[int, ...]


type KeptBeside = Callable[[set[int]], Iterable[str]]
"""Return the places that are in use beside the trees of these revisions."""


def _nothing(_: set[int]) -> Iterable[str]:
    return ()


def collect(city: City, dataset: Dataset, keep: int | None, beside: KeptBeside = _nothing) -> Collected:
    """Drop what no kept revision uses: the ``keep`` newest that are built (all when None) and builds that have not ended.

    ConflictError (code ``tiles-building``) while the dataset's tiles are being built.
    """
    with dropping(city, dataset):
        return _collected(city, dataset, keep, beside)


def _collected(city: City, dataset: Dataset, keep: int | None, beside: KeptBeside) -> Collected:
    ready = city.catalogue.assets.ready(dataset.id, "tileset", VARIANT)
    kept = ready if keep is None else ready[:keep]
    store = NodeStore(city.store, dataset.slug, VARIANT)
    places = {key.removeprefix(f"{store.prefix}/") for key in city.store.keys(store.prefix)}
    in_use = InUse(store)
    for asset in kept:
        _keep(in_use, asset)
    in_use.keep_notes(sorted(_notes(places, going_on(city, dataset, "tileset"))))
    in_use.places |= set(beside({asset.revision for asset in kept}))
    garbage = sorted(p for p in places if p.removesuffix(SUFFIX) not in in_use.places and not p.startswith(_NOT_OURS))
    gone = ready[len(kept) :]
    for asset in gone:  # first it is no longer served, then its objects go
        city.catalogue.assets.forget(dataset.id, asset.revision, "tileset", VARIANT)
    for some in _entries_first(garbage):
        city.store.delete_all([f"{store.prefix}/{place}" for place in some])
    return Collected(len(garbage), len(places) - len(garbage), tuple(asset.revision for asset in gone))


def _entries_first(places: Iterable[str]) -> tuple[list[str], list[str]]:
    """Divide ``places`` into tilesets and what they lead to: where dropping is cut off, no tileset is left that leads to nothing."""
    entries: list[str] = []
    rest: list[str] = []
    for place in places:
        (entries if place.endswith("/tileset.json") else rest).append(place)
    return entries, rest


def _keep(in_use: InUse, asset: Asset) -> None:
    """Mark what the tileset of a revision leads to: by its tree, else (it is of an earlier engine) by its files."""
    tree = asset.detail.get("tree")
    try:
        if isinstance(tree, str):
            in_use.keep(asset.revision, tree)
            return
    except (NodeError, KeyError, TypeError, ValueError) as error:
        _LOG.info("revision %s is of an earlier engine: %s", asset.revision, error)
    in_use.keep_files(asset.revision)


def going_on(city: City, dataset: Dataset, kind: str) -> set[int]:
    """Return the revisions whose builds have not ended, or may be begun again: what they have made so far is of use."""
    current = city.catalogue.current_revision(dataset.slug)
    return {a.revision for a in city.catalogue.assets.building(dataset.id, kind, VARIANT)} | (
        set() if current is None else {current.commit} - {a.revision for a in city.catalogue.assets.ready(dataset.id, kind, VARIANT)}
    )


def _notes(places: Collection[str], revisions: Collection[int]) -> Iterator[str]:
    """Yield the notes of builds of ``revisions``."""
    wanted = {str(revision) for revision in revisions}
    return (place for place in places if place.startswith("b/") and place.split("/")[1].partition("-")[0] in wanted)
