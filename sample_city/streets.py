"""The street grid: junctions of gently bent streets, the cells between them, and the blocks left inside the red lines.

Cell (i, j) lies in row i (northwards) and column j (eastwards); its corners are the junctions (i, j), (i, j+1), (i+1, j+1), (i+1, j).
A horizontal edge (i, j) runs from junction (i, j) to (i, j+1), a vertical edge (i, j) from (i, j) to (i+1, j).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from shapely import Polygon

from sample_city.names import street_name
from sample_city.relief import CORRIDOR_HALF_WIDTH_M, Relief
from sample_city.seeding import hash_unit

ARTERIAL_EVERY = 4
ARTERIAL_HALF_WIDTH_M = 18.0
LOCAL_HALF_WIDTH_M = 9.0
_BUILDINGS_PER_CELL = 8.0
_SUBJECT_COLUMN, _SUBJECT_ROW, _SUBJECT_EDGE_OF_TOWN = 21, 22, 23
_HILL_FOOT_M = 1.5
"""A cell with a corner this far up a hill is not built on."""

Cell = tuple[int, int]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class OpenEdges:
    """Which edges of the grid are streets: horizontal (rows + 1, columns) and vertical (rows, columns + 1)."""

    horizontal: Flags
    vertical: Flags

    def parts(self) -> NDArray[np.int64]:
        """Return for every junction, shape (rows + 1, columns + 1), the number of the first junction that streets join it to."""
        part = np.arange(self.vertical.shape[1] * self.horizontal.shape[0], dtype=np.int64).reshape(self.horizontal.shape[0], -1)
        while True:
            before = part.copy()
            for edges, one, other in (
                (self.horizontal, part[:, :-1], part[:, 1:]),
                (self.vertical, part[:-1], part[1:]),
            ):
                least = np.minimum(one, other)
                np.minimum(one, least, out=one, where=edges)
                np.minimum(other, least, out=other, where=edges)
            part[:] = part.ravel()[part]  # the part of that one, too: ways grow twofold
            if np.array_equal(part, before):
                return part


@dataclass(frozen=True, slots=True)
class StreetGrid:
    """The whole grid. ``junctions`` is (rows + 1, columns + 1, 2) easting and northing in metres."""

    relief: Relief
    junctions: NDArray[np.float64]
    hill: Flags
    river_horizontal: Flags
    """Edges that the river corridor does not let be."""
    river_vertical: Flags
    growth: tuple[Cell, ...]
    """Cells that may be built on, from the centre outwards: the order in which the town grew."""

    @property
    def rows(self) -> int:
        """Number of rows of cells."""
        return int(self.junctions.shape[0]) - 1

    @property
    def columns(self) -> int:
        """Number of columns of cells."""
        return int(self.junctions.shape[1]) - 1

    def extent_m(self) -> tuple[float, float, float, float]:
        """Return west, south, east, north of all junctions."""
        low, high = self.junctions.reshape(-1, 2).min(axis=0), self.junctions.reshape(-1, 2).max(axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    def outline(self) -> Polygon:
        """Return the outline of all cells."""
        j = self.junctions
        return Polygon(np.concatenate([j[0, :-1], j[:-1, -1], j[-1, :0:-1], j[:0:-1, 0]]))

    def cell_corners(self, cell: Cell) -> NDArray[np.float64]:
        """Return the four junctions of a cell, counter-clockwise from the south-west, as (4, 2)."""
        i, j = cell
        return np.stack([self.junctions[i, j], self.junctions[i, j + 1], self.junctions[i + 1, j + 1], self.junctions[i + 1, j]])

    def edges_of(self, cell: Cell, streets: OpenEdges) -> tuple[bool, bool, bool, bool]:
        """Return whether the south, east, north and west side of a cell is a street."""
        i, j = cell
        h, v = streets.horizontal, streets.vertical
        return bool(h[i, j]), bool(v[i, j + 1]), bool(h[i + 1, j]), bool(v[i, j])

    def town_edges(self, cell: Cell) -> tuple[bool, bool, bool, bool]:
        """Return the sides of a cell that are streets once the cell is built on: all that the river lets be."""
        i, j = cell
        h, v = self.river_horizontal, self.river_vertical
        return not h[i, j], not v[i, j + 1], not h[i + 1, j], not v[i, j]

    def block(self, cell: Cell, sides: tuple[bool, bool, bool, bool], path_m: float = 0.0) -> Polygon:
        """Return the cell within the red lines of the streets at its sides, and ``path_m`` inside the sides that are none."""
        i, j = cell
        widths = (half_width_m(i), half_width_m(j + 1), half_width_m(i + 1), half_width_m(j))
        return inset(self.cell_corners(cell), [w if street else path_m for w, street in zip(widths, sides, strict=True)])

    def open_edges(self, town: Flags) -> OpenEdges:
        """Return the streets there are when the cells of ``town`` are built on: around them, and the arterials beyond."""
        beside_h = np.zeros((self.rows + 1, self.columns), bool)
        beside_h[:-1] |= town
        beside_h[1:] |= town
        beside_v = np.zeros((self.rows, self.columns + 1), bool)
        beside_v[:, :-1] |= town
        beside_v[:, 1:] |= town
        hill_h = np.zeros_like(beside_h)
        hill_h[1:-1] = self.hill[:-1] & self.hill[1:]
        hill_v = np.zeros_like(beside_v)
        hill_v[:, 1:-1] = self.hill[:, :-1] & self.hill[:, 1:]
        arterial_h = np.arange(self.rows + 1)[:, None] % ARTERIAL_EVERY == 0
        arterial_v = np.arange(self.columns + 1)[None, :] % ARTERIAL_EVERY == 0
        return OpenEdges(
            horizontal=(beside_h | (arterial_h & ~hill_h)) & ~self.river_horizontal,
            vertical=(beside_v | (arterial_v & ~hill_v)) & ~self.river_vertical,
        )

    def street_of_side(self, cell: Cell, side: int) -> str:
        """Return the name of the street at a side of a cell (0 south, 1 east, 2 north, 3 west)."""
        i, j = cell
        if side in (0, 2):
            return self.horizontal_name(i + side // 2, j)
        return self.vertical_name(i, j + (side == 1))

    def horizontal_name(self, i: int, j: int) -> str:
        """Return the name of the street along horizontal edge (i, j)."""
        return street_name(i, j, self.columns, self.rows + 1, east_west=True, arterial=is_arterial(i))

    def vertical_name(self, i: int, j: int) -> str:
        """Return the name of the street along vertical edge (i, j)."""
        return street_name(j, i, self.rows, self.columns + 1, east_west=False, arterial=is_arterial(j))


def is_arterial(line: int) -> bool:
    """Return whether grid line number ``line`` is an arterial road."""
    return line % ARTERIAL_EVERY == 0


def half_width_m(line: int) -> float:
    """Return half the width between the red lines of the street on grid line ``line``."""
    return ARTERIAL_HALF_WIDTH_M if is_arterial(line) else LOCAL_HALF_WIDTH_M


def plan_streets(relief: Relief, scale: int) -> StreetGrid:
    """Return a grid with room for ``scale`` buildings and a rural margin, centred on the relief's origin."""
    cells = scale / _BUILDINGS_PER_CELL * 1.15 + 30
    columns = math.ceil(math.sqrt(cells * 1.15))
    rows = math.ceil(cells / columns)
    junctions = _junctions(relief, rows, columns)
    centres = (junctions[:-1, :-1] + junctions[1:, 1:]) / 2
    risen = relief.hill_m(junctions[..., 0], junctions[..., 1]) > _HILL_FOOT_M
    hill = risen[:-1, :-1] | risen[:-1, 1:] | risen[1:, 1:] | risen[1:, :-1]
    river_horizontal = _in_corridor(relief, junctions[:, :-1], junctions[:, 1:])
    # Arterials bridge the river, lanes end at it.
    river_vertical = _in_corridor(relief, junctions[:-1], junctions[1:]) & (np.arange(columns + 1)[None, :] % ARTERIAL_EVERY != 0)
    cut_off = river_horizontal[:-1] & river_horizontal[1:] & river_vertical[:, :-1] & river_vertical[:, 1:]
    return StreetGrid(
        relief=relief,
        junctions=junctions,
        hill=hill,
        river_horizontal=river_horizontal,
        river_vertical=river_vertical,
        growth=_growth_order(relief, centres, hill | cut_off),
    )


