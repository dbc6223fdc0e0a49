"""The volumes of the tilesets and terrains that are ready, read from what was built."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

import numpy as np
import orjson
from psycopg import sql

from ogc.volumes import Volume
from twin.catalogue import asset_kind
from twin.db import translated
from twin.errors import NotFoundError
from twin.model import Asset, Dataset, Revision
from twin.server.city import City
from twin.server.scene import VARIANT
from twin.tables import current_table

_MAX_AGE_S = 1.0
_HEIGHTS = sql.SQL("SELECT min(minimum_m), max(maximum_m) FROM {}")


class BuiltVolumes:
    """Knows the volumes of a city; what is built of a revision is looked at once. Called from several threads."""

    def __init__(self, city: City) -> None:
        self._city = city
        self._known: dict[tuple[int, int], Volume | None] = {}
        self._taken: tuple[float, Mapping[str, Volume]] = (-math.inf, {})

    def current(self) -> Mapping[str, Volume]:
        """Return, by collection, the volumes of the current revisions whose tileset or terrain is ready."""
        taken_at, volumes = self._taken
        if time.monotonic() - taken_at <= _MAX_AGE_S:
            return volumes
        volumes = self._look()
        self._taken = (time.monotonic(), volumes)
        return volumes

    def _look(self) -> Mapping[str, Volume]:
        catalogue = self._city.catalogue
        ready = {(a.dataset, a.revision): a for a in catalogue.assets.of_current_revisions() if a.state == "ready" and a.variant == VARIANT}
        found: dict[str, Volume] = {}
        known: dict[tuple[int, int], Volume | None] = {}
        for dataset in catalogue.datasets():
            revision = catalogue.current_revision(dataset.slug)
            asset = None if revision is None else ready.get((dataset.id, revision.commit))
            if revision is None or asset is None or asset.kind != asset_kind(catalogue.feature_type(dataset.feature_type)):
                continue
            key = (dataset.id, revision.commit)
            known[key] = self._known[key] if key in self._known else self._volume(dataset, revision, asset)
            volume = known[key]
            if volume is not None:
                found[dataset.slug] = volume
        self._known = known
        return found

    def _volume(self, dataset: Dataset, revision: Revision, asset: Asset) -> Volume | None:
        return self._terrain(dataset, revision) if asset.kind == "terrain" else self._tileset(dataset, revision)

    def _tileset(self, dataset: Dataset, revision: Revision) -> Volume | None:
        """Return the region of the root tile; None where nothing is drawn."""
        try:
            document = orjson.loads(self._city.store.get(f"tiles/{dataset.slug}/{VARIANT}/r/{revision.commit}/tileset.json"))
        except NotFoundError:
            return None
        region = document.get("root", {}).get("boundingVolume", {}).get("region")
        if region is None or not any(region):
            return None
        west, south, east, north = (math.degrees(value) for value in region[:4])
        return Volume(west, south, east, north, region[4], region[5], revision.commit, "tileset")

    def _terrain(self, dataset: Dataset, revision: Revision) -> Volume | None:
        extent = revision.extent_deg
        with translated(), self._city.pool.connection() as connection:
            row = connection.execute(_HEIGHTS.format(current_table(dataset.feature_type, dataset.id))).fetchone()
        if extent is None or row is None or row[0] is None:
            return None
        vertical, separation = self._city.frame.vertical, np.zeros(1)
        if vertical.known:
            separation = vertical.grid_separation_m(np.linspace(extent[0], extent[2], 5), np.linspace(extent[1], extent[3], 5)).ravel()
        low, high = float(row[0] + np.nanmin(separation)), float(row[1] + np.nanmax(separation))
        return Volume(*extent, low, high, revision.commit, "terrain")
