"""Rows that are read without a file: what the rules about single rows find among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import shapely

from ingest.protocol import Limits, PartBatch, PartHeader, PartRequest, ReadRequest
from ingest.readers.source import Fault, FileInfo, SourceBatch, SourceLayer
from ingest.reading import read_parts
from twin.featuretypes.loader import load_feature_types
from twin.model import FeatureType, Finding

ORIGIN = (497_538.0, 3_520_895.0)
TYPES = load_feature_types()


@dataclass(frozen=True)
class Rows:
    """Source rows of one FeatureType: geometries and columns as a file would give them."""

    feature_type: str
    geometry: Sequence[shapely.Geometry | None]
    columns: Mapping[str, Sequence[object]] = field(default_factory=dict)
    crs: str = "EPSG:4549"
    faults: tuple[Fault, ...] = ()
    notes: tuple = ()
    vertices: int = 1_000_000


@dataclass
class ReaderOfRows:
    """A reader that gives rows."""

    rows: Rows
    format: str = "test"

    def inspect(self) -> FileInfo:
        raise NotImplementedError

    def open(self, part: PartRequest, /) -> ReaderOfRows:
        return self

    @property
    def source(self) -> SourceLayer:
        return SourceLayer("layer", tuple(self.rows.columns), self.rows.crs, rows=len(self.rows.geometry), notes=self.rows.notes)

    def batches(self) -> Iterator[SourceBatch]:
        numbers = np.arange(1, len(self.rows.geometry) + 1)
        columns = {name: pa.array(values) for name, values in self.rows.columns.items()}
        geometry = np.array(self.rows.geometry, dtype=object)
        yield SourceBatch(rows=numbers, columns=columns, geometry=geometry, faults=self.rows.faults)


def row_findings(rows: Rows, feature_type: FeatureType | None = None) -> list[Finding]:
    """Return what is found in rows, by their FeatureType or another one."""
    part = PartRequest("layer", feature_type or TYPES[rows.feature_type], "dataset")
    request = ReadRequest(Path("none"), (part,), 4549, limits=Limits(vertices_per_feature=rows.vertices))
    messages = read_parts(ReaderOfRows(rows), request)
    return [f for m in messages if isinstance(m, PartHeader | PartBatch) for f in m.findings]


def area(*ring: tuple[float, float], holes: Sequence[Sequence[tuple[float, float]]] = ()) -> shapely.MultiPolygon:
    """Return an area by metres from the origin."""
    return shapely.MultiPolygon([shapely.Polygon(moved(ring), [moved(hole) for hole in holes])])


def line(*vertices: tuple[float, ...]) -> shapely.LineString:
    """Return a line by metres from the origin."""
    return shapely.LineString(moved(vertices))


def moved(vertices: Sequence[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Return vertices by metres from the origin in the storage CRS."""
    return [(ORIGIN[0] + x, ORIGIN[1] + y, *z) for x, y, *z in vertices]
