"""Laser scans: LAS 1.0–1.4 and LAZ, read by chunks twice: for what describes the cloud (outline, number, heights), and to place its points.

What a header claims is compared with the file before a point is read: 400 bytes can claim 10^19 points. Source: ASPRS LAS 1.4-R15.
Imports laspy, which takes a fifth of a second: only a child whose file is a point cloud imports this module.
"""

from __future__ import annotations

import datetime as dt
import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Literal

import laspy
import numpy as np
import numpy.typing as npt

from ingest.georeference import Georeference, georeference
from ingest.protocol import FileChunk, FileInfo, LayerInfo, Limits, PartRequest, PointCloudHeader, ReadRequest
from ingest.readers.image import day_in_name
from ingest.readers.occupied_cells import OccupiedCells
from ingest.readers.point_cloud_crs import crs_of, height_unit_m
from ingest.refusals import rejected
from twin.errors import TwinError
from twin.model import Recipe
from twin.placed_points import PointsHead

_CHUNK_BYTES = 4 << 20
_COUNTS, _COUNTS_14 = struct.Struct("<HIIBHI"), struct.Struct("<QIQ")
_COUNTS_AT, _MINOR_AT, _COUNTS_14_AT = 94, 25, 235
_VLR_BYTES, _EVLR_BYTES = 54, 60
_COMPRESSED_BITS = 0xC0
_FREE_BYTES = 10 << 20
_SENT_BYTES = 16 << 20
_FIRST_LIDAR = dt.date(1990, 1, 1)
_NEEDED = (
    laspy.DecompressionSelection.base()
    | laspy.DecompressionSelection.Z
    | laspy.DecompressionSelection.CLASSIFICATION
    | laspy.DecompressionSelection.RGB
)
_COLORS = ("red", "green", "blue")
_NEVER_CLASSIFIED = 1
"""The highest class that says nothing: 0 and 1 are "never" and "not" classified."""


