"""The utility tunnels (综合管廊) under some of the arterial roads that run east and west: three compartments below all sewers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from shapely import LineString

from sample_city.streets import ARTERIAL_EVERY, Cell, OpenEdges, StreetGrid

OFFSET_M = 12.6
WIDTH_MM, HEIGHT_MM, COMPARTMENTS = 5600, 3800, 3
HOLDS = ("SS", "RS", "GD", "XX")
FLOOR_DEPTH_M = 12.2
_EVERY_ARTERIAL = 3
_VERTEX_M = 70.0
_END_SHAFT_M = 5.0
"""How far a tunnel goes beyond its last junctions, to the shafts where its trunk lines leave."""
_OWNER, _YEAR = "常州市综合管廊建设管理有限公司", 2019


@dataclass(frozen=True, slots=True)
class TunnelSection:
    """One section between two junctions; ``axis`` is the invert, EPSG:4549 and 1985 heights."""

    tunnel_id: str
    name: str
    start_elevation_m: float
    end_elevation_m: float
    year: int
    owner: str
    axis: LineString


def tunnel_id(junction: Cell) -> str:
    """Return the number of the section that begins at a junction and runs eastwards."""
    return f"GL{junction[0]:04d}-{junction[1]:04d}"


def tunnel_edges(grid: StreetGrid, streets: OpenEdges) -> OpenEdges:
    """Return the streets over tunnels: every third arterial road from the middle of the grid, wherever it is one of ``streets``."""
    spacing = ARTERIAL_EVERY * _EVERY_ARTERIAL
    middle = round(grid.rows / 2 / ARTERIAL_EVERY) * ARTERIAL_EVERY
    under = np.arange(grid.rows + 1) % spacing == middle % spacing
    horizontal: NDArray[np.bool_] = streets.horizontal & under[:, None]
    return OpenEdges(horizontal, np.zeros_like(streets.vertical))


def tunnel_sections(grid: StreetGrid, edges: OpenEdges) -> Iterator[TunnelSection]:
    """Yield the sections of all tunnels from west to east, one arterial after the other."""
    for i, j in np.argwhere(edges.horizontal).tolist():
        start, end = _ends(grid, edges, i, j)
        shares = np.linspace(0.0, 1.0, max(2, int(np.linalg.norm(end - start) // _VERTEX_M) + 2))
        places = start + shares[:, None] * (end - start)
        floor = np.round(grid.relief.ground_m(places[:, 0], places[:, 1]) - FLOOR_DEPTH_M, 3)
        axis = LineString(np.column_stack([np.round(places, 3), floor]))
        name = f"{grid.horizontal_name(i, j)}综合管廊{j + 1}段"
        yield TunnelSection(tunnel_id((i, j)), name, float(floor[0]), float(floor[-1]), _YEAR, _OWNER, axis)


def _ends(grid: StreetGrid, edges: OpenEdges, i: int, j: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    start, end = grid.junctions[i, j] + OFFSET_M, grid.junctions[i, j + 1] + OFFSET_M
    shaft = _END_SHAFT_M * (end - start) / np.linalg.norm(end - start)
    if j == 0 or not edges.horizontal[i, j - 1]:
        start = start - shaft
    if j + 1 == edges.horizontal.shape[1] or not edges.horizontal[i, j + 1]:
        end = end + shaft
    return start, end
