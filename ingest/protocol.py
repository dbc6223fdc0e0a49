"""What the sandboxed reader is asked, and what it sends back: frozen values and the Arrow layout of a part.

`read_file` yields, part after part in the order asked: one `PartHeader`, any number of `PartBatch`, each behind the `PictureBlock`s that
it is the first to show, one `PartEnd`; for a raster one `CoverageHeader`, its `CoverageBlock`s from north to south, one
`PartEnd`; for a point cloud one `PointCloudHeader`, one `PartEnd`, between them the file itself as `FileChunk`s when it came out of an
archive; for a finished model one `ModelHeader`, its `ModelFile`s with their bytes, one `PartEnd`. Or all it yields is `EndsWanted`. A
source row is named as its surveyor counts: the sheet's row number for tables (header included), else the 1-based number of the feature.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.ends_elsewhere import NOT_ELSEWHERE, EndsElsewhere, EndsWanted
from ingest.exported_table import ExportedTable
from ingest.part_reading import AS_IT_SAYS, PartReading
from ingest.understanding.defined import DefinedCrs, Stated, is_code
from ingest.understanding.sample import LayerSample, MadeFor
from ingest.waivers import Waiver
from twin.crs import LocalCrs
from twin.crs.portable import PortableCrs
from twin.model import FeatureType, FieldType, Finding, Recipe
from twin.pictures import Pixels

KEY_SEPARATOR = "\x1f"
"""U+001F stands between the fields of a natural key."""

KEPT_FINDINGS = 10_000
"""So many findings of one kind are kept row by row with a part, the others packed (`ingest.further_findings`)."""

_ARROW_TYPES: Mapping[FieldType, pa.DataType] = {
    "string": pa.string(),
    "code": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "datetime": pa.timestamp("us", tz="UTC"),
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost before it is refused (reliability.md §2)."""

    wall_s: float = 900.0
    """Time the parent waits for the child, in all; time the parent spends itself is not counted."""
    cpu_s: int = 900
    memory_bytes: int = 3 << 30
    unpacked_bytes: int = 1 << 30
    compression_ratio: int = 100
    """Refused above this ratio once more than 10 MB have come out."""
    archive_entries: int = 1000
    rows: int = 20_000_000
    columns: int = 1000
    text_length: int = 100_000
    vertices_per_feature: int = 200_000
    raster_bytes: int = 16 << 30
    raster_block_bytes: int = 64 << 20
    raster_side: int = 200_000
    points: int = 1_000_000_000
    points_bytes: int = 64 << 30
    """What the points of a cloud may be unpacked; they are read by chunks and never all at once."""
    model_entries: int = 300_000
    model_bytes: int = 64 << 30
    """What the files of a tileset may be unpacked; they are read one by one."""
    mesh_vertices: int = 10_000_000
    rows_per_batch: int = 10_000
    """Twice as many are no quicker, and are held three times: by the child, by who receives them, and on their way into the database."""


@dataclass(frozen=True, slots=True)
class PartRequest:
    """One dataset to read out of a file; ``layer`` None lets the reader choose by the type's names."""

    layer: str | None
    feature_type: FeatureType
    dataset: str
    reading: PartReading = AS_IT_SAYS
    waivers: tuple[Waiver, ...] = ()
    """What a reviewer let pass of these rows."""
    only_rows: tuple[int, ...] | None = None
    """Of which rows the source's own columns are wanted: then the answer is `SourceRows` and nothing is checked."""


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """One file and everything the child must know to read it; the child reads no settings and no environment."""

    path: Path
    parts: tuple[PartRequest, ...]
    storage_srid: int
    extent_deg: tuple[float, float, float, float] | None = None
    crs: str | None = None
    """Declared CRS: ``EPSG:n``, a file with WKT, ``X-GCJ02``, ``X-BD09`` or ``X-LOCAL:name``; goes before what the file says."""
    vertical: str | None = None
    """Heights of the source: None = the deployment's own, ``ellipsoidal`` = above the ellipsoid."""
    height_offset_m: float = 0.0
    local_crs: tuple[LocalCrs, ...] = field(default=(), repr=False)
    """The city's own systems that are declared; their parameters are secret."""
    deployment_vertical: str = "none"
    proj_data_dirs: tuple[Path, ...] = ()
    companions: tuple[Path, ...] = ()
    """Other files of the same submission that this one may need (the point table of a line table)."""
    tables: tuple[ExportedTable, ...] = ()
    """Of those of these files that are Access databases."""
    ends: EndsElsewhere = NOT_ELSEWHERE
    work: Path | None = None
    """Where what is needed for the time of reading lies meanwhile; None: where the machine has temporary files."""
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class PartHeader:
    """How a part was understood, known before its first row."""

    dataset: str
    layer: str
    format: str
    source_crs: str
    assumed: bool
    """True when neither the file nor the user named the CRS and the format's own rule was used."""
    encoding: str | None
    operation: str
    accuracy_m: float | None
    mapping: Mapping[str, str]
    unmapped: tuple[str, ...]
    row_estimate: int | None
    findings: tuple[Finding, ...] = ()
    document_header: str | None = None
    """JSON that the documents of the rows share, where the format is kept for exact export."""


