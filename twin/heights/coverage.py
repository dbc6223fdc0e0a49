"""Elevation coverages as the platform keeps them: tiled float32 GeoTIFFs of our own writing, NaN where there is no height.

Files of others are parsed in the sandboxed child; what comes here are rows of numbers.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyproj
import rasterio
from rasterio.windows import Window

from twin.crs import FloatArray, parse_crs
from twin.errors import RejectedError

type Affine = tuple[float, float, float, float, float, float]
"""x = a·column + b·row + c, y = d·column + e·row + f of a pixel's upper left corner: (a, b, c, d, e, f)."""
type Block = npt.NDArray[np.float32]

BLOCK_PX = 256
HEIGHT_RANGE_M = (-9_000.0, 9_000.0)
"""Beyond this no city has its ground: such values (−9999, −32768, 3.4e38) are undeclared marks of "no data"."""
CACHED_BLOCKS = 512
"""128 MiB."""


@dataclass(frozen=True)
class CoverageStatistics:
    """What a written coverage holds."""

    valid: int
    void: int
    minimum_m: float
    maximum_m: float


@dataclass(frozen=True)
class Coverage:
    """One open coverage: reads blocks when they are needed, keeps the last used; may be sent to another process."""

    path: Path
    name: str
    """The hash of what it holds, or another name for just that."""
    width: int
    height: int
    affine: Affine
    crs: pyproj.CRS
    statistics: CoverageStatistics
    file: CoverageFile = field(repr=False, compare=False)
    cache: BlockCache = field(repr=False, compare=False)

    @property
    def resolution(self) -> float:
        """The longer side of a pixel in units of the CRS."""
        a, b, _, d, e, _ = self.affine
        return float(max(np.hypot(a, d), np.hypot(b, e)))

    def pixel(self, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return fractional column and row of points in the CRS of the coverage; whole numbers are pixel centres."""
        a, b, c, d, e, f = self.affine
        dx, dy = np.asarray(x, np.float64) - c, np.asarray(y, np.float64) - f
        determinant = a * e - b * d
        return (e * dx - b * dy) / determinant - 0.5, (a * dy - d * dx) / determinant - 0.5

    def position(self, column: npt.ArrayLike, row: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return where in the CRS of the coverage fractional columns and rows are."""
        a, b, c, d, e, f = self.affine
        column, row = np.asarray(column, np.float64) + 0.5, np.asarray(row, np.float64) + 0.5
        return a * column + b * row + c, d * column + e * row + f

    @property
    def box(self) -> tuple[float, float, float, float]:
        """The box around the pixels in the CRS of the coverage, wider by a millionth of one: min x, min y, max x, max y."""
        x, y = self.position([-0.5, self.width - 0.5] * 2, [-0.5] * 2 + [self.height - 0.5] * 2)
        margin = self.resolution * 1e-6
        return float(x.min() - margin), float(y.min() - margin), float(x.max() + margin), float(y.max() + margin)

    def touches(self, box: tuple[float, float, float, float]) -> bool:
        """Return whether ``box`` meets the box around this coverage."""
        own = self.box
        return own[0] <= box[2] and box[0] <= own[2] and own[1] <= box[3] and box[1] <= own[3]

    def near(self, x: FloatArray, y: FloatArray) -> npt.NDArray[np.bool_]:
        """Return which points of the CRS of the coverage are within the box around it."""
        west, south, east, north = self.box
        return np.asarray((x >= west) & (x <= east) & (y >= south) & (y <= north))

    def border(self, column: FloatArray, row: FloatArray) -> npt.NDArray[np.bool_]:
        """Return which points lie beyond the outermost pixel centres, where a neighbouring sheet has a say."""
        return np.asarray((column < 0) | (column > self.width - 1) | (row < 0) | (row > self.height - 1))

    def sharing(self, cache: BlockCache) -> Coverage:
        """Return this coverage with its blocks kept in ``cache``."""
        return replace(self, cache=cache)

    def bilinear_m(self, column: FloatArray, row: FloatArray) -> FloatArray:
        """Return heights at fractional columns and rows (1-D), NaN outside the coverage and in pixels without height.

        In the outer half of a border pixel the border value holds; beside a void pixel the weights of the others are
        scaled to one.
        """
        inside = (column >= -0.5) & (column <= self.width - 0.5) & (row >= -0.5) & (row <= self.height - 0.5)
        result = np.full(column.shape, np.nan)
        if inside.any():
            result[inside] = self._bilinear(np.clip(column[inside], 0, self.width - 1), np.clip(row[inside], 0, self.height - 1))
        return result

    def _bilinear(self, column: FloatArray, row: FloatArray) -> FloatArray:
        left = np.minimum(column.astype(np.int64), max(self.width - 2, 0))
        top = np.minimum(row.astype(np.int64), max(self.height - 2, 0))
        fx, fy = column - left, row - top
        block_columns = -(-self.width // BLOCK_PX)
        result = np.empty(column.shape)
        for number, points in _groups((top // BLOCK_PX) * block_columns + left // BLOCK_PX):
            values = self.cache.block(self.file, number // block_columns, number % block_columns)
            result[points] = _interpolated(values, left[points] % BLOCK_PX, top[points] % BLOCK_PX, fx[points], fy[points])
        return result

    def __reduce__(self) -> tuple[object, ...]:
        return open_coverage, (self.path, self.name)


class BlockCache:
    """The blocks last used of any number of coverages; bounds their memory together."""

    def __init__(self, blocks: int = CACHED_BLOCKS) -> None:
        self._limit = blocks
        self._kept: OrderedDict[tuple[Path, int, int], Block] = OrderedDict()
        self._lock = threading.Lock()

    def block(self, file: CoverageFile, block_row: int, block_column: int) -> Block:
        """Return the pixels of a block of ``file`` and, for bilinear, one more row and column."""
        key = (file.path, block_row, block_column)
        with self._lock:
            kept = self._kept.get(key)
            if kept is None:
                kept = self._kept[key] = file.read(block_row, block_column)
                if len(self._kept) > self._limit:
                    self._kept.popitem(last=False)
            else:
                self._kept.move_to_end(key)
            return kept


class CoverageFile:
    """An open file; its reads are one after the other, since a GDAL dataset is not for two threads at once."""

    def __init__(self, path: Path, dataset: rasterio.io.DatasetReader) -> None:
        self.path = path
        self._dataset = dataset
        self._lock = threading.Lock()

    def read(self, block_row: int, block_column: int) -> Block:
        """Return the pixels of a block and one more row and column where there are."""
        x, y = block_column * BLOCK_PX, block_row * BLOCK_PX
        window = Window(x, y, min(BLOCK_PX + 1, self._dataset.width - x), min(BLOCK_PX + 1, self._dataset.height - y))
        with self._lock:
            return np.asarray(self._dataset.read(1, window=window), np.float32)


def open_coverage(path: Path, name: str | None = None) -> Coverage:
    """Return the coverage that ``write_coverage`` wrote to ``path``; ``name`` stands for its content (None: the name of the file)."""
    dataset = rasterio.open(path, driver="GTiff", sharing=False)
    tags = dataset.tags()
    statistics = CoverageStatistics(
        valid=int(tags["TWIN_VALID"]),
        void=int(tags["TWIN_VOID"]),
        minimum_m=float(tags["TWIN_MINIMUM_M"]),
        maximum_m=float(tags["TWIN_MAXIMUM_M"]),
    )
    affine = tuple(dataset.transform)[:6]
    crs = parse_crs(tags["TWIN_CRS"])
    file = CoverageFile(path, dataset)
    return Coverage(path, name or path.stem, dataset.width, dataset.height, affine, crs, statistics, file, BlockCache())


def write_coverage(
    path: Path, blocks: Iterable[Block], *, width: int, height: int, affine: Affine, crs_wkt: str, nodata: float | None
) -> CoverageStatistics:
    """Write rows of heights (blocks of shape (n, ``width``), from the north) as a tiled, deflated float32 GeoTIFF.

    ``nodata``, non-finite values and such as no ground has become NaN and are counted as void. The exact ``crs_wkt``
    goes along as a tag, since GeoTIFF keys cannot hold every CRS. RejectedError when the rows are not ``height`` or no
    height is among them; the half-written file is then removed.
    """
    crs = parse_crs(crs_wkt)
    profile = {
        "driver": "GTiff", "width": width, "height": height, "count": 1, "dtype": "float32", "nodata": np.nan,
        "transform": rasterio.Affine(*affine), "tiled": True, "blockxsize": BLOCK_PX, "blockysize": BLOCK_PX,
        "compress": "deflate", "predictor": 3, "zlevel": 1, "bigtiff": "if_safer",
    }  # fmt: skip
    try:
        with rasterio.open(path, "w", **profile) as dataset:
            statistics = _write_rows(dataset, _strips(blocks, width), nodata)
            dataset.update_tags(
                TWIN_CRS=crs.to_wkt(), TWIN_VALID=statistics.valid, TWIN_VOID=statistics.void,
                TWIN_MINIMUM_M=repr(statistics.minimum_m), TWIN_MAXIMUM_M=repr(statistics.maximum_m),
            )  # fmt: skip
            code = crs.to_epsg()
            if code is not None:  # for other readers; ours takes the tag
                dataset.crs = rasterio.crs.CRS.from_epsg(code)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return statistics


def _interpolated(values: Block, left: npt.NDArray[np.int64], top: npt.NDArray[np.int64], fx: FloatArray, fy: FloatArray) -> FloatArray:
    """Return bilinear heights within one block; ``left`` and ``top`` name the upper left of four pixels."""
    height, width = values.shape
    right, below = int(width > 1), width * int(height > 1)
    first, flat = top * width + left, values.ravel()
    upper_left, upper_right = flat.take(first), flat.take(first + right)
    lower_left, lower_right = flat.take(first + below), flat.take(first + below + right)
    upper, lower = upper_left + (upper_right - upper_left) * fx, lower_left + (lower_right - lower_left) * fx
    result: FloatArray = upper + (lower - upper) * fy
    void = np.isnan(result)
    if void.any():
        corners = np.stack([c[void].astype(np.float64) for c in (upper_left, upper_right, lower_left, lower_right)])
        result[void] = interpolate_known_m(corners, fx[void], fy[void])
    return result


def interpolate_known_m(corners: FloatArray, fx: FloatArray, fy: FloatArray) -> FloatArray:
    """Return the weighted mean of those of four ``corners`` (4, n) that have a height; NaN where the nearest has none."""
    weights = np.stack([(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy])
    valid = np.isfinite(corners)
    known = valid[np.argmax(weights, axis=0), np.arange(fx.size)]
    weights *= valid
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (weights * np.where(valid, corners, 0.0)).sum(axis=0) / weights.sum(axis=0)
    return np.where(known, mean, np.nan)


def _write_rows(dataset: rasterio.io.DatasetWriter, strips: Iterable[Block], nodata: float | None) -> CoverageStatistics:
    row, valid, low, high = 0, 0, np.inf, -np.inf
    for given in strips:
        if row + len(given) > dataset.height:
            raise _truncated(f"more rows than the {dataset.height} stated")
        strip = _clean(given, nodata)
        dataset.write(strip, 1, window=Window(0, row, dataset.width, len(strip)))
        row += len(strip)
        count = int(np.isfinite(strip).sum())
        if count:
            valid, low, high = valid + count, min(low, float(np.nanmin(strip))), max(high, float(np.nanmax(strip)))
    if row != dataset.height:
        raise _truncated(f"{row} rows of the {dataset.height} stated")
    if not valid:
        raise RejectedError("The coverage has no height at all", zh="栅格中没有任何有效高程").with_code("coverage-empty")
    return CoverageStatistics(valid, dataset.width * dataset.height - valid, low, high)


def _strips(blocks: Iterable[Block], width: int) -> Iterator[Block]:
    """Cut the rows anew into strips of one tile row, which are the caller's, so that no tile is compressed twice."""
    strip: Block | None = None
    filled = 0
    for given in blocks:
        if given.ndim != 2 or given.shape[1] != width:
            raise _truncated(f"a block of shape {given.shape} where rows of {width} were stated")
        rest = given
        while len(rest):
            if strip is None:
                strip, filled = np.empty((BLOCK_PX, width), rest.dtype), 0
            count = min(len(rest), BLOCK_PX - filled)
            strip[filled : filled + count] = rest[:count]
            filled, rest = filled + count, rest[count:]
            if filled == BLOCK_PX:
                whole, strip = strip, None
                yield whole
    if strip is not None:
        yield strip[:filled]


def _clean(strip: Block, nodata: float | None) -> Block:
    low, high = HEIGHT_RANGE_M
    with np.errstate(invalid="ignore", over="ignore"):  # marks of double precision do not fit into float32
        strip = strip.astype(np.float32, copy=False)
        void = ~((strip >= low) & (strip <= high))
        if nodata is not None:
            void |= strip == np.float32(nodata)
    strip[void] = np.nan
    return strip


def _truncated(detail: str) -> RejectedError:
    return RejectedError(f"The coverage does not hold what it states: {detail}", zh=f"栅格内容与声明不符：{detail}").with_code(
        "coverage-truncated"
    )


def _groups(keys: npt.NDArray[np.intp]) -> Iterator[tuple[int, npt.NDArray[np.intp] | slice]]:
    """Yield each distinct key with the positions it is at."""
    if len(keys) and (keys == keys[0]).all():
        yield int(keys[0]), slice(None)
        return
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(keys[order]) != 0])
    for start, end in zip(starts, np.r_[starts[1:], len(order)], strict=True):
        yield int(keys[order[start]]), order[start:end]
