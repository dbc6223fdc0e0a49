"""What serving is asked: each question's paths for every server, and the frozen SQL that is its bound."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from bench.serve_tables import Table
from bench.servers import Recipe, Server, ServerError, get

BOX_M = 1010.0
"""Side of a box that holds about 500 buildings or pipes."""
DEEPEST, DEEP_LIMIT = 100_000, 1000
_LINK_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A server, and what it calls the table that is asked for."""

    recipe: Recipe
    server: Server
    table: str


Paths = Callable[[Asked, Table], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Question:
    """One benchmark of serving."""

    name: str
    says: str
    paths: Paths
    least: int
    """Features, or bytes of a tile, that every answer to the first path must have."""
    bound: str
    """The script of bench/bounds."""
    variables: Callable[[Table], Mapping[str, object]] = field(default=lambda table: {"dataset": table.id})


def questions() -> tuple[Question, ...]:
    """Return the questions about the buildings, in the order of their names in issue 6."""
    return (
        Question("items100", "The first page of 100 features.", _items, 100, "items100.sql"),
        Question(
            "bbox500",
            f"All features (about 500, at most 1000 are asked for) of one of 400 boxes of {BOX_M:.0f} m.",
            _boxes,
            300,
            "bbox500.sql",
            _box_variables,
        ),
        Question(
            "deep_page",
            f"{DEEP_LIMIT:,} features after the first {DEEPEST:,}: by the cursor of a next link with us, by offset with the peers.",
            _deep,
            DEEP_LIMIT,
            "deep_page.sql",
            lambda table: {"dataset": table.id, "after": table.first_fid + _deep_in(table) - 1},
        ),
        Question("item", "One of 400 features by its id.", _item, 1, "item.sql", _fid_variables),
        Question("mvt_z14", "A vector tile of level 14 (about 2,100 buildings).", _tiles(14), 10_000, "mvt.sql", _tile_variables(14)),
        Question("mvt_z16", "A vector tile of level 16 (about 130 buildings).", _tiles(16), 1000, "mvt.sql", _tile_variables(16)),
    )


def check(question: Question, asked: Asked, path: str, within_s: float = 120.0) -> None:
    """Raise ServerError unless the answer has what was asked for: a wrong answer costs less than a right one."""
    body = get(asked.server.port, path, within_s)
    if question.name.startswith("mvt"):
        found = len(body)
    else:
        document = json.loads(body)
        found = len(document["features"]) if "features" in document else int(document.get("type") == "Feature")
    if found < question.least:
        raise ServerError(f"{asked.recipe.name} gave {found} of {question.least} for {question.name}")


def _items(asked: Asked, _: Table) -> Sequence[str]:
    return [asked.recipe.items.format(table=asked.table, limit=100)]


def _boxes(asked: Asked, table: Table) -> Sequence[str]:
    address = asked.recipe.items.format(table=asked.table, limit=1000)
    return [f"{address}&bbox={','.join(f'{edge:.7f}' for edge in box)}" for box in table.boxes_deg(BOX_M)]


def _deep(asked: Asked, table: Table) -> Sequence[str]:
    address = asked.recipe.items.format(table=asked.table, limit=DEEP_LIMIT)
    if asked.table != table.dataset:
        return [f"{address}&offset={_deep_in(table)}"]
    at_once = min(_LINK_LIMIT, _deep_in(table))
    path = asked.recipe.items.format(table=asked.table, limit=at_once)
    for _ in range(_deep_in(table) // at_once):
        following = [link["href"] for link in json.loads(get(asked.server.port, path))["links"] if link["rel"] == "next"]
        where = urlsplit(following[0])
        path = f"{where.path}?{where.query}"
    return [f"{address}&cursor={parse_qs(urlsplit(path).query)['cursor'][0]}"]


def _deep_in(table: Table) -> int:
    """Return how many features come before the deep page: half of a city's, as many of a region's."""
    return min(DEEPEST, table.rows // 2)


def _item(asked: Asked, table: Table) -> Sequence[str]:
    return [asked.recipe.item.format(table=asked.table, fid=fid) for fid in table.fids()]


def _tiles(level: int) -> Paths:
    return lambda asked, table: [asked.recipe.tile.format(table=asked.table, z=level, x=x, y=y) for x, y in table.tiles(level)]


def _box_variables(table: Table) -> Mapping[str, object]:
    west, south, width, height = table.box_deg(BOX_M)
    edges = {"west": west[0], "east": west[1], "south": south[0], "north": south[1]}
    return {"dataset": table.id, **{k: f"{v:.9f}" for k, v in edges.items()}, "width": f"{width:.9f}", "height": f"{height:.9f}"}


def _fid_variables(table: Table) -> Mapping[str, object]:
    return {"dataset": table.id, "first": table.first_fid, "last": table.first_fid + table.rows - 1}


def _tile_variables(level: int) -> Callable[[Table], Mapping[str, object]]:
    def variables(table: Table) -> Mapping[str, object]:
        (west, east), (north, south) = table.tile_range(level)
        return {"dataset": table.id, "level": level, "west": west, "east": east, "north": north, "south": south}

    return variables
