"""Which streets carry which conduit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sample_city.seeding import hash_unit
from sample_city.services import CONDUITS, Where
from sample_city.streets import ARTERIAL_EVERY, Cell, OpenEdges, StreetGrid
from sample_city.tunnels import tunnel_edges
from sample_city.zoning import INDUSTRY, WAREHOUSES, zone_of

_HEATED_SHARE = 0.4
_SUBJECT_HEATING = 63
Flags = NDArray[np.bool_]


def carried_edges(grid: StreetGrid, streets: OpenEdges, town: tuple[Cell, ...]) -> Mapping[str, OpenEdges]:
    """Return by the prefix of a conduit in which of ``streets`` it lies; ``town`` lists the cells beside them, oldest first.

    Heating and industrial gas stay within the lanes between arterial roads, so they cross no ducts.
    """
    lanes = _lanes(grid, streets)
    areas = {
        Where.STREETS: streets,
        Where.ARTERIALS: _arterials(streets),
        Where.HEATED: _within(lanes, *_heated(grid)),
        Where.INDUSTRIAL: _within(lanes, *_beside_industry(grid, town)),
        Where.TUNNELS: tunnel_edges(grid, streets),
    }
    return {conduit.prefix: areas[conduit.where] for conduit in CONDUITS}


def _arterials(streets: OpenEdges) -> OpenEdges:
    rows, columns = np.arange(streets.horizontal.shape[0]), np.arange(streets.vertical.shape[1])
    return OpenEdges(
        streets.horizontal & (rows % ARTERIAL_EVERY == 0)[:, None], streets.vertical & (columns % ARTERIAL_EVERY == 0)[None, :]
    )


def _lanes(grid: StreetGrid, streets: OpenEdges) -> OpenEdges:
    """Return the lanes that touch no arterial road at either end."""
    rows = np.arange(grid.rows + 1) % ARTERIAL_EVERY != 0
    columns = np.arange(grid.columns + 1) % ARTERIAL_EVERY != 0
    return OpenEdges(
        streets.horizontal & rows[:, None] & (columns[:-1] & columns[1:])[None, :],
        streets.vertical & columns[None, :] & (rows[:-1] & rows[1:])[:, None],
    )


def _within(streets: OpenEdges, horizontal: Flags, vertical: Flags) -> OpenEdges:
    return OpenEdges(streets.horizontal & horizontal, streets.vertical & vertical)


def _heated(grid: StreetGrid) -> tuple[Flags, Flags]:
    """District heating is decided for everything between two arterial roads at once."""
    i, j = np.indices((grid.rows + 1, grid.columns + 1))
    heated = hash_unit(grid.relief.seed, _SUBJECT_HEATING, i // ARTERIAL_EVERY, j // ARTERIAL_EVERY).reshape(i.shape) < _HEATED_SHARE
    return heated[:, :-1], heated[:-1, :]


def _beside_industry(grid: StreetGrid, town: tuple[Cell, ...]) -> tuple[Flags, Flags]:
    industry = np.zeros((grid.rows, grid.columns), bool)
    for rank, cell in enumerate(town):
        industry[cell] = zone_of(grid, cell, rank).name in (INDUSTRY.name, WAREHOUSES.name)
    rows, columns = np.pad(industry, [(1, 1), (0, 0)]), np.pad(industry, [(0, 0), (1, 1)])
    return rows[1:] | rows[:-1], columns[:, 1:] | columns[:, :-1]
