"""The viewer in a real headless Chromium, asked through the page itself and through ``window.__twin`` (twin/viewer/src/debug.ts)."""

from __future__ import annotations

import shutil
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, Playwright, Request
from rasterio.errors import NotGeoreferencedWarning

# WebGL 2 by SwiftShader: no graphics card is needed.
FLAGS = (
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-dev-shm-usage",
)
SIZE = (640, 360)
READY_S = 120.0


@contextmanager
def chromium(playwright: Playwright, *flags: str) -> Iterator[Browser]:
    """Run the distribution's Chromium for the block."""
    path = shutil.which("chromium")
    if path is None:
        pytest.fail("Chromium is not installed: `make setup-test` does it")
    browser = playwright.chromium.launch(executable_path=path, args=[*(flags or FLAGS)])
    yield browser
    browser.close()


@dataclass
class Viewer:
    """One open page of the viewer, with all that it asked for and complained of."""

    page: Page
    base: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, view: str = "") -> Viewer:
        """Go to the page with a view (the URL hash) and wait until its picture is complete."""
        self.show(view)
        self.wait_complete()
        return self

    def show(self, view: str = "") -> None:
        """Go to the page with a view and wait for nothing."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.base}/?msaa=1#{view}")

    def ask(self, expression: str) -> Any:
        """Return what an expression gives in the page (through the debugger: the page's policy forbids eval)."""
        return self.page.evaluate(expression)

    def wait_complete(self) -> None:
        """Return once nothing more is on its way for the present view."""
        self.wait_for("window.__twin && window.__twin.ready()", "window.__twin && window.__twin.pending()")

    def wait_for(self, condition: str, state: str = "null") -> None:
        """Return once ``condition`` holds in the page; fails with what ``state`` gives when it never does."""
        end = time.monotonic() + READY_S
        while not self.ask(f"!!({condition})"):
            if time.monotonic() > end:
                raise AssertionError(f"{condition}: never, {self.ask(state)}: {self.complaints}")
            self.page.wait_for_timeout(100)

    def look_at(self, lon: float, lat: float, height_m: float, *, pitch_deg: float, range_m: float) -> None:
        """Put the camera before a place and wait for the picture."""
        self.ask(f"__twin.lookAt({lon}, {lat}, {height_m}, 0, {pitch_deg}, {range_m})")
        self.wait_complete()

    def pixels(self) -> NDArray[np.uint8]:
        """Return the picture without its panels, (height, width, 3)."""
        self.ask("() => { document.getElementById('chrome').style.visibility = 'hidden' }")
        try:
            png = self.page.screenshot()
        finally:
            self.ask("() => { document.getElementById('chrome').style.visibility = '' }")
        return decoded(png)

    def click(self, x: float, y: float) -> None:
        """Click into the picture itself, whatever panel lies over it on so small a screen."""
        self.ask("() => { document.getElementById('chrome').style.display = 'none' }")
        try:
            self.page.mouse.click(x, y)
        finally:
            self.ask("() => { document.getElementById('chrome').style.display = '' }")

    def attribute(self, name: str) -> str:
        """Return the text of one row of the attribute panel, title and value."""
        return self.page.locator(f"[data-attribute={name}]").inner_text().replace("\n", " ")


def decoded(png: bytes) -> NDArray[np.uint8]:
    """Return a screenshot, (height, width, 3)."""
    with (
        warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning),
        rasterio.MemoryFile(png) as memory,
        memory.open() as picture,
    ):
        return np.moveaxis(picture.read((1, 2, 3)), 0, 2)


def ended(request: Request) -> bool:
    """Return whether a request failed only because its page was left: a stream of events ends no other way."""
    return request.url.endswith("/api/events") and request.failure == "net::ERR_ABORTED"


@contextmanager
def viewer(browser: Browser, base: str, language: str = "zh-CN") -> Iterator[Viewer]:
    """Open an empty page in a browser of its own user for the block."""
    width, height = SIZE
    context = browser.new_context(viewport={"width": width, "height": height}, locale=language)
    page = context.new_page()
    page.set_default_timeout(READY_S * 1000)
    opened = Viewer(page, base)
    page.on("request", lambda request: opened.requests.append(request.url))
    page.on("requestfailed", lambda request: opened.complaints.append(f"{request.url} {request.failure}") if not ended(request) else None)
    page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    page.on("console", lambda message: opened.complaints.append(message.text) if message.type in ("error", "warning") else None)
    yield opened
    context.close()
