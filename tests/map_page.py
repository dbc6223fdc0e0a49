"""A page with OpenLayers and MapLibre (tests/node/map_client.mjs), opened beside the server whose services they read."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.tile_readers import SCRIPTS
from tests.viewer_page import READY_S, SIZE

_FOLDER = "/maps/"
_PACKAGES = SCRIPTS / "tools" / "node_modules"
_FILES = {
    "ol.js": _PACKAGES / "ol" / "dist" / "ol.js",
    "pmtiles.js": _PACKAGES / "pmtiles" / "dist" / "pmtiles.js",
    "map_client.mjs": SCRIPTS / "map_client.mjs",
}
_IMPORTS = {"maplibre-gl": f"{_FOLDER}maplibre-gl/maplibre-gl.mjs"}
_PAGE = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
<style>body {{ margin: 0 }} #map {{ position: absolute; inset: 0 }} .ol-viewport, .maplibregl-map {{ width: 100%; height: 100% }}</style>
<div id="map"></div><script src="ol.js"></script><script src="pmtiles.js"></script>
<script type="importmap">{}</script><script type="module" src="map_client.mjs"></script>"""


@dataclass
class MapPage:
    """One open page, with all that it complained of."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def ask(self, function: str, *arguments: object) -> Any:
        """Return what a function of ``window.client`` gives; fails with the page's complaints when it never does."""
        try:
            return self.page.evaluate(f"given => client.{function}(...given)", list(arguments))
        except Exception as error:
            raise AssertionError(f"{function}: {error} {self.complaints}") from error


@contextmanager
def map_page(browser: Browser, base: str) -> Iterator[MapPage]:
    """Open the page for the block; it lies on the server's own address, and nothing comes from elsewhere."""
    if not (_PACKAGES / "ol").is_dir() or not (_PACKAGES / "maplibre-gl").is_dir():
        pytest.skip("tests/node/tools has no OpenLayers and MapLibre: run npm ci there")
    width, height = SIZE
    context = browser.new_context(viewport={"width": width, "height": height})
    context.set_default_timeout(READY_S * 1000)
    page = context.new_page()
    opened = MapPage(page)
    page.route(f"{base}{_FOLDER}**", _answer)
    page.on("requestfailed", lambda request: opened.complaints.append(f"{request.url} {request.failure}"))
    page.on("response", lambda response: opened.complaints.append(f"{response.status} {response.url}") if response.status >= 400 else None)
    page.on("request", lambda request: None if request.url.startswith((base, "blob:", "data:")) else opened.complaints.append(request.url))
    page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    page.goto(f"{base}{_FOLDER}")
    page.wait_for_function("window.client", timeout=READY_S * 1000)
    yield opened
    context.close()


def _answer(route: Route) -> None:
    name = urlsplit(route.request.url).path.removeprefix(_FOLDER)
    if name == "":
        route.fulfill(body=_PAGE.format(json.dumps({"imports": _IMPORTS})), content_type="text/html")
        return
    file = _FILES.get(name) or _PACKAGES / "maplibre-gl" / "dist" / name.removeprefix("maplibre-gl/")
    kind = "text/javascript" if file.suffix in {".js", ".mjs"} else mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    route.fulfill(path=file, content_type=kind)
