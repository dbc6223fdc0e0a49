"""OGC API - Features Part 2, held to the abstract test suite of the standard (18-058r1, annex A); pyproj says what is true.

Each test names its abstract test. What CRSs a collection must offer besides is the city's own wish (decision 7).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import httpx
import numpy as np
import ogc_server
import pyproj
import pytest
import query_city as city
import shapely
from numpy.typing import NDArray

from twin.embedded import EmbeddedCluster

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
CRS84H = "http://www.opengis.net/def/crs/OGC/0/CRS84h"
STORAGE = "http://www.opengis.net/def/crs/EPSG/0/4549"
WANTED = (CRS84, *(f"http://www.opengis.net/def/crs/EPSG/0/{code}" for code in (4326, 4490, 4549, 4528, 3857)))
CLASS = "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs"
COLLECTIONS = ("buildings", "pipes", "plots")
SEPARATION_M = 5.1
"""N of EGM96 at the city's corner, within 0.3 m."""
Get = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def get(cluster: EmbeddedCluster, template: str) -> Iterator[Get]:
    with city.clone_of(template, cluster.dsn) as url:
        catalogue = city.small_city(url)
        with ogc_server.served(catalogue, url) as base, httpx.Client(timeout=60) as client:
            yield lambda path, **parameters: client.get(f"{base}{path}", params={k.replace("_", "-"): v for k, v in parameters.items()})
        catalogue.pool.close()


@pytest.fixture(scope="module")
def described(get: Get) -> dict[str, dict[str, Any]]:
    """The collections as /collections describes them."""
    document = get("/collections").json()
    return {entry["id"]: _with_global(entry, document) for entry in document["collections"]}