def inset(corners: NDArray[np.float64], distances_m: list[float]) -> Polygon:
    """Return the convex quadrilateral ``corners`` (4, 2), counter-clockwise, with side k moved inwards by ``distances_m[k]``."""
    moved = []
    for k in range(4):
        x, y = float(corners[k, 0]), float(corners[k, 1])
        dx, dy = float(corners[(k + 1) % 4, 0]) - x, float(corners[(k + 1) % 4, 1]) - y
        length = math.hypot(dx, dy)
        dx, dy = dx / length, dy / length
        moved.append((x - dy * distances_m[k], y + dx * distances_m[k], dx, dy))
    return Polygon([_meet(moved[k - 1], moved[k]) for k in range(4)])


def _meet(first: tuple[float, float, float, float], second: tuple[float, float, float, float]) -> tuple[float, float]:
    """Return where two lines (x, y, dx, dy) meet, to the millimetre."""
    x, y, dx, dy = first
    other_x, other_y, other_dx, other_dy = second
    along = ((other_x - x) * other_dy - (other_y - y) * other_dx) / (dx * other_dy - dy * other_dx)
    return round(x + dx * along, 3), round(y + dy * along, 3)


def _junctions(relief: Relief, rows: int, columns: int) -> NDArray[np.float64]:
    """Bend an uneven grid by long waves, so that blocks differ and streets curve without ever folding over."""
    x = _lines(relief.seed, _SUBJECT_COLUMN, columns, 160.0, 250.0)
    y = _lines(relief.seed, _SUBJECT_ROW, rows, 125.0, 195.0)
    grid_x, grid_y = np.meshgrid(x, y)
    bent_x = grid_x + 26.0 * np.sin(grid_y / 480.0) + 10.0 * np.sin(grid_x / 270.0 + grid_y / 350.0)
    bent_y = grid_y + 22.0 * np.sin(grid_x / 520.0 + 0.6) + 8.0 * np.sin(grid_y / 260.0 - grid_x / 410.0)
    turn = math.radians(-3.0)
    east = relief.origin_e + bent_x * math.cos(turn) - bent_y * math.sin(turn)
    north = relief.origin_n + bent_x * math.sin(turn) + bent_y * math.cos(turn)
    return np.asarray(np.round(np.stack([east, north], axis=-1), 3), dtype=np.float64)


