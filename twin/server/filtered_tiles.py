"""Filtered tilesets: the tree is made when a filter is first asked for, its contents one by one as clients come near, and kept for a while.

They lie beside the tiles of the dataset in ``f/{name}/``: ``fids`` (uint32, sorted), ``plan.json``, ``tileset.json``, tree files, contents.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import orjson
from numpy.typing import NDArray

from ogc.parameters import filter_of
from tiles.build import BuildOptions, read_tree
from tiles.content import Drawing
from tiles.filtered import Fids, Form, filtered_tree
from tiles.filtered_content import FilteredContents
from tiles.glb import ENGINE_VERSION, Encoding
from tiles.kept_pictures import KeptPictures
from tiles.massing_form import far_form_for
from tiles.metadata import metadata_class
from tiles.node_store import NodeStore, content_hash
from tiles.revision_rows import RevisionRows
from tiles.tileset import filtered_tileset
from tiles.tree import TreeMaker
from twin.db import translated
from twin.errors import BadRequestError, NotFoundError
from twin.model import Dataset, Principal, Revision
from twin.query.collection import Collection, collection_of
from twin.query.feature_query import FeatureQuery
from twin.query.matching import matching_statement
from twin.server.city import City
from twin.server.scene import VARIANT
from twin.server.tile_lock import building

type Numbers = NDArray[np.float64]

FILTER_VERSION = 3
"""Part of every name: raise it when the same filter gives another tileset."""
MOST_KEPT = 100
"""Filtered tilesets of one dataset; when one more is asked for, that which nobody has asked for longest goes."""
KEPT_S = 7 * 86_400.0
"""`twin tiles gc` drops what nobody has asked for as long as this."""
LONGEST_S = 10
"""No filter may keep the database busy longer."""
_NAME = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is kept of a filtered tileset: of which revision it is, and how contents are drawn."""

    revision: int
    contents: Mapping[str, Form]


