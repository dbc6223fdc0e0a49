"""NASA-AMMOS 3d-tiles-renderer on three.js shows the sample city: explicit, implicit and filtered tilesets, meshes, instances, points."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser

from tests.three_page import ThreePage, three_page

pytestmark = pytest.mark.browser

FILTER = "height_m >= 12 AND height_m < 60"
NEAR, AFAR = (-50, 350), (-40, 5_000)
"""Pitch in degrees and range in metres."""
DARK = 40


@dataclass(frozen=True)
class Scene:
    """What a tileset looks like from a place: its picture, and what the client says is shown and lies under some pixels."""

    picture: NDArray[np.uint8]
    shown: dict[str, Any]
    picked: list[dict[str, Any]]


@pytest.fixture(scope="module")
def client(browser: Browser, city_server: httpx.Client) -> Iterator[ThreePage]:
    """The page; whatever it is asked to show, it has nothing to complain of."""
    with three_page(browser, str(city_server.base_url).rstrip("/")) as page:
        assert (page.pixels() < DARK).all(), "nothing is shown yet"
        yield page
        assert page.complaints == []


def seen(page: ThreePage, server: httpx.Client, dataset: str, tileset: str, view: tuple[int, int], picks: int = 12) -> Scene:
    """Look at the middle of a dataset's tileset."""
    west, south, _, east, north, _ = server.get(f"/ogc/collections/{dataset}").json()["extent"]["spatial"]["bbox"][0]
    page.show(tileset)
    page.look_at((west + east) / 2, (south + north) / 2, 10.0, pitch_deg=view[0], range_m=view[1])
    picture = page.pixels()
    lit = np.argwhere(picture.max(axis=2) > DARK)
    picked = [page.pick(x, y) for y, x in lit[:: max(1, len(lit) // picks)].tolist()]
    assert page.page.evaluate("client.failures()") == []
    return Scene(picture, page.shown(), [p for p in picked if p is not None])


def revision(server: httpx.Client, dataset: str) -> int:
    return next(int(d["revision"]) for d in server.get("/api/datasets").json() if d["slug"] == dataset)


def assert_rows_are_those_of_items(server: httpx.Client, dataset: str, scene: Scene) -> None:
    """Every attribute that the client reads of a picked feature is that of its item."""
    layers = server.get("/scene.json").json()["layers"]
    prefix = next(layer["oid_prefix"] for layer in layers if layer["dataset"] == dataset)
    picked = {p["row"]["fid"]: p for p in scene.picked}
    assert len(picked) >= 2
    for fid, feature in picked.items():
        item = server.get(f"/ogc/collections/{dataset}/items/{prefix}{fid}?f=json").json()["properties"]
        for name, value in feature["row"].items():
            if name != "fid":
                assert_same(value, item[name], f"{name} of {fid}")


def assert_same(value: object, held: object, where: str) -> None:
    """Where there is no data, this client says 0, "" or false, as the type has it."""
    if held is None:
        assert not value, where
    else:
        assert value == (pytest.approx(held, rel=1e-6) if isinstance(held, float) else held), where


@pytest.mark.parametrize("tiling", ["tileset", "implicit"])
def test_buildings_are_shown_and_picked_with_their_attributes(tiling: str, client: ThreePage, city_server: httpx.Client) -> None:
    scene = seen(client, city_server, "buildings", f"/tiles/buildings/{revision(city_server, 'buildings')}/{tiling}.json", NEAR)
    assert (scene.picture.max(axis=2) > DARK).mean() > 0.05
    assert scene.shown["classes"].keys() == {"building", "_surface"}
    assert_rows_are_those_of_items(city_server, "buildings", scene)


def test_some_of_the_buildings_are_shown_by_a_filter(client: ThreePage, city_server: httpx.Client) -> None:
    scene = seen(client, city_server, "buildings", f"/tiles/buildings/tileset.json?filter={quote(FILTER)}", NEAR)
    assert all(12 <= picked["row"]["height_m"] < 60 for picked in scene.picked)
    assert_rows_are_those_of_items(city_server, "buildings", scene)


@pytest.mark.slow
def test_instances_of_pipes_are_picked_as_meshes_are(client: ThreePage, city_server: httpx.Client) -> None:
    """Near, one content has straight closed pipes as instances and the others as a mesh."""
    near, afar = (seen(client, city_server, "pipe_segments", "/tiles/pipe_segments/tileset.json", view, picks=120) for view in (NEAR, AFAR))
    assert {picked["instanced"] for picked in near.picked if picked["mixed"]} == {False, True}, near.picked
    assert True in {picked["instanced"] for picked in afar.picked}
    for scene in (near, afar):
        assert_rows_are_those_of_items(city_server, "pipe_segments", scene)


@pytest.mark.slow
def test_points_are_shown_in_their_colours(client: ThreePage, city_server: httpx.Client) -> None:
    scene = seen(client, city_server, "point_clouds", "/tiles/point_clouds/tileset.json", NEAR)
    assert scene.shown["meshes"] >= scene.shown["tiles"] >= 1
    assert (np.ptp(scene.picture.astype(int), axis=2) > 20).any()