def _with_global(entry: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    # a list of CRSs may point at a global one (18-058r1, requirement 3 and 4)
    own = [uri for uri in entry["crs"] if uri != "#/crs"]
    return entry | {"crs": own + (document.get("crs", []) if "#/crs" in entry["crs"] else [])}


def _crs(uri: str) -> pyproj.CRS:
    authority, code = re.fullmatch(r"http://www\.opengis\.net/def/crs/(OGC|EPSG)/[0-9.]+/(\w+)", uri).groups()  # type: ignore[union-attr]
    return pyproj.CRS.from_authority(authority, code)


def _positions(feature: dict[str, Any]) -> NDArray[np.float64]:
    return np.array(shapely.get_coordinates(shapely.from_geojson(json.dumps(feature["geometry"])), include_z=True))


def _in_storage(positions: NDArray[np.float64], uri: str) -> NDArray[np.float64]:
    """Easting and northing of positions written in a CRS and its own axis order, by pyproj, which follows the authority's axes."""
    northing, easting = _to_grid(uri).transform(positions[:, 0], positions[:, 1])
    return np.column_stack([easting, northing])


@lru_cache
def _to_grid(uri: str) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(_crs(uri).to_2d(), pyproj.CRS(4549))


# -- discovery ---------------------------------------------------------------------------------------------------------------


def test_conformance_declares_the_class(get: Get) -> None:
    assert CLASS in get("/conformance").json()["conformsTo"]


def test_1_crs_uris_are_of_the_form_of_the_name_type_specification(described: dict[str, dict[str, Any]]) -> None:
    """Abstract test 1, /conf/crs/crs-uri."""
    for entry in described.values():
        for uri in [*entry["crs"], *([entry["storageCrs"]] if "storageCrs" in entry else [])]:
            assert _crs(uri)


def test_2_every_collection_lists_its_crss_the_default_first(get: Get, described: dict[str, dict[str, Any]]) -> None:
    """Abstract test 2, /conf/crs/default-crs."""
    for slug in COLLECTIONS:
        assert get(f"/collections/{slug}").json()["crs"]
        assert CRS84 in described[slug]["crs"]
        assert len(described[slug]["crs"]) == len(set(described[slug]["crs"]))
    assert described["pipes"]["crs"][0] == CRS84H
    assert described["plots"]["crs"][0] == CRS84


@pytest.mark.parametrize("slug", COLLECTIONS)
def test_the_citys_crss_are_all_offered(described: dict[str, dict[str, Any]], slug: str) -> None:
    assert set(WANTED) <= set(described[slug]["crs"])
    assert (CRS84H in described[slug]["crs"]) == (slug != "plots")  # a height without heights would be a lie


def test_3_the_storage_crs_is_one_of_the_list_and_has_no_epoch(described: dict[str, dict[str, Any]]) -> None:
    """Abstract test 3, /conf/crs/storageCrs; CGCS2000 positions are of one epoch by definition: a static datum declares none."""
    for slug in COLLECTIONS:
        assert described[slug]["storageCrs"] == STORAGE
        assert described[slug]["storageCrs"] in described[slug]["crs"]
        assert "storageCrsCoordinateEpoch" not in described[slug]


def test_the_definition_names_the_parameters(get: Get) -> None:
    paths = get("/openapi").json()["paths"]
    for path, names in (("items", {"crs", "bbox-crs"}), ("items/{item}", {"crs"})):
        found = next(
            entry["get"] for name, entry in paths.items() if re.fullmatch(rf"/collections/buildings/{path.replace('{item}', '{.*}')}", name)
        )
        assert names <= {p.get("name") or p["$ref"].rsplit("/", 1)[1] for p in found["parameters"]}


# -- crs -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", COLLECTIONS)
def test_4_every_crs_of_the_list_is_given_and_named_in_content_crs(get: Get, described: dict[str, dict[str, Any]], slug: str) -> None:
    """Abstract test 4, /conf/crs/crs-parameter: positions are in the asked CRS, in the order of its axes."""
    stored = {f["id"]: _positions(f) for f in get(f"/collections/{slug}/items", crs=STORAGE).json()["features"]}
    for uri in described[slug]["crs"]:
        response = get(f"/collections/{slug}/items", crs=uri)
        assert (response.status_code, response.headers["content-crs"]) == (200, f"<{uri}>")
        for feature in response.json()["features"]:
            truth = stored[feature["id"]][:, 1::-1]  # the grid's first axis is northing
            assert np.abs(_in_storage(_positions(feature), uri) - truth).max() < 2e-3, (uri, feature["id"])
        first = feature["id"]
        one = get(f"/collections/{slug}/items/{first}", crs=uri)
        assert one.headers["content-crs"] == f"<{uri}>"
        assert one.json()["geometry"] == feature["geometry"]


@pytest.mark.parametrize("slug", COLLECTIONS)
def test_6_without_crs_it_is_the_default(get: Get, described: dict[str, dict[str, Any]], slug: str) -> None:
    """Abstract test 6, /conf/crs/crs-parameter-default: CRS84, or CRS84h where there are heights."""
    default = described[slug]["crs"][0]
    response = get(f"/collections/{slug}/items")
    assert response.headers["content-crs"] == f"<{default}>"
    assert response.json()["features"] == get(f"/collections/{slug}/items", crs=default).json()["features"]


@pytest.mark.parametrize(
    "uri", ["http://www.opengis.net/def/crs/EPSG/0/2154", "EPSG:99999999", "nonsense", "", f"{CRS84}h", STORAGE.upper()]
)
def test_5_a_crs_that_is_not_listed_is_refused(get: Get, uri: str) -> None:
    """Abstract test 5, /conf/crs/crs-parameter-invalid."""
    for path in ("/collections/plots/items", "/collections/plots/items/2.25.7.2.3.1"):
        assert get(path, crs=uri).status_code == 400, path


def test_heights_go_with_the_crs(get: Get) -> None:
    """h = H + N in CRS84h, H in the grid, none in the plane CRSs."""
    feature = "/collections/pipes/items/2.25.7.2.2.1"
    grid, high = (_positions(get(feature, crs=uri).json())[:, 2] for uri in (STORAGE, CRS84H))
    assert grid == pytest.approx([3.5, 3.25])
    assert high - grid == pytest.approx([SEPARATION_M] * 2, abs=0.3)
    for uri in (CRS84, "http://www.opengis.net/def/crs/EPSG/0/4490", "http://www.opengis.net/def/crs/EPSG/0/3857"):
        assert np.isnan(_positions(get(feature, crs=uri).json())[:, 2]).all(), uri


# -- bbox-crs ------------------------------------------------------------------------------------------------------------------


def _box(uri: str) -> str:
    """The first house of the second row and its neighbour, as a box in a CRS and its axis order."""
    east, north = city.EAST + np.array([-5.0, 45.0]), city.NORTH + np.array([25.0, 45.0])
    corners = _to_grid(uri).transform(north, east, direction="INVERSE")
    return ",".join(repr(float(corners[axis][end])) for end in (0, 1) for axis in (0, 1))


def test_8_10_a_box_means_the_same_in_every_crs(get: Get, described: dict[str, dict[str, Any]]) -> None:
    """Abstract tests 8, /conf/crs/bbox-crs-parameter, and 10, /conf/crs/bbox-crs-parameter-default."""
    truth = {"2.25.7.2.1.10", "2.25.7.2.1.11"}
    for uri in described["buildings"]["crs"]:
        if uri == CRS84H:
            continue
        asked = get("/collections/buildings/items", bbox=_box(uri), bbox_crs=uri)
        assert {f["id"] for f in asked.json()["features"]} == truth, uri
        assert asked.headers["content-crs"] == f"<{CRS84H}>"  # the box's CRS is not the answer's
    assert {f["id"] for f in get("/collections/buildings/items", bbox=_box(CRS84)).json()["features"]} == truth


def test_9_a_box_in_a_crs_that_is_not_listed_is_refused(get: Get) -> None:
    """Abstract test 9, /conf/crs/bbox-crs-parameter-invalid."""
    for uri in ("http://www.opengis.net/def/crs/EPSG/0/2154", "nonsense"):
        assert get("/collections/plots/items", bbox="119,31,120,32", bbox_crs=uri).status_code == 400


def test_a_box_with_heights_is_in_crs84h_unless_told(get: Get) -> None:
    """18-058r1 requirement 7 with 17-069r4 7.15.3: six numbers."""
    west, south, east, north = _box(CRS84).split(",")
    for low, high, count in ((0, 100, 2), (100, 200, 0)):
        bbox = ",".join((west, south, str(low), east, north, str(high)))
        assert len(get("/collections/buildings/items", bbox=bbox).json()["features"]) == count


# -- transform -------------------------------------------------------------------------------------------------------------------


def test_7_all_crss_mean_the_same_place(get: Get, described: dict[str, dict[str, Any]]) -> None:
    """Abstract test 7, /conf/crs/crs-parameter-transform: the grids agree to a tenth of a millimetre."""
    for slug in COLLECTIONS:
        grids = [
            _in_storage(np.vstack([_positions(f)[:, :2] for f in get(f"/collections/{slug}/items", crs=uri).json()["features"]]), uri)
            for uri in described[slug]["crs"]
            if "EPSG/0/45" in uri
        ]
        for grid in grids[1:]:
            assert np.abs(grid - grids[0]).max() < 1e-4