class PointCloud:
    """One LAS or LAZ file, or one out of an archive, which is then handed on."""

    recipes: frozenset[Recipe] = frozenset({"point_cloud"})

    def __init__(self, name: str, source: Path | bytes, limits: Limits, *, is_unpacked: bool) -> None:
        """Open it; ``is_unpacked`` of one that came out of an archive.

        RejectedError ``point-cloud-truncated``, ``point-cloud-too-large`` or ``compression-ratio`` for a header that claims too much.
        """
        self._name = PurePosixPath(name).stem
        self._source, self._is_unpacked = source, is_unpacked
        claims = _Claims.of(source)
        claims.check(limits)
        self._file = laspy.open(
            _opened(source) if isinstance(source, bytes) else source,
            laz_backend=laspy.LazBackend.Lazrs,  # of one thread, as CPU time is what is limited
            decompression_selection=_NEEDED,
        )
        self._kind: Literal["LAS", "LAZ"] = "LAZ" if claims.compressed else "LAS"
        self.format: str = self._kind
        self._file_bytes = claims.file_bytes
        self._chunk = max(1, _CHUNK_BYTES // claims.point_bytes)

    def inspect(self) -> FileInfo:
        """Return the cloud as one layer; its rows are its points."""
        header = self._file.header
        return FileInfo(self.format, (LayerInfo(self._name, "coverage", (), crs_of(header), header.point_count),))

    def read(self, part: PartRequest, request: ReadRequest) -> Iterator[PointCloudHeader | FileChunk]:
        """Yield what describes the cloud, then the file where it was in an archive, then its placed points.

        RejectedError ``crs-undeclared``, ``geometry-finite``, ``area-of-use``, ``point-cloud-empty``, ``point-cloud-truncated``.
        """
        header = self._file.header
        placing = georeference(request, self._name, crs_of(header), assumed=False)
        cells, seen = OccupiedCells(), _Seen()
        for vertices, points in self._placed(placing):
            cells.add(vertices[:, :2])
            seen.add(vertices, points)
        if seen.count == 0:
            raise rejected("point-cloud-empty", "The point cloud has no points.", "点云中没有点。")
        head = seen.head()
        yield PointCloudHeader(
            dataset=part.dataset,
            format=self._kind,
            source_crs=placing.label,
            assumed=placing.assumed,
            acquired_on=day_in_name(self._name) or _created_on(header.creation_date),
            points=seen.count,
            density_m2=seen.count / cells.area_m2,
            minimum_m=float(seen.low[2]),
            maximum_m=float(seen.high[2]),
            footprint=cells.footprint(placing.storage.srid),
            unpacked_bytes=self._file_bytes if self._is_unpacked else 0,
            placed_bytes=head.total_bytes,
        )
        if self._is_unpacked:
            with _opened(self._source) as file:
                while chunk := file.read(_SENT_BYTES):
                    yield FileChunk(part.dataset, chunk)
        yield FileChunk(part.dataset, head.encoded())
        self._file.seek(0)
        for vertices, points in self._placed(placing):
            yield FileChunk(part.dataset, head.points(vertices, seen.colors(points), _kinds(points)).tobytes())

    def _placed(self, placing: Georeference) -> Iterator[tuple[npt.NDArray[np.float64], laspy.ScaleAwarePointRecord]]:
        """Yield where points are, (n, 3) in the storage CRS and the deployment's heights, and all else of them."""
        expected = self._file.header.point_count
        height_factor = height_unit_m(placing, self._file.header) / placing.transform.height_unit_m
        for first in range(0, expected, self._chunk):
            wanted = min(self._chunk, expected - first)
            points = self._file.read_points(wanted)
            if len(points) != wanted:
                raise _truncated(expected)
            source = np.column_stack([points.x, points.y, points.z * height_factor]).astype(np.float64)
            if not np.isfinite(source).all():
                raise rejected("geometry-finite", "A coordinate is not a finite number.", "坐标不是有限数值。")
            vertices, there = placing.place_vertices(source)
            if not there.all():
                outside = int((~there).sum())
                raise rejected(
                    "area-of-use", f"{outside} points lie beyond the area of the deployment.", f"{outside} 个点超出本部署的范围。"
                )
            yield vertices, points


@dataclass(slots=True)
class _Seen:
    """What the points that were read have between them."""

    count: int = 0
    low: npt.NDArray[np.float64] = field(default_factory=lambda: np.full(3, np.inf))
    high: npt.NDArray[np.float64] = field(default_factory=lambda: np.full(3, -np.inf))
    brightest: int = 0
    highest_kind: int = 0

    def add(self, vertices: npt.NDArray[np.float64], points: laspy.ScaleAwarePointRecord) -> None:
        """Note points and where they are."""
        self.count += len(vertices)
        self.low, self.high = np.minimum(self.low, vertices.min(axis=0)), np.maximum(self.high, vertices.max(axis=0))
        self.highest_kind = max(self.highest_kind, int(_kinds(points).max()))
        if _has_colors(points):
            self.brightest = max(self.brightest, *(int(points[name].max()) for name in _COLORS))

    def head(self) -> PointsHead:
        """Return the head of the placed points; files that declare colours and leave them black have none."""
        east, north, height = np.floor(self.low).tolist()
        return PointsHead(self.count, (east, north, height), self.brightest > 0, self.highest_kind > _NEVER_CLASSIFIED)

    def colors(self, points: laspy.ScaleAwarePointRecord) -> npt.NDArray[np.uint8] | None:
        """Return (n, 3) of 8 bits; None without any. Many writers leave 8 bits where the standard asks for 16."""
        if self.brightest == 0:
            return None
        shift = 8 if self.brightest > 0xFF else 0
        return np.column_stack([np.asarray(points[name], np.uint16) >> shift for name in _COLORS]).astype(np.uint8)


def _has_colors(points: laspy.ScaleAwarePointRecord) -> bool:
    return set(_COLORS) <= set(points.point_format.dimension_names)


def _kinds(points: laspy.ScaleAwarePointRecord) -> npt.NDArray[np.uint8]:
    return np.asarray(points["classification"]).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class _Claims:
    """What the header of a file says of its size."""

    file_bytes: int
    points_at: int
    points: int
    point_bytes: int
    compressed: bool
    records_fit: bool
    """Whether the variable-length records are not more than there is room for."""

    @classmethod
    def of(cls, source: Path | bytes) -> _Claims:
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        with _opened(source) as file:
            head = file.read(_COUNTS_14_AT + _COUNTS_14.size)
        if len(head) < _COUNTS_AT + _COUNTS.size:
            raise _truncated(0)
        _, points_at, records, kind, point_bytes, points = _COUNTS.unpack_from(head, _COUNTS_AT)
        fit = records * _VLR_BYTES <= points_at
        if head[_MINOR_AT] >= 4 and len(head) == _COUNTS_14_AT + _COUNTS_14.size:
            extended_at, extended, points = _COUNTS_14.unpack_from(head, _COUNTS_14_AT)
            fit = fit and (extended == 0 or extended_at + extended * _EVLR_BYTES <= size)
        return cls(size, points_at, points, max(1, point_bytes), bool(kind & _COMPRESSED_BITS), fit)

    def check(self, limits: Limits) -> None:
        """Refuse what the file cannot hold, and what holds too much."""
        unpacked = self.points * self.point_bytes
        room = self.file_bytes - self.points_at
        if room < 0 or not self.records_fit or (not self.compressed and unpacked > room):
            raise _truncated(self.points)
        if self.points > limits.points or unpacked > limits.points_bytes:
            raise rejected("point-cloud-too-large", f"{self.points} points are too many.", f"点数过多：{self.points}。")
        if unpacked > _FREE_BYTES and unpacked > limits.compression_ratio * room:
            raise rejected(
                "compression-ratio",
                f"The file claims {self.points} points in {room} bytes.",
                f"文件声称 {room} 字节中有 {self.points} 个点，压缩比异常。",
            )


def _opened(source: Path | bytes) -> BinaryIO:
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")


def _truncated(points: int) -> TwinError:
    return rejected(
        "point-cloud-truncated",
        f"The file ends before the {points} points its header claims.",
        f"文件不完整，不足其头声明的 {points} 个点。",
    )


def _created_on(day: dt.date | None) -> dt.date | None:
    """Return the day of a header where it can be one: many writers leave a day of the year 0 or 1."""
    return day if day is not None and day >= _FIRST_LIDAR else None
