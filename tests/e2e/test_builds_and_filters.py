"""CesiumJS shows a filtered tileset as any other, and the layer panel says how far a build is while it goes on."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

import httpx
import numpy as np
import pytest
from playwright.sync_api import Route, expect

from tests.viewer_page import Viewer

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FILTER = "height_m >= 12 AND height_m < 60"


def test_cesiumjs_shows_some_of_the_buildings_by_a_filter(page: Viewer, city_server: httpx.Client) -> None:
    layers = city_server.get("/scene.json").json()["layers"]
    west, south, _, east, north, _ = city_server.get("/ogc/collections/buildings").json()["extent"]["spatial"]["bbox"][0]
    filtered: list[str] = []

    def some_of_it(route: Route) -> None:
        filtered.append(route.request.url)
        route.continue_(url=f"{route.request.url}?filter={quote(FILTER)}")

    page.page.route(re.compile(r"/tiles/buildings/\d+/tileset\.json$"), some_of_it)
    page.open(f"on=buildings&off={','.join(layer['dataset'] for layer in layers if layer['dataset'] != 'buildings')}&ground=0")
    page.look_at((west + east) / 2, (south + north) / 2, 10.0, pitch_deg=-50, range_m=350)
    coloured = np.argwhere(np.ptp(page.pixels().astype(int), axis=2) > 40)
    picked = [page.ask(f"__twin.pick({x}, {y})") for y, x in coloured[:: max(1, len(coloured) // 12)].tolist()]
    heights = {p["fid"]: p["properties"]["height_m"] for p in picked if p is not None}
    assert len(filtered) == 1
    assert len(heights) >= 3
    assert all(12 <= height < 60 for height in heights.values())
    assert page.complaints == []


def test_the_layer_panel_says_how_far_a_build_is(page: Viewer, city_server: httpx.Client) -> None:
    scene = city_server.get("/scene.json").json()
    (layer,) = [layer for layer in scene["layers"] if layer["dataset"] == "buildings"]
    layer["tileset"]["state"] = "missing"
    progress = {"done": 1_200, "total": 3_000, "per_s": 150.0, "left_s": 11.6}
    event = {"dataset": "buildings", "revision": layer["revision"], "state": "building", "progress": progress}
    page.page.set_viewport_size({"width": 760, "height": 300})
    page.page.route("**/scene.json", lambda route: route.fulfill(json=scene))
    told = ["retry: 500\n\n"]
    page.page.route("**/api/events", lambda route: route.fulfill(body=told[0], content_type="text/event-stream"))
    page.show(f"off={','.join(layer['dataset'] for layer in scene['layers'])}")
    badge = page.page.locator("[data-layer=buildings] .badge")
    expect(badge).to_have_text("等待生成", timeout=30_000)
    told[0] = f"retry: 600000\nevent: asset\ndata: {json.dumps(event)}\n\n"
    expect(badge).to_have_text("正在生成 40 % · 12 s", timeout=30_000)
    page.page.locator("button.language").click()
    expect(badge).to_have_text("building 40 % · 12 s")
