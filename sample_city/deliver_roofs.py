"""Delivers the buildings of the centre with their roofs (LoD 2): 中心区LOD2.city.json, .gml, and of a large city .city.jsonl.

The files add a geometry to buildings that the survey lists: they carry the survey's numbers and attributes, so loading them as a delta
changes nothing else. Attributes that the survey left out are left out here too.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from sample_city.city import City
from sample_city.deliver_buildings import BUILDINGS, attributes
from sample_city.faults import WARNED_BUILDINGS
from sample_city.handover import HandOver
from sample_city.manifest import Update
from sample_city.roofs import building_solid
from sample_city.write_citygml import write_citygml
from sample_city.write_cityjson import Model, write_document, write_sequence

LAYER = "中心区LOD2"
DOCUMENT, CITYGML, SEQUENCE = f"{LAYER}.city.json", f"{LAYER}.gml", f"{LAYER}.city.jsonl"
_SHARE, _MOST_IN_A_DOCUMENT, _MOST_IN_A_SEQUENCE = 10, 2000, 100_000
_LARGE_CITY = 20_000


def deliver_roofs(city: City, handover: HandOver) -> None:
    """Write every tenth building of the city, counted from the centre, in all formats."""
    wanted = city.scale // _SHARE
    west, south, east, north = city.grid.extent_m()
    corner = (float(west // 1000 * 1000), float(south // 1000 * 1000))
    title = "常州市中心区三维建筑模型（LOD2）"
    few = min(wanted, _MOST_IN_A_DOCUMENT)
    rows = {
        DOCUMENT: write_document(city.folder / DOCUMENT, title, corner, _models(city, few)),
        CITYGML: write_citygml(city.folder / CITYGML, title, (west, south, east, north), _models(city, few)),
    }
    if city.scale >= _LARGE_CITY:
        many = min(wanted, _MOST_IN_A_SEQUENCE)
        rows[SEQUENCE] = write_sequence(city.folder / SEQUENCE, title, corner, _models(city, many))
    else:
        (city.folder / SEQUENCE).unlink(missing_ok=True)
    handover.updates += [Update(file, LAYER, "building", "delta", 0, count, 0, 0, 0) for file, count in rows.items()]


def _models(city: City, count: int) -> Iterator[Model]:
    buildings = (b for _, block in city.blocks() for b in block if b.building_id not in WARNED_BUILDINGS)
    for b in itertools.islice(buildings, count):
        listed = zip(BUILDINGS.columns, attributes(b), strict=True)
        present = {name: value for name, value in listed if isinstance(value, str | int | float)}
        yield b.building_id, present, building_solid(b.footprint, b.plinth_m, b.eaves_m, b.roof_type, b.floors_above)
