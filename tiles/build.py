"""The tileset of a revision: from all its features, or from the tileset of an earlier revision and what changed since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from tiles.bounds import Region
from tiles.columns import FeatureColumns
from tiles.edit import Edit, Fetch, in_tree_order
from tiles.full_build import FullBuild, Progress
from tiles.glb import ENGINE_VERSION, Encoding
from tiles.implicit import implicit_tileset, root_volume
from tiles.local_frame import ToGeocentric
from tiles.making import Making, Means
from tiles.mesh.batch import LeftOut
from tiles.metadata import MetadataClass, metadata_class
from tiles.node import Node, NodeError
from tiles.node_store import NodeStore, Objects, content_hash
from tiles.nodes_ahead import nodes_below
from tiles.source import placed
from tiles.subtrees import Before, write_subtrees
from tiles.tileset import revision_tileset
from tiles.tileset_members import tileset_members
from tiles.tiling import Budget
from tiles.workers import ThreadWorkers, Workers
from twin.errors import NotFoundError
from twin.model import FeatureType
from twin.representation import SurfaceType

_THREADS = 2
TREE_VERSION = 7
"""Part of every tree's name: raise it whenever the same features give another tree of the same contents."""


@dataclass(frozen=True, slots=True)
class TilesetTarget:
    """Which tileset is built: dataset, revision and variant name its keys; ``oid_prefix`` and ``extras`` become tileset metadata.

    ``pipeline`` names the way from the storage CRS to geocentric: trees of another pipeline share nothing.
    """

    dataset: str
    revision: int
    variant: str
    oid_prefix: str
    extras: dict[str, object] = field(default_factory=dict)
    pipeline: str = ""


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How a tileset is built; features that wait on disk lie below ``folder`` (None: the system's for temporary files).

    ``anew``: objects are written even where they are stored, in case they are damaged.
    """

    budget: Budget = field(default_factory=Budget)
    encoding: Encoding = field(default_factory=Encoding)
    folder: Path | None = None
    anew: bool = False


@dataclass(frozen=True, slots=True)
class TilesetSummary:
    """What a tileset holds: features in = drawn + the sum of ``left_out``.

    ``left_out``: features by reason (:func:`left_out_features` lists them); ``lods``: drawn features by level of detail ("1", "2.2"), for
    forms that have levels; ``surfaces``: the kinds that occur; ``faces_left_out`` counts the faces without area; ``unrepresentable``:
    values by property that became noData; ``contents`` are those of leaves, ``far_contents`` those of inner tiles; ``accuracy``: what
    bounds the errors, metres; ``region`` is None when nothing is drawn. ``tree`` is the name by which the next revision finds the tree.
    ``textured``: drawn features that show a picture.
    """

    features: int
    drawn: int
    left_out: Mapping[LeftOut, int]
    lods: Mapping[str, int]
    surfaces: tuple[SurfaceType, ...]
    faces_left_out: int
    unrepresentable: Mapping[str, int]
    contents: int
    content_bytes: int
    far_contents: int
    far_bytes: int
    accuracy: Mapping[str, float]
    region: Region | None
    key: str
    tree: str
    textured: int = 0


@dataclass(frozen=True, slots=True)
class Tree:
    """The tile tree of a revision: its root and the root's subtree file, the features that have no place in it, what it was made with."""

    made_with: str
    root: str | None
    subtrees: str | None
    unplaced: tuple[tuple[int, LeftOut], ...]


def build_tileset(
    columns: Iterable[FeatureColumns],
    feature_type: FeatureType,
    to_geocentric: ToGeocentric,
    target: TilesetTarget,
    store: Objects,
    progress: Progress | None = None,
    options: BuildOptions | None = None,
    workers: Workers | None = None,
) -> TilesetSummary:
    """Build the tileset of ``columns`` and store it; the revision's tileset.json is put last, so a half-built one is never visible.

    Keys below ``tiles/{dataset}/{variant}/``: ``c/{hash}.glb``, ``n/{hash}`` (nodes), ``s/{hash}.subtree``, ``t/{hash}.json``,
    ``r/{revision}/implicit.json`` and ``r/{revision}/tileset.json``. The bytes depend on the features alone, not on their order, their
    batches or on who ``workers`` are (None: two threads). A build that was ended goes on where it was when it is begun again with the same
    target. RecipeError when the FeatureType has no 3D form.
    """
    build = _Build(feature_type, to_geocentric, target, store, options or BuildOptions())
    with ThreadWorkers(_THREADS) if workers is None else nullcontext(workers) as doing:
        tree = FullBuild(build.making, doing, build.options.folder).tree(columns, progress or _silent)
    summary = build.finish(tree.root, tree.unplaced)
    build.making.journal.forget(tree.chunks)
    return summary


def update_tileset(
    base: str,
    before: FeatureColumns,
    after: FeatureColumns,
    fetch: Fetch,
    feature_type: FeatureType,
    to_geocentric: ToGeocentric,
    target: TilesetTarget,
    store: Objects,
    options: BuildOptions | None = None,
) -> TilesetSummary:
    """Build the tileset of a revision from the tree ``base`` of an earlier one; the same bytes as :func:`build_tileset` of its features.

    ``before`` and ``after`` are the features that changed between the two, as they were and as they are (one that came or went is in one
    of them only); ``fetch`` gives others of the new revision by fid. NodeError when ``base`` was made with another engine, type or
    pipeline, or does not hold ``before``.
    """
    build = _Build(feature_type, to_geocentric, target, store, options or BuildOptions())
    tree = read_tree(build.store, base)
    if tree.made_with != build.made_with:
        raise NodeError("the earlier tileset was made in another way")
    gone, new = (placed(features, feature_type, build.metadata) for features in (before, after))
    edit = Edit(build.maker, feature_type, build.metadata, fetch)
    old = None if tree.root is None else build.store.node(tree.root)
    root = edit.root(old, in_tree_order(gone.places), in_tree_order(new.places))
    changed = {int(fid) for features in (before, after) for fid in features.fid}
    unplaced = [entry for entry in tree.unplaced if entry[0] not in changed]
    return build.finish(root, sorted([*unplaced, *new.unplaced]), tree)


def is_made_alike(base: str, feature_type: FeatureType, pipeline: str, store: NodeStore, options: BuildOptions) -> bool:
    """Return whether :func:`update_tileset` takes up the tree ``base``: it is one of this engine, type, pipeline and ``options``."""
    try:
        made_with = read_tree(store, base).made_with
    except (NodeError, NotFoundError):
        return False
    return made_with == _made_with(feature_type, metadata_class(feature_type), pipeline, options)


class _Build:
    """What a full build and an update share."""

    def __init__(
        self, feature_type: FeatureType, to_geocentric: ToGeocentric, target: TilesetTarget, objects: Objects, options: BuildOptions
    ) -> None:
        self.target, self.options = target, options
        self.metadata: MetadataClass = metadata_class(feature_type)
        self.made_with = _made_with(feature_type, self.metadata, target.pipeline, options)
        journal = f"{target.revision}-{self.made_with}"
        names = (target.dataset, target.variant)
        self.making = Making(
            Means(feature_type, to_geocentric, objects, *names, options.encoding, options.budget, journal, anew=options.anew)
        )
        self.store, self.maker = self.making.store, self.making.maker

    def finish(self, root: Node | None, unplaced: Sequence[tuple[int, LeftOut]], base: Tree | None = None) -> TilesetSummary:
        """Store the tree and, last, the revision's tileset.json; ``base`` is the tree that it was made from."""
        subtrees = self._subtrees(root, base)
        tree = Tree(self.made_with, None if root is None else root.name, subtrees, tuple(unplaced))
        key = f"{self.store.prefix}/r/{self.target.revision}/tileset.json"
        summary = _summary(root, unplaced, key, self.store.put_new("n/{}", _tree_bytes(tree)))
        members = tileset_members(self.metadata, self.target.dataset, self.target.revision, self.target.oid_prefix, root)
        extras = {**self.target.extras, **({"lod": summary.lods} if summary.lods else {}), "accuracy": summary.accuracy}
        self._tilesets(root, subtrees, {**members, "extras": extras})
        return summary

    def _subtrees(self, root: Node | None, base: Tree | None) -> str | None:
        """Store the subtree files and return the name of the root's; None where nothing is drawn."""
        if root is None or root.tile is None:
            return None
        if base is not None and base.root is not None and base.subtrees is not None:
            before = Before(self.store.node(base.root), base.subtrees, self.store.subtree)
            return write_subtrees(root, self.store.node, self.store.put_subtree, before)
        with nodes_below(self.store, root) as load:
            return write_subtrees(root, load, self.store.put_subtree)

    def _tilesets(self, root: Node | None, subtrees: str | None, members: Mapping[str, object]) -> None:
        """Store the implicit tileset of the revision and, last, the explicit one."""
        place, tile = f"r/{self.target.revision}", None if root is None else root.tile
        explicit = revision_tileset(tile, self.target.variant, dict(members))
        implicit = explicit
        if root is not None and subtrees is not None:
            volume = root_volume(root, self.store.node, self.maker.drawing.to_geocentric)
            implicit = implicit_tileset(root, subtrees, volume, members)
        self.store.put(f"{place}/implicit.json", implicit)
        self.store.put(f"{place}/tileset.json", explicit)


def read_tree(store: NodeStore, name: str) -> Tree:
    """Return the tree ``name``; NodeError when there is none of this engine."""
    try:
        record = orjson.loads(store.get(f"n/{name}"))
        unplaced = tuple((fid, LeftOut(reason)) for fid, reason in record["unplaced"])
        return Tree(record["made_with"], record["root"], record["subtrees"], unplaced)
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise NodeError(f"{name} is no tile tree") from error


def left_out_features(store: NodeStore, name: str) -> list[tuple[int, LeftOut]]:
    """Return (fid, reason) of all features that the tree ``name`` does not draw, by fid."""
    tree = read_tree(store, name)
    found, waiting = list(tree.unplaced), [] if tree.root is None else [tree.root]
    while waiting:
        node = store.node(waiting.pop())
        if node.summary.left_out:
            found += node.left_out
            waiting += [child for _, child in node.children]
    return sorted(found)


def _tree_bytes(tree: Tree) -> bytes:
    return orjson.dumps({"made_with": tree.made_with, "root": tree.root, "subtrees": tree.subtrees, "unplaced": tree.unplaced})


def _made_with(feature_type: FeatureType, metadata: MetadataClass, pipeline: str, options: BuildOptions) -> str:
    """Return the name of all that gives the same features another tree."""
    kind = (metadata.schema, feature_type.recipe, dict(feature_type.recipe_fields), feature_type.style.color_by)
    return content_hash(repr((TREE_VERSION, ENGINE_VERSION, kind, pipeline, options.budget, options.encoding)).encode())


def _silent(_done: int, _total: int) -> None:
    """Report to nobody."""


def _summary(root: Node | None, unplaced: Sequence[tuple[int, LeftOut]], key: str, tree: str) -> TilesetSummary:
    left_out: dict[LeftOut, int] = {}
    for reason in [reason for _, reason in unplaced]:
        left_out[reason] = left_out.get(reason, 0) + 1
    if root is None:
        return TilesetSummary(len(unplaced), 0, left_out, {}, (), 0, {}, 0, 0, 0, 0, _accuracy({}), None, key, tree)
    s = root.summary
    for number, count in s.left_out.items():
        left_out[LeftOut(number)] = left_out.get(LeftOut(number), 0) + count
    return TilesetSummary(
        features=root.weight.count + len(unplaced),
        drawn=s.statistics.count,
        left_out=dict(sorted(left_out.items())),
        lods={f"{tenths / 10:g}": count for tenths, count in s.lods.items()},
        surfaces=tuple(SurfaceType(kind) for kind in sorted(s.surfaces)),
        faces_left_out=s.faces_left_out,
        unrepresentable=s.unrepresentable,
        contents=s.contents,
        content_bytes=s.content_bytes,
        far_contents=s.far_contents,
        far_bytes=s.far_bytes,
        accuracy=_accuracy(s.accuracy),
        region=root.region,
        key=key,
        tree=tree,
        textured=s.textured,
    )


_ERRORS = ("projection_residual_m", "position_error_m", "chord_error_m")


def _accuracy(of_contents: Mapping[str, float]) -> Mapping[str, float]:
    """Return what bounds the errors of all contents, and their sum: how far what is drawn may lie from what is stored (``fidelity_m``)."""
    errors = {name: of_contents.get(name, 0.0) for name in _ERRORS}
    return {"fidelity_m": sum(errors.values()), **errors, "quantization_step_m": of_contents.get("quantization_step_m", 0.0)}
