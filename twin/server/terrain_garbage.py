"""`twin tiles gc` for terrain: tiles that no kept revision of any elevation dataset uses are dropped, never beside a build of one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import ExitStack

from tiles.terrain import CONTENTS, TerrainTarget
from tiles.terrain_index import read_index
from twin.catalogue import asset_kind
from twin.model import Dataset
from twin.server.city import City
from twin.server.scene import VARIANT
from twin.server.terrain_builds import terrain_target
from twin.server.tile_garbage import Collected, going_on
from twin.server.tile_lock import dropping


def collect_terrain(city: City, datasets: Collection[Dataset], keep: int | None) -> Mapping[str, Collected]:
    """Drop the terrain of all but the ``keep`` newest revisions (None: none of them) of ``datasets``, and tiles that nothing uses then.

    Terrains of all datasets share their tiles, which are counted with the first one. ConflictError (code ``tiles-building``) while the
    terrain of one is being built.
    """
    terrains = [d for d in city.catalogue.datasets() if asset_kind(city.catalogue.feature_type(d.feature_type)) == "terrain"]
    wanted = {d.id for d in datasets}
    with ExitStack() as locks:
        for dataset in terrains:
            locks.enter_context(dropping(city, dataset))
        gone = {d.slug: _forget(city, d, keep if d.id in wanted else None) for d in terrains}
        dropped, kept = _drop(city, terrains)
    counts = dict.fromkeys((d.slug for d in datasets), (0, 0)) | {next(iter(datasets)).slug: (dropped, kept)}
    return {slug: Collected(*count, gone[slug]) for slug, count in counts.items()}


def _forget(city: City, dataset: Dataset, keep: int | None) -> tuple[int, ...]:
    """Have revisions no longer served, and return them."""
    ready = city.catalogue.assets.ready(dataset.id, "terrain", VARIANT)
    gone = () if keep is None else tuple(asset.revision for asset in ready[keep:])
    for revision in gone:
        city.catalogue.assets.forget(dataset.id, revision, "terrain", VARIANT)
    return gone


def _drop(city: City, terrains: Collection[Dataset]) -> tuple[int, int]:
    """Drop what no terrain that is served, or on its way, uses; return how many objects went and how many stay."""
    in_use: set[str] = set()
    held = set(city.store.keys(CONTENTS))
    for dataset in terrains:
        ready = {asset.revision for asset in city.catalogue.assets.ready(dataset.id, "terrain", VARIANT)}
        unfinished = going_on(city, dataset, "terrain") - ready
        of_dataset = set(city.store.keys(f"terrain/{dataset.slug}"))
        held |= of_dataset
        for revision in ready | unfinished:
            target = terrain_target(city, dataset.slug, revision)
            own = {key for key in of_dataset if key.startswith(f"{target.place}/")}
            in_use |= _used_by(city, target, own - {target.notes}) if revision in ready else _noted(city, target, own)
    garbage = sorted(held - in_use)
    city.store.delete_all(garbage)
    return len(garbage), len(held) - len(garbage)


def _used_by(city: City, target: TerrainTarget, own: Collection[str]) -> set[str]:
    """Return ``own`` objects of a revision and the tiles they name; of an earlier engine the tiles are among its own."""
    return {*own, *(_tiles(city, target.index) if target.index in own else ())}


def _noted(city: City, target: TerrainTarget, own: Collection[str]) -> set[str]:
    """Return the notes of a build that has not ended and the tiles they name; nothing where they were cut off."""
    try:
        return {target.notes, *_tiles(city, target.notes)} if target.notes in own else set()
    except ValueError:
        return set()


def _tiles(city: City, index: str) -> set[str]:
    return {f"{CONTENTS}/{name}.terrain" for name in read_index(city.store.get(index)).hashes()}