class FilteredTiles:
    """Makes filtered tilesets and their contents, and finds those that are there; blocking, for a few threads of its own."""

    def __init__(self, city: City) -> None:
        self._city = city
        self._projecting = threading.Lock()

    def tileset(self, dataset: Dataset, revision: Revision, given: Mapping[str, str], principal: Principal) -> str:
        """Return the name of the tileset of the features that the parameters of a filter mean at a built revision; it is stored.

        BadRequestError as for items, and ``no-filter`` for tiles that are not drawn from features; NotFoundError for hidden datasets.
        """
        asset = self._city.catalogue.assets.find(dataset.id, revision.commit, "tileset", VARIANT)
        tree = None if asset is None else asset.detail.get("tree")
        if not isinstance(tree, str):
            raise BadRequestError(f"{dataset.slug} cannot be filtered", zh=f"{dataset.slug} 不能过滤").with_code("no-filter")
        query = self._query(dataset, revision.commit, given)
        asked = (FILTER_VERSION, ENGINE_VERSION, self._encoding, tree, revision.commit, sorted(principal.classes), sorted(given.items()))
        name = content_hash(repr(asked).encode("utf-8", "surrogatepass"))
        with building(self._city, dataset):  # what is found here is not dropped as what nobody has asked for
            if not self._touched(dataset, name):
                self._make_room(dataset)
                self._make(dataset, name, tree, query, principal)
        return name

    def content(self, dataset: Dataset, name: str, node: str) -> str:
        """Return the key of a content, drawn now if nobody has asked for it before; NotFoundError when the tileset has none such."""
        key = f"{_folder(dataset.slug)}/{name}/{node}.glb"
        if not (_NAME.fullmatch(name) and _NAME.fullmatch(node)):
            raise NotFoundError("there is no such tile", zh="没有此瓦片")
        if self._city.store.exists(key):
            return key
        plan = self.plan(dataset, name)
        form = plan.contents.get(node)
        if form is None:
            raise NotFoundError("there is no such tile", zh="没有此瓦片")
        wanted = np.frombuffer(self._city.store.get(f"{_folder(dataset.slug)}/{name}/fids"), "<u4").astype(np.uint32)
        with building(self._city, dataset):
            self._city.store.put(key, self._contents(dataset, plan.revision, wanted).content(node, form))
        return key

    def tree_file(self, dataset: Dataset, name: str, file: str) -> str:
        """Return the key of a tree file of a filtered tileset; NotFoundError for what cannot be one."""
        if not (_NAME.fullmatch(name) and _NAME.fullmatch(file)):
            raise NotFoundError("there is no such tile", zh="没有此瓦片")
        return f"{_folder(dataset.slug)}/{name}/{file}.json"

    def plan(self, dataset: Dataset, name: str) -> Plan:
        """Return the plan of a filtered tileset; NotFoundError when it is not, or no longer, there, or was cut off."""
        body = self._city.store.get(f"{_folder(dataset.slug)}/{name}/plan.json")
        try:
            record = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise NotFoundError("there is no such tile", zh="没有此瓦片") from error
        return Plan(record["revision"], {node: Form(form) for node, form in record["contents"].items()})

    def kept(self, dataset: Dataset) -> list[tuple[float, str]]:
        """Return (seconds since somebody asked, name) of the filtered tilesets that are stored, the latest first."""
        found = (held for held in self._city.store.entries(_folder(dataset.slug)) if held.key.endswith("/tileset.json"))
        return sorted((time.time() - held.modified_ns / 1e9, held.key.split("/")[-2]) for held in found)

    def _to_geocentric(self, easting_m: Numbers, northing_m: Numbers, height_m: Numbers, /) -> tuple[Numbers, Numbers, Numbers]:
        with self._projecting:  # the city has one, and PROJ's objects are not to be shared
            return self._city.frame(easting_m, northing_m, height_m)

    @property
    def _encoding(self) -> Encoding:
        return Encoding(meshopt=self._city.settings.tile_compression, outlines=self._city.settings.tile_outlines)

    def _query(self, dataset: Dataset, commit: int, given: Mapping[str, str]) -> FeatureQuery:
        collection = self._collection(dataset)
        return FeatureQuery(collection, collection.crs[0], as_of=commit, filter=filter_of(given, collection))

    def _collection(self, dataset: Dataset) -> Collection:
        collection = collection_of(self._city.catalogue, self._city.deployment, dataset)
        if collection is None:
            raise NotFoundError(f"{dataset.slug} has no revision", zh=f"{dataset.slug} 没有版本")
        return collection

    def _touched(self, dataset: Dataset, name: str) -> bool:
        """Note that somebody asks for a tileset; False when it, or anything that its contents are drawn by, is not there."""
        place, store = f"{_folder(dataset.slug)}/{name}", self._city.store
        return store.touch(f"{place}/tileset.json") and store.exists(f"{place}/plan.json") and store.exists(f"{place}/fids")

    def _make_room(self, dataset: Dataset) -> None:
        for _, name in self.kept(dataset)[MOST_KEPT - 1 :]:
            for key in _last_first(self._city, f"{_folder(dataset.slug)}/{name}"):
                self._city.store.delete(key)

    def _make(self, dataset: Dataset, name: str, tree: str, query: FeatureQuery, principal: Principal) -> None:
        store = NodeStore(self._city.store, dataset.slug, VARIANT)
        wanted = self._matching(query, principal)
        made = filtered_tree(store, read_tree(store, tree).root, wanted, f"f/{name}", BuildOptions().budget)
        whole = orjson.loads(store.get(f"r/{query.as_of}/tileset.json"))
        extras = {key: whole["extras"][key] for key in ("certificate",) if key in whole.get("extras", {})}
        members = {key: whole[key] for key in ("schema", "metadata") if key in whole}
        plan = {"revision": query.as_of, "contents": made.contents}
        store.put(f"f/{name}/fids", wanted.astype("<u4").tobytes())
        store.put(f"f/{name}/plan.json", orjson.dumps(plan))
        body = filtered_tileset(made.root, f"f/{name}", {**members, "extras": {**extras, "features": made.features}})
        store.put(f"f/{name}/tileset.json", body)

    def _matching(self, query: FeatureQuery, principal: Principal) -> Fids:
        statement = matching_statement(query, principal)
        with translated(), self._city.pool.connection() as connection, connection.transaction():
            connection.execute("SELECT set_config('statement_timeout', %s, true)", (f"{LONGEST_S}s",))
            rows = connection.execute(statement.text, statement.values, binary=True).fetchall()
        return np.unique(np.array([row[0] for row in rows], np.uint32))

    def _contents(self, dataset: Dataset, commit: int, wanted: Fids) -> FilteredContents:
        feature_type = self._city.catalogue.feature_type(dataset.feature_type)
        metadata = metadata_class(feature_type)
        drawing = Drawing(metadata, self._to_geocentric, self._encoding, KeptPictures(self._city.store))
        store = NodeStore(self._city.store, dataset.slug, VARIANT)
        maker = TreeMaker(store, drawing, BuildOptions().budget, far_form_for(feature_type, metadata, self._encoding))
        rows = RevisionRows(self._city.pool, self._collection(dataset), commit)
        return FilteredContents(maker, feature_type, metadata, rows.of, wanted)


def kept_places(city: City, dataset: Dataset, revisions: set[int]) -> Iterator[str]:
    """Yield the places below the variant of filtered tilesets of ``revisions`` that somebody has asked for lately."""
    filtered = FilteredTiles(city)
    for unasked_s, name in filtered.kept(dataset):
        if unasked_s < KEPT_S and _revision(filtered, dataset, name) in revisions:
            yield from (key.removeprefix(f"tiles/{dataset.slug}/{VARIANT}/") for key in city.store.keys(f"{_folder(dataset.slug)}/{name}"))


def _revision(filtered: FilteredTiles, dataset: Dataset, name: str) -> int | None:
    """Return of which revision a filtered tileset is, None where what said so is gone."""
    try:
        return filtered.plan(dataset, name).revision
    except NotFoundError:
        return None


def _folder(slug: str) -> str:
    return f"tiles/{slug}/{VARIANT}/f"


def _last_first(city: City, folder: str) -> list[str]:
    """Return the keys of a filtered tileset, by which it is known first."""
    return sorted(city.store.keys(folder), key=lambda key: not key.endswith("/tileset.json"))
