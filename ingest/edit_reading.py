"""Features of a request as a source of rows: they take the way of every row of a file, without a file and without its sandbox.

JSON is parsed before it comes here, by the server's own parser and within the limit of a request's body; nothing of a foreign format is.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from ingest.protocol import FileInfo, Message, PartRequest, ReadRequest
from ingest.readers.json_columns import columns_of, is_too_deep
from ingest.readers.json_geometry import geometries
from ingest.readers.source import Fault, SourceBatch, SourceLayer
from ingest.reading import read_parts
from twin.errors import Text

_NO_HEIGHT = Text(
    zh="该坐标系没有高程：请去掉第三个坐标，或改用带高程的坐标系",
    en="this CRS has no height: leave the third coordinate out, or use a CRS with one",
)
_TOO_DEEP = Text(zh="几何对象嵌套过深", en="the geometry is nested too deep")
_DEEPEST = 12
"""Levels of objects and lists in a geometry: a collection of multipolygons has seven."""


@dataclass(frozen=True, slots=True)
class EditedFeature:
    """One feature as a request brings it."""

    row: int
    geometry: object
    """GeoJSON geometry object (RFC 7946 §3.1) or None."""
    properties: Mapping[str, object]
    """Field → JSON scalar."""
    has_height: bool
    """False: a third coordinate would mean nothing."""


@dataclass(frozen=True, slots=True)
class EditedSource:
    """The features a request brings for one dataset, and how their positions are to be understood."""

    name: str
    crs: str
    features: Sequence[EditedFeature]


class EditReader:
    """Reads the features of a request, by dataset."""

    format = "OGC API"

    def __init__(self, sources: Mapping[str, EditedSource]) -> None:
        self._sources = sources

    def __call__(self, request: ReadRequest) -> Generator[Message]:
        """Yield what the sandbox would send of a file with these features."""
        return read_parts(self, request)

    def inspect(self) -> FileInfo:
        """Return that there is no file."""
        return FileInfo(self.format, ())

    def open(self, part: PartRequest, /) -> _EditedLayer:
        """Return the features for one dataset."""
        return _EditedLayer(self._sources[part.dataset], part.feature_type.has_z)


class _EditedLayer:
    def __init__(self, given: EditedSource, has_z: bool) -> None:
        self._given = given
        self._has_z = has_z
        columns = tuple(dict.fromkeys(name for feature in given.features for name in feature.properties))
        self.source = SourceLayer(given.name, columns, given.crs, encoding="UTF-8", rows=len(given.features))

    def batches(self) -> Iterator[SourceBatch]:
        features = self._given.features
        if not features:
            return
        deep = [is_too_deep(feature.geometry, _DEEPEST) for feature in features]
        shapes, faults = geometries([None if hidden else f.geometry for f, hidden in zip(features, deep, strict=True)])
        faults += [Fault(i, "geometry-structure", _TOO_DEEP) for i in np.flatnonzero(deep).tolist()]
        if self._has_z:
            flat = np.array([not feature.has_height for feature in features])
            faults += [Fault(int(i), "geometry-type", _NO_HEIGHT) for i in np.flatnonzero(flat & shapely.has_z(shapes))]
        rows = np.array([feature.row for feature in features], dtype=np.int64)
        yield SourceBatch(rows, shapes, columns_of([feature.properties for feature in features]), tuple(faults))
