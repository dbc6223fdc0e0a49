"""The first rows of a layer as the detectors see them: plain values that travel from the sandboxed child."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twin.crs import FloatArray
from twin.errors import Text

SAMPLED_ROWS = 1000
type Cell = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class MadeFor:
    """Of a layer that the reader has made of another: the FeatureType it was made for, which it is nothing but, and why."""

    feature_type: str
    why: Text


@dataclass(frozen=True, slots=True)
class ColumnSample:
    """A column of the sampled rows; dates as ISO text, what is no plain value as None."""

    name: str
    values: tuple[Cell, ...]

    @property
    def filled(self) -> tuple[str | int | float | bool, ...]:
        """The cells that hold anything."""
        return tuple(v for v in self.values if v is not None and v != "")


@dataclass(frozen=True, slots=True)
class LayerSample:
    """Up to `SAMPLED_ROWS` rows of a layer."""

    rows: int
    columns: tuple[ColumnSample, ...] = ()
    places: tuple[tuple[float, float] | None, ...] = ()
    """The middle of each row's geometry, first and second coordinate as the source writes them; of a table with X and Y those columns."""
    heights: tuple[float | None, ...] = ()
    """Its mean Z."""
    bounds: tuple[float, float, float, float] | None = None
    """Least and greatest coordinates of all sampled vertices."""
    axes_named: bool = False
    """True where the columns of the coordinates are called northing and easting, so that the first is easting by their word."""

    def column(self, name: str) -> ColumnSample | None:
        """Return the column called ``name``."""
        return next((c for c in self.columns if c.name == name), None)

    def positions(self) -> tuple[FloatArray, npt.NDArray[np.int64]]:
        """Return the (n, 2) coordinates of the rows that have any, and which rows these are."""
        there = [i for i, p in enumerate(self.places) if p is not None]
        places = np.array([p for p in self.places if p is not None], dtype=np.float64).reshape(-1, 2)
        return places, np.array(there, dtype=np.int64)


def numbers(values: Sequence[Cell]) -> FloatArray:
    """Return cells as numbers, NaN where they are none."""
    return np.array([_number(v) for v in values], dtype=np.float64)


def _number(value: Cell) -> float:
    try:
        return float(value) if value is not None and not isinstance(value, bool) else float("nan")
    except ValueError:
        return float("nan")
