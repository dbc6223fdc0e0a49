"""The one interface of all readers: a file has layers, a layer has columns and a CRS, and comes in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.areas import Areas
from ingest.documents import Packing
from ingest.paths import Paths
from ingest.protocol import (
    CoverageBlock,
    CoverageHeader,
    FileChunk,
    FileInfo,
    ImageBlock,
    ImageHeader,
    ModelFile,
    ModelHeader,
    PartRequest,
    PointCloudHeader,
    ReadRequest,
)
from twin.errors import Text
from twin.model import Recipe
from twin.pictures import Pixels
from twin.representation import Faces

Geometries = npt.NDArray[np.object_]
"""Shapely geometries; None where the source has none."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A row the reader itself could not take: position in the batch, rule id and why."""

    index: int
    rule: str
    message: Text
    place: tuple[float, float] | None = None
    """Where it is to be looked for, in the CRS of the source: a row without a geometry may have one end that is known."""


@dataclass(frozen=True, slots=True)
class Remark:
    """What the reader has to say of a row it takes: position in the batch, rule id and what."""

    index: int | None
    """None: of the layer, of which no row is taken."""
    rule: str
    message: Text


@dataclass(frozen=True, slots=True)
class Mended:
    """A ring read with a repeated corner taken out, or left out because too few remained; a shell left out because nothing did."""

    code: int
    """val3dity's: 101, 102, 104 (a line there and back), 902."""
    place: tuple[float, float] | None
    """x, y in the source CRS; nothing has none."""


@dataclass(frozen=True, slots=True)
class Makeup:
    """What the geometries of a body say and its faces do not."""

    geometry_of_solid: tuple[int, ...] = ()
    """Per solid the number of the geometry it is of; empty: each is one."""
    composites: frozenset[int] = frozenset()
    """Which geometries are composite solids."""
    mended: tuple[Mended, ...] = ()


@dataclass(frozen=True, slots=True)
class Representation:
    """The 3D of one row at one level of detail, in the source CRS."""

    index: int
    """Position of the row in the batch."""
    lod: str
    faces: Faces
    surface_attributes: str | None
    """JSON: what the source says of single surfaces."""
    makeup: Makeup = field(default_factory=Makeup)


@dataclass(frozen=True, slots=True)
class SourceBatch:
    """Rows as the source has them: number, geometry in the source CRS, columns by name. All of one length."""

    rows: npt.NDArray[np.int64]
    geometry: Geometries
    columns: Mapping[str, pa.Array]
    faults: tuple[Fault, ...] = ()
    representations: Sequence[Representation] = ()
    documents: tuple[bytes | None, ...] = ()
    """Per row what it was read from, for exact export, None of those in ``packing``; empty where the format is not kept."""
    packing: Packing | None = None
    """What the reader has packed of them, but for a part that is to be compressed."""
    areas: Areas | None = None
    """Polygons that the reader gives as arrays; their ``geometry`` is None."""
    paths: Paths | None = None
    """Points and lines that it gives so."""
    remarks: tuple[Remark, ...] = ()
    pictures: Iterable[Pixels] = ()
    """Those that faces of the representations show and that no batch before brought; they can be gone through once."""

    def with_geometries(self, others: npt.NDArray[np.bool_] | None = None) -> SourceBatch:
        """Return the batch with a geometry made of each row that is given as an array; those of ``others`` stay arrays."""
        if self.areas is None and self.paths is None:
            return self
        geometry = self.geometry.copy()
        for given in (self.areas, self.paths):
            made = None if given is None else given if others is None else given.of(~others[given.rows])
            if made is not None and len(made):
                geometry[made.rows] = made.geometries()
        if others is None:
            return replace(self, geometry=geometry, areas=None, paths=None)
        areas = None if self.areas is None else self.areas.of(others[self.areas.rows])
        return replace(self, geometry=geometry, areas=areas, paths=None if self.paths is None else self.paths.of(others[self.paths.rows]))


@dataclass(frozen=True, slots=True)
class SourceLayer:
    """What is known of a layer before its first row."""

    name: str
    columns: tuple[str, ...]
    crs: str | None
    """What the file says: an authority code or WKT; None when it says nothing."""
    assumed: bool = False
    """True when ``crs`` is the format's rule, not the file's word."""
    encoding: str | None = None
    rows: int | None = None
    notes: tuple[Text, ...] = field(default=())
    """What the surveyor should know about how the file was understood."""
    document_header: str | None = None
    """JSON around the documents of the rows."""
    axes_in_order: bool = False
    """True when the reader has seen to the order of axes that the part declares; else coordinates come as the source has them."""


class OpenLayer(Protocol):
    """A layer being read; `batches` can be taken once."""

    @property
    def source(self) -> SourceLayer:
        """What is known before the first row."""
        ...

    def batches(self) -> Iterator[SourceBatch]:
        """Yield the rows in source order."""
        ...


class FeatureReader(Protocol):
    """A file of features."""

    format: str

    def inspect(self) -> FileInfo:
        """Return what the file is."""
        ...

    def open(self, part: PartRequest, /) -> OpenLayer:
        """Return the layer that ``part`` asks for; RejectedError when there is none."""
        ...


CoverageMessage = CoverageHeader | CoverageBlock | ImageHeader | ImageBlock | PointCloudHeader | ModelHeader | ModelFile | FileChunk


@runtime_checkable
class CoverageReader(Protocol):
    """A file of one raster, one point cloud or one finished model."""

    format: str
    recipes: frozenset[Recipe]
    """Of which FeatureTypes it can be."""

    def inspect(self) -> FileInfo:
        """Return what the file is."""
        ...

    def read(self, part: PartRequest, request: ReadRequest) -> Iterator[CoverageMessage]:
        """Yield the header, then of a raster full-width blocks from north to south."""
        ...


Reader = FeatureReader | CoverageReader
