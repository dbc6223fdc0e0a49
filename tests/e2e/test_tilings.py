"""CesiumJS shows the same of a city by its explicit and by its implicit tileset, from near and from afar."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Route

from tests.tile_features import BUILDING, buildings, to_geocentric
from tests.viewer_page import Viewer, viewer
from tiles.build import BuildOptions, TilesetTarget, build_tileset
from tiles.checker.__main__ import dataset_reader
from tiles.memory_store import MemoryStore
from tiles.tiling import Budget
from twin.model import Style

pytestmark = pytest.mark.browser

COUNT = 900
PLACE = (119.9731, 31.8160)
"""In the middle of the buildings."""
VIEWS = {"near": (-35, 250), "between": (-25, 1_600), "afar": (-30, 8_000)}
"""Pitch in degrees and range in metres."""


@pytest.fixture(scope="module")
def read() -> Callable[[str], bytes]:
    """The files of a deep tree: subtrees below the first, blocks above the leaves."""
    store = MemoryStore()
    target = TilesetTarget("b", 3, "open", "2.25.1.2.1.")
    coloured = replace(BUILDING, style=Style("usage", "#ffffff", (), {}))
    build_tileset([buildings(COUNT)], coloured, to_geocentric, target, store, options=BuildOptions(budget=Budget(600, 8_000)))
    assert sum("/s/" in key for key in store) > 1
    return dataset_reader(lambda key: store[f"tiles/b/{key}"])


@pytest.fixture(scope="module")
def shown(browser: Browser, city_server: httpx.Client, read: Callable[[str], bytes]) -> Iterator[dict[str, dict[str, Any]]]:
    """What each tiling shows from each view: counts, what lies under some pixels, and the picture."""
    with viewer(browser, str(city_server.base_url).rstrip("/")) as page:
        yield {tiling: dict(_seen(page, tiling, read)) for tiling in ("tileset", "implicit")}


def _seen(page: Viewer, tiling: str, read: Callable[[str], bytes]) -> Iterator[tuple[str, Any]]:
    def answer(route: Route) -> None:
        path = re.sub(r"^.*/tiles/buildings/(\d+/)?", lambda m: "3/" if m[1] else "", route.request.url)
        route.fulfill(body=read(f"3/{tiling}.json@open" if path.endswith("/tileset.json") else path))

    page.page.unroute("**/tiles/buildings/**")
    page.page.route("**/tiles/buildings/**", answer)
    page.requests.clear()
    page.open(f"on=buildings&off={','.join(_others(page))}")
    for name, (pitch_deg, range_m) in VIEWS.items():
        page.look_at(*PLACE, 10, pitch_deg=pitch_deg, range_m=range_m)
        statistics = page.ask("__twin.statistics()")["buildings"]
        picks = [page.ask(f"__twin.pick({x}, {y})") for x, y in ((320, 180), (250, 190), (400, 170), (320, 260))]
        yield name, (statistics, [pick and pick["fid"] for pick in picks], page.pixels())
    yield "requests", [url for url in page.requests if "/tiles/buildings/" in url]
    yield "complaints", list(page.complaints)


def _others(page: Viewer) -> list[str]:
    layers = httpx.get(f"{page.base}/scene.json", timeout=60).json()["layers"]
    return [layer["dataset"] for layer in layers if layer["dataset"] != "buildings"]


@pytest.mark.parametrize("view", VIEWS)
def test_both_tilings_show_the_same(view: str, shown: dict[str, dict[str, Any]]) -> None:
    explicit, implicit = shown["tileset"][view], shown["implicit"][view]
    assert explicit[0] == implicit[0]
    assert explicit[0]["featuresSelected"] > 0
    assert explicit[1] == implicit[1]
    differ = np.abs(explicit[2].astype(int) - implicit[2]).max(axis=2) > 30
    assert differ.mean() < 0.002


def test_the_implicit_tiling_was_asked_for_by_its_templates(shown: dict[str, dict[str, Any]]) -> None:
    requests = shown["implicit"]["requests"]
    assert any(url.endswith("/i/0/0/0.subtree") for url in requests)
    assert any(re.search(r"/i/5/\d+/\d+\.subtree$", url) for url in requests)
    assert not any("/open/c/" in url for url in requests)
    assert shown["tileset"]["complaints"] == shown["implicit"]["complaints"] == []


def test_from_afar_the_city_is_blocks_and_from_near_buildings(shown: dict[str, dict[str, Any]]) -> None:
    near, afar = shown["implicit"]["near"], shown["implicit"]["afar"]
    assert any(fid is not None for fid in near[1])
    assert afar[0]["featuresSelected"] < COUNT
    assert afar[1] == [None] * 4
    assert _coloured(afar[2]) > 50


def _coloured(picture: NDArray[np.uint8]) -> int:
    """Return how many pixels have a colour of their own."""
    return int((np.ptp(picture.astype(int), axis=2) > 40).sum())
