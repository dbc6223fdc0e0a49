"""The tables that serving is measured on: 200,000 buildings, 300,000 pipes, and a region of 5 million buildings; the peers get copies."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import psycopg
import pyproj
import shapely
from psycopg import sql

from bench.pipes import LINES, POINTS, write_pipe_survey
from bench.stage import Stage
from bench.workload import SRID, make_buildings, moved, write_geopackage
from ingest.request import PartSpec
from twin.query.collection import VALIDITY_FIELDS
from twin.tables import current_table

BUILDINGS, PIPES, REGION = 200_000, 300_000, 5_000_000
_BLOCKS_A_SIDE = 5
_SHAPES = {"building": "ST_Force2D(ST_GeometryN(geom, 1))", "pipe_segment": "geom"}
_SAMPLES = 400
_SEED = 20_251_123


@dataclass(frozen=True, slots=True)
class Table:
    """A dataset that we serve, and how its copy is called at the peers' (None: they have none)."""

    dataset: str
    feature_type: str
    peer: str | None
    rows: int
    id: int
    """Number of the dataset."""
    first_fid: int
    extent_m: tuple[float, float, float, float]

    def boxes_deg(self, side_m: float) -> list[tuple[float, float, float, float]]:
        """Return boxes (west, south, east, north in CRS84) of about ``side_m``, anywhere in the table; the same every time."""
        west, south, width, height = self.box_deg(side_m)
        return [(x, y, x + width, y + height) for x, y in self._places(west, south)]

    def box_deg(self, side_m: float) -> tuple[tuple[float, float], tuple[float, float], float, float]:
        """Return the ranges in which the west and south edges of such boxes lie, and their width and height."""
        to_deg = pyproj.Transformer.from_crs(SRID, 4326, always_xy=True).transform
        (west, south), (east, north) = to_deg(*self.extent_m[:2]), to_deg(*self.extent_m[2:])
        near = to_deg(self.extent_m[0] + side_m, self.extent_m[1] + side_m)
        width, height = near[0] - west, near[1] - south
        return (west, east - width), (south, north - height), width, height

    def tiles(self, level: int) -> list[tuple[int, int]]:
        """Return columns and rows of tiles of WebMercatorQuad that lie wholly in the table, or of one in its middle."""
        columns, rows = self.tile_range(level)
        rng = np.random.default_rng(_SEED)
        found = [(x, y) for x in range(columns[0], columns[1] + 1) for y in range(rows[0], rows[1] + 1)]
        return [found[k] for k in rng.permutation(len(found))[:_SAMPLES]]

    def tile_range(self, level: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return the first and last column, and the first and last row, of the tiles that lie wholly in the table.

        Along a side where no tile does, as in a trial with a part of the rows, it is the tile in the middle.
        """
        to_mercator = pyproj.Transformer.from_crs(SRID, 3857, always_xy=True).transform
        half = 20037508.342789244
        (west, south), (east, north) = to_mercator(*self.extent_m[:2]), to_mercator(*self.extent_m[2:])
        size = 2 * half / (1 << level)
        return _whole((west + half) / size, (east + half) / size), _whole((half - north) / size, (half - south) / size)

    def fids(self) -> list[int]:
        """Return some of its features."""
        rng = np.random.default_rng(_SEED)
        return [self.first_fid + int(k) for k in rng.integers(0, self.rows, _SAMPLES)]

    def _places(self, west: tuple[float, float], south: tuple[float, float]) -> list[tuple[float, float]]:
        rng = np.random.default_rng(_SEED)
        x, y = rng.uniform(*west, _SAMPLES), rng.uniform(*south, _SAMPLES)
        return [(float(a), float(b)) for a, b in zip(x, y, strict=True)]


def _whole(low: float, high: float) -> tuple[int, int]:
    """Return the first and last of the whole numbered units between two places, or the one in the middle twice."""
    first, last, middle = math.ceil(low), math.floor(high) - 1, math.floor((low + high) / 2)
    return (first, last) if first <= last else (middle, middle)


def load_buildings(stage: Stage) -> Table:
    """Load the dataset ``served`` and give the peers its copy ``buildings``."""
    stage.load(stage.geopackage(make_buildings(stage.rows(BUILDINGS))), "served")
    return _given(stage, table_of(stage, "served", "building"), "buildings")


def load_pipes(stage: Stage) -> Table:
    """Load the datasets ``served_pipes`` and ``served_nodes``, and give the peers a copy ``pipes`` of the first."""
    path = stage.folder / "served_pipes.gpkg"
    write_pipe_survey(stage.rows(PIPES), path)
    parts = (PartSpec(POINTS, "pipe_node", "served_nodes"), PartSpec(LINES, "pipe_segment", "served_pipes"))
    stage.publish(stage.check(path, parts)[0])
    path.unlink()
    return _given(stage, table_of(stage, "served_pipes", "pipe_segment"), "pipes")


def load_region(stage: Stage) -> Table:
    """Load the dataset ``region``: 25 such cities side by side, by the way every file takes."""
    path = stage.folder / "region.gpkg"
    city = make_buildings(stage.rows(REGION) // _BLOCKS_A_SIDE**2)
    side_m = float(np.ptp(shapely.get_coordinates(city.footprints)[:, 0])) + 30.0
    for block in range(_BLOCKS_A_SIDE**2):
        row, column = divmod(block, _BLOCKS_A_SIDE)
        there = moved(city, column * side_m, row * side_m, block * len(city.footprints))
        write_geopackage(there, path, append=block > 0)
    stage.publish(stage.check(path, (PartSpec(None, "building", "region"),))[0])
    path.unlink()
    return table_of(stage, "region", "building")


def table_of(stage: Stage, dataset: str, feature_type: str) -> Table:
    """Return a dataset that is loaded; NotFoundError when it is not."""
    number = stage.city.catalogue.dataset(dataset).id
    where = current_table(feature_type, number)
    measured = sql.SQL("SELECT count(*) AS count, min(fid) AS first, ST_Extent(geom) AS box FROM {}").format(where)
    query = sql.SQL("SELECT count, first, ST_XMin(box), ST_YMin(box), ST_XMax(box), ST_YMax(box) FROM ({}) AS m").format(measured)
    with stage.city.pool.connection() as connection:
        row = connection.execute(query).fetchone()
    if row is None:
        raise RuntimeError(f"{dataset} is empty")
    return Table(dataset, feature_type, None, row[0], number, row[1], (row[2], row[3], row[4], row[5]))


def _given(stage: Stage, table: Table, peer: str) -> Table:
    """Give the peers a plain copy with every property, in longitude and latitude at rest, so that none has to transform what it serves."""
    names = ("fid", *stage.city.catalogue.feature_type(table.feature_type).field_names, *VALIDITY_FIELDS)
    columns = sql.SQL(", ").join([sql.Identifier(name) for name in names])
    rows = sql.SQL("SELECT {}, ST_Transform({}, 4326) AS geom FROM {}").format(
        columns, sql.SQL(_SHAPES[table.feature_type]), current_table(table.feature_type, table.id)
    )
    name = sql.Identifier("public", peer)
    with psycopg.connect(stage.city.database_url) as ours, psycopg.connect(stage.peer_dsn) as theirs:
        ours.execute("SET search_path TO city, catalog, postgis, public")
        described = ours.execute(rows + sql.SQL(" LIMIT 0")).description or []
        types = {"geom": f"geometry({'Polygon' if table.feature_type == 'building' else 'LineStringZ'}, 4326)"}
        definitions = [sql.SQL("{} {}").format(sql.Identifier(c.name), sql.SQL(types.get(c.name, c.type_display))) for c in described]
        theirs.execute(sql.SQL("CREATE TABLE {} ({}, PRIMARY KEY (fid))").format(name, sql.SQL(", ").join(definitions)))
        with (
            ours.cursor().copy(sql.SQL("COPY ({}) TO STDOUT (FORMAT BINARY)").format(rows)) as out,
            theirs.cursor().copy(sql.SQL("COPY {} FROM STDIN (FORMAT BINARY)").format(name)) as back,
        ):
            for piece in out:
                back.write(bytes(piece))
        theirs.execute(sql.SQL("CREATE INDEX ON {} USING gist (geom)").format(name))
    return replace(table, peer=peer)
