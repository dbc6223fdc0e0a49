"""How thick the walls of pipes usually are, by material and size: what is drawn and reckoned with where a survey does not say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

import numpy as np
import yaml
from numpy.typing import NDArray

type Rows = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class WallTable:
    """Rows (outer size, thickness) in millimetres, rising, by code of pipe_material: of round and egg-shaped pipes, and of boxes."""

    round: Mapping[str, Rows]
    box: Mapping[str, Rows]

    def thickness_mm(
        self, material: Sequence[str | None], size_mm: NDArray[np.float64], is_box: NDArray[np.bool_], is_bore: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Return the usual thickness (n,) of walls, NaN where material or size is not known.

        ``size_mm`` diameter, or the larger of width and height, of the bore where ``is_bore``, else outer. Between rows it is
        interpolated, beyond them in proportion.
        """
        thickness = np.full(len(size_mm), np.nan)
        codes = list(dict.fromkeys(material))
        number = {code: k for k, code in enumerate(codes)}
        numbers = np.fromiter((number[code] for code in material), np.int64, len(material))
        for k, code in enumerate(codes):
            for rows_of, which in ((self.round, ~is_box), (self.box, is_box)):
                if code is None or code not in rows_of:
                    continue
                outer, walls = np.array(rows_of[code], np.float64).T
                for sizes, mine in ((outer, ~is_bore), (outer - 2 * walls, is_bore)):
                    those = mine & which & (numbers == k)
                    thickness[those] = _interpolated(size_mm[those], sizes, walls)
        return thickness


def _interpolated(size_mm: NDArray[np.float64], sizes: NDArray[np.float64], walls: NDArray[np.float64]) -> NDArray[np.float64]:
    inside = np.interp(size_mm, sizes, walls)
    beyond = np.where(size_mm < sizes[0], walls[0] / sizes[0], walls[-1] / sizes[-1]) * size_mm
    return np.where((size_mm < sizes[0]) | (size_mm > sizes[-1]), beyond, inside)


@cache
def wall_table() -> WallTable:
    """Return the table that comes with the program (pipe_walls.yaml, which names its sources and how sure they are)."""
    document = yaml.safe_load(resources.files("twin").joinpath("pipe_walls.yaml").read_text(encoding="utf-8"))
    return WallTable(*(MappingProxyType({c: tuple(map(tuple, rows)) for c, rows in document[form].items()}) for form in ("round", "box")))
