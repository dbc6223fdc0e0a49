"""`twin tiles build`, `export` and `gc`, the build worker, and the warming of compiled kernels."""

from __future__ import annotations

import argparse
import functools
from dataclasses import asdict

from twin.catalogue import asset_kind, has_tree
from twin.errors import BadRequestError, ConflictError, NotFoundError
from twin.server.assets import build_asset, build_missing
from twin.server.city import open_city
from twin.server.scene import VARIANT
from twin.server.settings import Settings
from twin.server.terminal import Terminal
from twin.store import written_whole


def tiles_build(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> None:
    """Build the 3D form of a dataset's newest revision, or of an earlier one whose tiles are not kept any more."""
    with open_city(settings.with_scheduler(options.scheduler)) as city:
        slug, current = options.dataset, city.catalogue.current_revision(options.dataset)
        dataset = city.catalogue.dataset(slug)
        kind = asset_kind(city.catalogue.feature_type(dataset.feature_type))
        if current is None or kind is None:
            raise BadRequestError(f"{slug} has no 3D form", zh=f"{slug} 没有三维形态")
        revision = current if options.revision is None else city.catalogue.revision_as_of(slug, options.revision)
        if revision is None:
            raise NotFoundError(f"{slug} has no revision at {options.revision}", zh=f"{slug} 在 {options.revision} 没有版本")
        city.catalogue.assets.forget(dataset.id, revision.commit, kind, VARIANT)
        is_built = build_asset(city, slug, revision.commit, terminal.progress, anew=True)
        if revision.commit == current.commit:
            if (problem := build_missing(city, terminal.progress, only=(slug,))) is not None:
                raise problem
        elif not is_built:
            raise ConflictError(f"somebody else builds {slug} now", zh=f"{slug} 正由其他进程构建").with_code("tiles-building")
        asset = city.catalogue.assets.find(dataset.id, revision.commit, kind, VARIANT)
    terminal.say(f"{slug} 版本 {revision.commit} 已构建", f"{slug} at {revision.commit} is built")
    terminal.result({"dataset": slug, "revision": revision.commit, "detail": dict(asset.detail) if asset else {}})


def tiles_export(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> None:
    """Write the newest tileset of a dataset as one 3TZ file."""
    from twin.server.archived_tiles import archive_of, require_archivable  # noqa: PLC0415 - the tile engine loads when it is asked for

    with open_city(settings) as city:
        dataset = city.catalogue.dataset(options.dataset)
        require_archivable(dataset, city.catalogue.feature_type(dataset.feature_type))
        ready = city.catalogue.assets.ready(dataset.id, "tileset", VARIANT)
        if not ready:
            raise NotFoundError(f"{dataset.slug} has no tileset yet", zh=f"{dataset.slug} 还没有瓦片集")
        revision = max(asset.revision for asset in ready)
        archive, _ = archive_of(city.store, dataset, revision)
        with written_whole(options.file) as file:
            file.writelines(archive.pieces())
    terminal.say(
        f"{options.dataset} 版本 {revision}：{archive.files} 个文件写入 {options.file.name}",
        f"{options.dataset} at {revision}: {archive.files} files written to {options.file.name}",
    )
    terminal.result({"dataset": options.dataset, "revision": revision, "files": archive.files, "output": str(options.file)})


def tiles_gc(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> None:
    """Drop the objects of tiles that no kept revision uses."""
    from twin.server.filtered_tiles import kept_places  # noqa: PLC0415 - the tile engine loads when it is asked for
    from twin.server.terrain_garbage import collect_terrain  # noqa: PLC0415
    from twin.server.tile_garbage import collect  # noqa: PLC0415

    with open_city(settings) as city:
        types = {d.slug: city.catalogue.feature_type(d.feature_type) for d in city.catalogue.datasets()}
        asked = [city.catalogue.dataset(slug) for slug in options.datasets]
        datasets = asked or [d for d in city.catalogue.datasets() if has_tree(types[d.slug]) or asset_kind(types[d.slug]) == "terrain"]
        terrains = [d for d in datasets if asset_kind(types[d.slug]) == "terrain"]
        found = dict(collect_terrain(city, terrains, options.keep)) if terrains else {}
        for dataset in (d for d in datasets if d not in terrains):
            if not has_tree(types[dataset.slug]):
                raise BadRequestError(f"{dataset.slug} has no tile tree", zh=f"{dataset.slug} 没有瓦片树")
            found[dataset.slug] = collect(city, dataset, options.keep, functools.partial(kept_places, city, dataset))
    for slug, one in found.items():
        terminal.say(f"{slug}：删除 {one.dropped} 个对象，保留 {one.kept} 个", f"{slug}: {one.dropped} objects dropped, {one.kept} kept")
    terminal.result({"datasets": {slug: asdict(one) for slug, one in found.items()}})


def worker(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> None:
    """Build what is missing, in the background of a server."""
    from twin.server.jobs import run_worker  # noqa: PLC0415 - the queue is the worker's alone
    from twin.server.kept_process import end_with_parent  # noqa: PLC0415

    if options.with_parent:
        end_with_parent()
    with open_city(settings, pool_size=8) as city:  # a check takes up to four, a build two more, and edits come meanwhile
        run_worker(city, lambda *_: None)


def warm(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> None:
    """Compile the numba kernels into their cache, so that the first build need not."""
    from twin.server.warming import warm_kernels  # noqa: PLC0415

    warm_kernels()