@dataclass(frozen=True, slots=True)
class PartBatch:
    """Accepted rows in the layout of `batch_schema`, and what was found; a rejected row is in findings only."""

    dataset: str
    table: pa.RecordBatch
    findings: tuple[Finding, ...]
    representations: pa.RecordBatch | None = None
    """3D of the rows in the layout of `REPRESENTATIONS`; None where the format has none."""
    documents: pa.RecordBatch | None = None
    """What the rows were read from, in the layout of `DOCUMENTS`."""


REPRESENTATIONS = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("lod", pa.string(), nullable=False),
        pa.field("faces", pa.binary(), nullable=False),
        pa.field("surface_attributes", pa.string()),
    ]
)
"""A row's 3D at one level of detail: ``faces`` as `twin.representation` lays them out, ``surface_attributes`` JSON."""

DOCUMENTS = pa.schema([pa.field("row", pa.int64(), nullable=False), pa.field("document", pa.binary(), nullable=False)])
"""A row's CityJSONFeature, as `twin.packed_documents` has it."""


@dataclass(frozen=True, slots=True)
class PartEnd:
    """The part is complete: ``rows`` read = ``accepted`` + ``rejected``."""

    dataset: str
    rows: int
    accepted: int
    rejected: int
    rounding_m: float = 0.0
    """How far a vertex may have moved by the rounding of coordinates in the file; 0 where that is nothing or more than a centimetre."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RasterHeader:
    """The grid of a raster and its place: what elevations and images have in common."""

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"ser_json_bytes": "base64", "val_json_bytes": "base64"}

    dataset: str
    format: str
    source_crs: str
    crs: PortableCrs
    """Of the pixels; no definition out of the file is parsed outside the sandbox."""
    assumed: bool
    width: int
    height: int
    transform: tuple[float, float, float, float, float, float]
    """a, b, c, d, e, f with x = a·col + b·row + c and y = d·col + e·row + f at pixel corners."""
    resolution_m: float
    footprint: bytes
    """EWKB MultiPolygon of the outline in the storage CRS, densified."""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageHeader(RasterHeader):
    """A single-band raster of heights, and what its rows will be."""

    nodata: float
    """What stands for no value in the blocks; finite."""
    source_nodata: float | None = None


@dataclass(frozen=True, slots=True)
class CoverageBlock:
    """Full-width rows ``first_row``… of a coverage, float32 (rows, width)."""

    dataset: str
    first_row: int
    values: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageHeader(RasterHeader):
    """An image of one to four bands, and what its rows will be; the last band of its blocks says where there is a picture."""

    bands: int
    depth: Literal["uint8", "uint16"]
    acquired_on: dt.date | None
    nodata: float | None


@dataclass(frozen=True, slots=True)
class ImageBlock:
    """Full-width rows ``first_row``… of an image, (bands + 1, rows, width) of the header's depth; the last band is 0 or full: a picture."""

    dataset: str
    first_row: int
    values: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class PointCloudHeader:
    """All that is told of a point cloud before its points."""

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"ser_json_bytes": "base64", "val_json_bytes": "base64"}

    dataset: str
    format: Literal["LAS", "LAZ"]
    source_crs: str
    assumed: bool
    acquired_on: dt.date | None
    points: int
    density_m2: float
    """Points by the area of the footprint."""
    minimum_m: float
    maximum_m: float
    """Heights of the deployment."""
    footprint: bytes
    """EWKB MultiPolygon of the storage CRS: the outline of the cells that hold points."""
    unpacked_bytes: int = 0
    """Length of the file where it came out of an archive: its bytes follow as `FileChunk`s, to be kept."""
    placed_bytes: int = 0
    """Length of the placed points (twin/placed_points.py), which follow as `FileChunk`s."""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelHeader:
    """All that is told of a finished 3D model; its `ModelFile`s follow, each with its bytes as `FileChunk`s."""

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"ser_json_bytes": "base64", "val_json_bytes": "base64"}

    dataset: str
    format: Literal["3D Tiles", "glTF", "OBJ", "OSGB"]
    source_crs: str
    assumed: bool
    acquired_on: dt.date | None
    vertices: int
    triangles: int
    textured: bool
    minimum_m: float
    maximum_m: float
    """Heights of the deployment."""
    footprint: bytes
    """EWKB MultiPolygon of the storage CRS: the outline of its bounds."""
    files: int
    total_bytes: int
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model that is to be kept, by its path below the model's folder; so many bytes follow."""

    dataset: str
    path: str
    size: int


