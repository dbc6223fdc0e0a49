"""A page of three.js with NASA-AMMOS 3d-tiles-renderer (tests/node/three_client.mjs), opened beside the server whose tiles it shows."""

from __future__ import annotations

import json
import mimetypes
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from playwright.sync_api import Browser, ConsoleMessage, Page, Route
from rasterio.errors import NotGeoreferencedWarning

from tests.tile_readers import SCRIPTS
from tests.viewer_page import READY_S, SIZE

_FOLDER = "/three/"
_IMPORTS = {
    "three": "node_modules/three/build/three.module.js",
    "three/addons/": "node_modules/three/examples/jsm/",
    "3d-tiles-renderer/three": "node_modules/3d-tiles-renderer/build/index.three.js",
    "3d-tiles-renderer/three/plugins": "node_modules/3d-tiles-renderer/build/index.three-plugins.js",
    "3d-tiles-renderer/core/plugins": "node_modules/3d-tiles-renderer/build/index.core-plugins.js",
}
_PAGE = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><style>body {{ margin: 0; background: black }}</style>
<script type="importmap">{}</script><script type="module" src="three_client.mjs"></script>"""


@dataclass
class ThreePage:
    """One open page, with all that it complained of."""

    page: Page
    base: str
    complaints: list[str] = field(default_factory=list)

    def show(self, tileset: str) -> None:
        """Begin to show the tileset at a path of the server, in place of that before."""
        self.page.evaluate("url => client.show(url)", f"{self.base}{tileset}")

    def look_at(self, lon: float, lat: float, height_m: float, *, pitch_deg: float, range_m: float) -> None:
        """Put the camera before a place and wait until all that is to be seen is shown."""
        self.page.evaluate("view => client.lookAt(...view)", [lon, lat, height_m, pitch_deg, range_m])
        try:
            self.page.wait_for_function("client.ready()", timeout=READY_S * 1000)
        except Exception as error:
            raise AssertionError(f"never complete: {self.page.evaluate('client.state()')} {self.complaints}") from error

    def shown(self) -> dict[str, Any]:
        """Return how many tiles and meshes are drawn, and the classes of their property tables."""
        return dict(self.page.evaluate("client.shown()"))

    def pick(self, x: int, y: int) -> dict[str, Any] | None:
        """Return what lies under a pixel: class and row of its property table."""
        found = self.page.evaluate("at => client.pick(...at)", [x, y])
        return None if found is None else dict(found)

    def pixels(self) -> NDArray[np.uint8]:
        """Return the picture, (height, width, 3)."""
        png = self.page.screenshot()
        with (
            warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning),
            rasterio.MemoryFile(png) as memory,
            memory.open() as picture,
        ):
            return np.moveaxis(picture.read((1, 2, 3)), 0, 2)


@contextmanager
def three_page(browser: Browser, base: str) -> Iterator[ThreePage]:
    """Open the page for the block; it lies on the server's own address, as a client does that the server gives away."""
    if not (SCRIPTS / "node_modules" / "3d-tiles-renderer").is_dir():
        pytest.skip("tests/node has no 3d-tiles-renderer: run npm ci there")
    width, height = SIZE
    context = browser.new_context(viewport={"width": width, "height": height})
    page = context.new_page()
    opened = ThreePage(page, base)
    page.route(f"{base}{_FOLDER}**", _answer)
    page.on("requestfailed", lambda request: opened.complaints.append(f"{request.url} {request.failure}"))
    page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    page.on("console", lambda message: opened.complaints.append(message.text) if is_complaint(message) else None)
    page.goto(f"{base}{_FOLDER}")
    page.wait_for_function("window.client", timeout=READY_S * 1000)
    yield opened
    context.close()


def is_complaint(message: ConsoleMessage) -> bool:
    """Return whether the client complains of something: not of itself, which it does of every tileset of 3D Tiles 1.1."""
    return message.type in ("error", "warning") and "1.1 or higher have limited support" not in message.text


def _answer(route: Route) -> None:
    name = urlsplit(route.request.url).path.removeprefix(_FOLDER)
    if name == "":
        imports = {module: f"{_FOLDER}{path}" for module, path in _IMPORTS.items()}
        route.fulfill(body=_PAGE.format(json.dumps({"imports": imports})), content_type="text/html")
        return
    file = SCRIPTS / name
    kind = "text/javascript" if file.suffix == ".mjs" else mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    route.fulfill(path=file, content_type=kind)
