"""CityGML into a city: published, the same as CityJSON of the same things, and exported as CityJSON that others can read."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from tests.in_process import load
from tests.official_schemas import official
from tests.opened_city import opened_city, request
from twin.model import Principal
from twin.server.cityjson.export import export_cityjson

SAMPLES = "citygml-citygml4j-samples"
YOKOSUKA = "citygml-plateau-yokosuka/52397519_bldg_6697_op.gml"


def test_the_same_buildings_in_another_format_change_nothing(database_url: str, open_folder: Path, real_data: Path) -> None:
    with opened_city(database_url, open_folder / "city", 3068) as city:
        first = load(city, request(real_data / SAMPLES / "lod2_buildings_v3.gml", (None, "building", "buildings"), crs="EPSG:3068"))
        assert (first.read, first.published, first.rejected) == (100, 100, 0)
        for name in ("lod2_buildings_v2.json", "lod2_buildings_as_CityJSON_features.jsonl"):
            again = load(city, request(real_data / SAMPLES / name, (None, "building", "buildings"), crs="EPSG:3068"))
            assert (again.commit, again.unchanged) == (None, 100)


def test_plateau_is_published_and_leaves_as_cityjson(database_url: str, open_folder: Path, real_data: Path) -> None:
    with opened_city(database_url, open_folder / "city", 6677) as city:
        result = load(city, request(real_data / YOKOSUKA, (None, "building", "buildings")))
        assert (result.read, result.published, result.rejected) == (13, 13, 0)
        exported = json.loads(b"".join(export_cityjson(city, "buildings", None, "cityjson", Principal.system())))
    kinds = [o["type"] for o in exported["CityObjects"].values()]
    assert (kinds.count("Building"), kinds.count("BuildingPart")) == (13, 2)
    assert exported["metadata"]["referenceSystem"] == "https://www.opengis.net/def/crs/EPSG/0/6697"
    positions = np.array(exported["vertices"]) * exported["transform"]["scale"] + exported["transform"]["translate"]
    assert positions.min(axis=0) == pytest.approx([139.73724371347967, 35.258297338392, 2.19367718697], abs=1e-4)  # of the file's envelope
    schema = official("cityjson-2.0", "cityjson.min.schema.json")
    some = dict(itertools.islice(exported["CityObjects"].items(), 4))
    validator = jsonschema.Draft7Validator(json.loads(schema.read_bytes()))
    assert [e.message[:200] for e in validator.iter_errors({**exported, "CityObjects": some, "vertices": exported["vertices"][:50]})] == []
