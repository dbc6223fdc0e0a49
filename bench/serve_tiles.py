"""serve.tiles_5m: the slowest of a fixed sample of vector tiles of 5 million buildings: every level, every grid, every parameter."""

from __future__ import annotations

import http.client
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

import numpy as np
import pyproj

from bench.rounds import Contender, Outcome, interleave
from bench.serve_tables import Table, load_region, table_of
from bench.servers import ServerError, free_port, ours, running
from bench.stage import Stage
from bench.workload import SRID, make_buildings, write_geopackage
from ingest.request import PartSpec
from twin.errors import NotFoundError
from twin.tile_matrix_sets import MATRIX_SETS, WEB_MERCATOR_QUAD, TileMatrixSet

NAME, OURS, ROUNDS, LAST_LEVEL, CHANGED = "serve.tiles_5m", "citytwin", 3, 18, 100
MOST_MS, MOST_BYTES = 1000.0, 500_000
"""What issue 6 allows a tile."""
_REGION = "region"
_PLACES = ((0.5, 0.5), (0.0, 0.0), (0.37, 0.81))
"""Where tiles are asked for, as parts of the breadth and the height of the region: in its middle, at its corner, elsewhere."""
_PARAMETERS = (
    f"filter={quote('height_m > 60 AND floors_above < 30')}",
    "datetime=2020-01-01",
    "properties=name,height_m",
    "color-by=height_m",
)
_METHOD = (
    "The slowest answer of a fixed sample of vector tiles, from the question to the last byte, one after the other over one kept-alive "
    f"connection: of every level to {LAST_LEVEL} of three grids the tiles in the middle of the region, at its corner and elsewhere; of "
    "WebMercatorQuad those in the middle also with `filter`, `datetime`, `properties`, `color-by` and `as-of` (an earlier commit), "
    "and as a tile of all collections. {rows:,} buildings, their overview built; one web process as `twin serve` runs it, its cache of "
    "tiles switched off. Bound: what a tile may take."
)


@dataclass(frozen=True, slots=True)
class TileQuestion:
    """A tile that is asked for; ``what`` is its grid or its parameter."""

    level: int
    what: str
    path: str


@dataclass(frozen=True, slots=True)
class TileAnswer:
    """What it took."""

    question: TileQuestion
    ms: float
    size: int


def run(stage: Stage, say: Callable[[str], None]) -> Outcome:
    """Ask for the whole sample in each round, whose figure is its slowest tile."""
    say(NAME)
    region, before = _region(stage)
    sample = list(tile_questions(region, before))
    seen: list[TileAnswer] = []
    port = free_port()
    with running(ours(stage, port, caching=False), port, stage.folder / "tiles.log"):

        def slowest() -> float:
            answers = ask(port, sample)
            seen.extend(answers)
            return max(answer.ms for answer in answers)

        contenders = [Contender(OURS, "ours", slowest), Contender("allowed", "bound", lambda: MOST_MS)]
        samples = interleave(contenders, ROUNDS, say)
    roles = {c.name: c.role for c in contenders}
    return Outcome(NAME, "ms", region.rows, "lower", roles, samples, _METHOD.format(rows=region.rows), {}, _notes(seen))


def tile_questions(region: Table, before: int) -> Iterator[TileQuestion]:
    """Yield the sample, the same every time; ``before`` is a commit that the region has moved on from."""
    own = f"/ogc/collections/{region.dataset}/tiles"
    for grid in MATRIX_SETS.values():
        for level in range(grid.first, LAST_LEVEL + 1):
            for tile in dict.fromkeys(_tile_at(grid, level, region, place) for place in _PLACES):
                yield TileQuestion(level, grid.id, f"{own}/{tile}")
    for level in range(WEB_MERCATOR_QUAD.first, LAST_LEVEL + 1):
        tile = _tile_at(WEB_MERCATOR_QUAD, level, region, _PLACES[0])
        for parameter in (*_PARAMETERS, f"as-of={before}"):
            yield TileQuestion(level, parameter.partition("=")[0], f"{own}/{tile}?{parameter}")
        yield TileQuestion(level, "collections", f"/ogc/tiles/{tile}")


def ask(port: int, sample: list[TileQuestion]) -> list[TileAnswer]:
    """Ask for tiles one after the other; ServerError for an answer that is no tile, is late beyond all bounds or too large."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    found = []
    for question in sample:
        started = time.perf_counter()
        connection.request("GET", question.path)
        answer = connection.getresponse()
        body = answer.read()
        elapsed_ms = 1000 * (time.perf_counter() - started)
        if answer.status not in {http.client.OK, http.client.NO_CONTENT} or len(body) > MOST_BYTES:
            raise ServerError(f"{question.path}: {answer.status}, {len(body):,} bytes")
        found.append(TileAnswer(question, elapsed_ms, len(body)))
    connection.close()
    return found


def _region(stage: Stage) -> tuple[Table, int]:
    """Return the region, loaded unless it was before, and the commit before the one that changed some buildings of it."""
    try:
        region = table_of(stage, _REGION, "building")
    except NotFoundError:
        region = load_region(stage)
    before = stage.city.catalogue.current_revision(_REGION)
    if before is None:
        raise ServerError("the region has no revision")
    changed = make_buildings(CHANGED)
    changed.fields["建筑高度"] = np.asarray(changed.height_m + 3.0)
    path = stage.folder / "region_delta.gpkg"
    write_geopackage(changed, path)
    stage.publish(stage.check(path, (PartSpec(None, "building", _REGION),), "delta")[0])
    stage.leave_unbuilt(_REGION)
    stage.settle()
    return region, before.commit


def _tile_at(grid: TileMatrixSet, level: int, region: Table, place: tuple[float, float]) -> str:
    west, south, east, north = region.extent_m
    x, y = pyproj.Transformer.from_crs(SRID, grid.srid, always_xy=True).transform(
        west + place[0] * (east - west), south + place[1] * (north - south)
    )
    side = grid.side(level)
    return f"{grid.id}/{level}/{math.floor((grid.north - y) / side)}/{math.floor((x - grid.west) / side)}"


def _notes(seen: list[TileAnswer]) -> tuple[str, ...]:
    """Return the slowest and the largest tile of all rounds, by level, and by grid and parameter."""
    levels = sorted({a.question.level for a in seen})
    by_level = [(f"{level}", [a for a in seen if a.question.level == level]) for level in levels]
    whats = dict.fromkeys(a.question.what for a in seen)
    by_what = [(what, [a for a in seen if a.question.what == what]) for what in whats]
    return (f"By level: {_worst(by_level)}.", f"By what was asked: {_worst(by_what)}.")


def _worst(groups: list[tuple[str, list[TileAnswer]]]) -> str:
    return "; ".join(f"{name} {max(a.ms for a in of):,.0f} ms, {max(a.size for a in of) / 1000:,.0f} kB" for name, of in groups)