@dataclass(frozen=True, slots=True)
class FileChunk:
    """Bytes of a file, in order."""

    dataset: str
    content: bytes


@dataclass(frozen=True, slots=True)
class PictureBlock:
    """The pixels of a picture that faces show, (rows, width, 3 or 4) as `twin.pictures` keeps them."""

    dataset: str
    pixels: Pixels


CellValue = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class SourceRows:
    """Rows as the source has them, its own columns, for who mends them."""

    dataset: str
    layer: str
    columns: tuple[str, ...]
    rows: tuple[tuple[int, tuple[CellValue, ...]], ...]
    """(number, values in the order of the columns)."""


@dataclass(frozen=True, slots=True)
class LayerInfo:
    """One layer or sheet of a file."""

    name: str
    geometry_type: str | None
    columns: tuple[str, ...]
    crs: str | None
    rows: int | None
    crs_assumed: bool = False
    """True when ``crs`` is the format's rule, not the file's word."""
    encoding: str | None = None
    defined: DefinedCrs | None = None
    """What is known of the CRS where ``crs`` is a mere name."""
    sample: LayerSample | None = None
    """Its first rows; None for a coverage, and for a layer that cannot be read before it is known what it is."""
    recipes: frozenset[Recipe] | None = None
    """Of a raster: what its bands and pixels can be read as; None where its format alone says that."""
    made_for: MadeFor | None = None

    @property
    def stated_crs(self) -> Stated | None:
        """The CRS as the file says it, as far as it may be looked at outside the sandbox: no text of the file is parsed there."""
        return self.defined if self.defined is not None else self.crs if self.crs is not None and is_code(self.crs) else None


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What a file is, by its content."""

    format: str
    layers: tuple[LayerInfo, ...]


Message = (
    PartHeader
    | PartBatch
    | PartEnd
    | CoverageHeader
    | CoverageBlock
    | ImageHeader
    | ImageBlock
    | PointCloudHeader
    | ModelHeader
    | ModelFile
    | FileChunk
    | PictureBlock
    | SourceRows
    | EndsWanted
)


def arrow_type(field_type: FieldType) -> pa.DataType:
    """Return the Arrow type in which a field of this type travels."""
    return _ARROW_TYPES[field_type]


def batch_schema(feature_type: FeatureType) -> pa.Schema:
    """Return the columns of a `PartBatch` of this type: row, geom, natural_key, validity, the fields in order, extra.

    ``geom`` is EWKB, little-endian with SRID, in the storage CRS; ``extra`` is a JSON object or null.
    """
    return pa.schema(
        [
            pa.field("row", pa.int64(), nullable=False),
            pa.field("geom", pa.binary(), nullable=False),
            pa.field("natural_key", pa.string()),
            *(pa.field(name, pa.date32()) for name in ("valid_from", "valid_to")),
            *(pa.field(f.name, arrow_type(f.type)) for f in feature_type.fields),
            pa.field("extra", pa.string()),
        ]
    )