def _lines(seed: int, subject: int, count: int, shortest_m: float, longest_m: float) -> NDArray[np.float64]:
    index = np.arange(count, dtype=np.int64)
    widths = shortest_m + (longest_m - shortest_m) * hash_unit(seed, subject, index, index)
    lines = np.concatenate([[0.0], np.cumsum(widths)])
    return np.asarray(lines - lines[-1] / 2, dtype=np.float64)


def _in_corridor(relief: Relief, start: NDArray[np.float64], end: NDArray[np.float64]) -> Flags:
    """Return which straight edges come within a street's width of the river corridor."""
    touched = np.zeros(start.shape[:-1], bool)
    for share in np.linspace(0.0, 1.0, 13):
        place = start + share * (end - start)
        touched |= relief.river_distance_m(place[..., 0], place[..., 1]) < CORRIDOR_HALF_WIDTH_M + ARTERIAL_HALF_WIDTH_M
    return touched


def _growth_order(relief: Relief, centres: NDArray[np.float64], unbuilt: Flags) -> tuple[Cell, ...]:
    offset = centres - (relief.origin_e, relief.origin_n)
    i, j = np.indices(unbuilt.shape)
    ragged = 0.88 + 0.24 * hash_unit(relief.seed, _SUBJECT_EDGE_OF_TOWN, i, j).reshape(unbuilt.shape)
    distance = np.hypot(offset[..., 0], offset[..., 1] * 1.15) * ragged
    order = np.argsort(distance, axis=None, kind="stable")
    return tuple((int(k) // unbuilt.shape[1], int(k) % unbuilt.shape[1]) for k in order if not unbuilt.flat[k])
