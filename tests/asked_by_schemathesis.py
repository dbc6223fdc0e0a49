"""What schemathesis is told of the door besides its definition: what is there to be asked for, and what no schema can say."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import httpx
import pyproj

from tests.whole_city import EAST, NORTH
from twin.tile_matrix_sets import MATRIX_SETS, WEB_MERCATOR_QUAD

JsonObject = dict[str, Any]
KNOWN = 0.7
"""How often an id or a tag is one that is there: what is nowhere is answered before anything is looked at."""
PLACES = frozenset({"bbox", "tilerow", "tilecol"})
"""Numbers of which only some go together: corners of a box, and rows and columns that a level has."""

TILE = ("tilematrix", "tilerow", "tilecol")
LEVEL = 16
"""Of the tiles that show houses and images."""
HELD = 0.1
"""How often an answer is asked for by who holds it whatever it is: a 304 shows little."""
VALUES = {"If-Match": "any", "If-None-Match": "any", "as-of": "states", "Accept-Datetime": "times"}
"""Parameters of any operation, and the dictionaries they are of."""
HOUSES = "collections/houses/items"
"""Where there is always something to be asked for."""
ACTIONS = {"collection": "houses", "id": "/collections/houses/items/{item}", "ifMatch": "any"}
"""Members of the actions of a transaction, and the dictionaries they are of."""


ACCEPTED = ["2xx", "304", "401", "403", "404", "409", "5xx"]
"""What acceptance may look like: its own list, and the 304 to who holds the answer."""
STATES = ("0", "1", "3", "2007-05-31T20:35:00Z", "2095-05-31T20:35:00Z")
TIMES = ("Thu, 31 May 2007 20:35:00 GMT", "Tue, 31 May 2095 20:35:00 GMT")
"""Recorded states as ``as-of`` and Accept-Datetime name them: before the first, amid them, after the last."""


def settings(door: httpx.Client, definition: JsonObject) -> str:
    """Return the configuration of schemathesis (TOML) for the door below the client's address that is defined so."""
    shared = definition["components"]["parameters"]
    dictionaries = [_dictionary("any", ["*"]), _dictionary("houses", ["houses"]), *_tiles()]
    dictionaries += [_dictionary("states", STATES), _dictionary("times", TIMES)]
    operations = []
    for path, item in definition["paths"].items():
        found = _ids(door, path, item)
        if found:
            dictionaries.append(_dictionary(path, found))
        for described in item.values():
            parameters = [shared[p["$ref"].rsplit("/", 1)[1]] if "$ref" in p else p for p in described.get("parameters", ())]
            operations.append(_operation(described, parameters, path, is_known=bool(found)))
    return "\n".join((*dictionaries, *operations))


def _ids(door: httpx.Client, path: str, item: JsonObject) -> list[str]:
    """Return ids that fill the last place of a path: those of features, or of jobs that are made for it."""
    before, _, after = path.rpartition("/{item}")
    if before and after in ("", "/versions"):
        address = before.replace("{collection}", "imagery").lstrip("/")
        found = [str(feature["id"]) for feature in door.get(address, params={"f": "json"}).json()["features"]]
        return found or ([_house(door)] if address == HOUSES else [])
    return _jobs(door) if "/{job}" in path else []


def _house(door: httpx.Client) -> str:
    """Return the id of a house that is made: who asked before may have deleted them all."""
    ring = [[119.995, 31.805], [119.9951, 31.805], [119.9951, 31.8051], [119.995, 31.8051], [119.995, 31.805]]
    properties = {"building_id": "B1", "floors_above": 3, "height_m": 9.0, "usage": "residential"}
    house = {"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    made = door.post(HOUSES, json=house, headers={"Content-Type": "application/geo+json"})
    return made.raise_for_status().headers["Location"].rsplit("/", 1)[1]


def _jobs(door: httpx.Client) -> list[str]:
    """Return the caller's jobs; one is made when there are none, since few may wait."""
    made = [str(job["jobID"]) for job in door.get("jobs", params={"f": "json"}).json()["jobs"]]
    if made:
        return made
    area = {"type": "Polygon", "coordinates": [[[119.9, 31.7], [120.1, 31.7], [120.1, 31.9], [119.9, 31.7]]]}
    asked = {"inputs": {"area": area, "collections": ["houses"]}}
    job = door.post("processes/export-area/execution", json=asked, headers={"Prefer": "respond-async"})
    return [str(job.raise_for_status().json()["jobID"])]


def place_in(grid: str) -> dict[str, int]:
    """Return where the middle of the city lies in a grid: level, row and column by their names in lower case."""
    found = MATRIX_SETS[grid]
    x, y = pyproj.Transformer.from_crs(4549, found.srid, always_xy=True).transform(EAST + 35, NORTH + 5)
    where = (LEVEL, math.floor((found.north - y) / found.side(LEVEL)), math.floor((x - found.west) / found.side(LEVEL)))
    return dict(zip(TILE, where, strict=True))


def _tiles() -> list[str]:
    """Return where the middle of the city lies in each grid: level, row and column."""
    made: list[str] = []
    for grid in MATRIX_SETS.values():
        made += [_dictionary(f"{grid.id} {name}", [number]) for name, number in place_in(grid.id).items()]
    return made


def _dictionary(name: str, values: Sequence[str | int]) -> str:
    return f"[dictionaries.{json.dumps(name)}]\nvalues = {json.dumps(values)}\n"


def _operation(described: JsonObject, parameters: list[JsonObject], path: str, *, is_known: bool) -> str:
    names = {p["name"] for p in parameters}
    grid = next((name for name in MATRIX_SETS if f"/{name}/" in path), WEB_MERCATOR_QUAD.id)
    bound = {f"path.{p['name']}": f"{grid} {p['name'].lower()}" for p in parameters if p["in"] == "path" and p["name"].lower() in TILE}
    bound |= {f"path.{name}": path for name in ("item", "job") if is_known and name in names}
    bound |= {f"{p['in']}.{p['name']}": VALUES[p["name"]] for p in parameters if p["name"] in VALUES}
    if described["operationId"] == "transactions.post":
        bound |= {f"body.actions[*].{name}": of for name, of in ACTIONS.items()}
    often = {key: HELD if key.endswith("If-None-Match") else KNOWN for key in bound}
    values = ", ".join(f"{json.dumps(key)} = {{dictionary = {json.dumps(of)}, probability = {often[key]}}}" for key, of in bound.items())
    has_meaning = "requestBody" in described or any(_is_free(p) for p in parameters)
    acceptance = f"enabled = {str(not has_meaning).lower()}, expected-statuses = {json.dumps(ACCEPTED)}"
    return (
        f"[[operations]]\ninclude-operation-id = {json.dumps(described['operationId'])}\nparameters = {{{values}}}\n"
        f"checks = {{positive_data_acceptance = {{{acceptance}}}}}\n"
    )


def _is_free(parameter: JsonObject) -> bool:
    """Return whether values of the right type can be wrong all the same: texts of a grammar (CQL2, a cursor), and places."""
    value = parameter["schema"]
    kind = value["items"] if value.get("type") == "array" else value
    is_text = kind.get("type") == "string" and "enum" not in kind and "format" not in kind and parameter["name"] != "If-None-Match"
    return (is_text and parameter["in"] != "path") or parameter["name"].lower() in PLACES
