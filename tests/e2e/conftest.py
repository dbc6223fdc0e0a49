"""The sample city, made once for all workers and served by each for itself; a browser for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.served_city import City, free_port
from tests.viewer_page import Viewer, chromium, viewer
from twin.embedded import locks

REPOSITORY = Path(__file__).parents[2]
_HANGS_S = 1800
"""No demo takes so long, whatever else a machine does."""


@pytest.fixture(scope="session")
def demo_city(run_folder: Path) -> City:
    """The demo's city with all its tiles; the first worker makes it."""
    if not (REPOSITORY / "twin" / "viewer" / "dist" / "index.html").is_file():
        pytest.fail("the viewer is not built: `make setup` does it")
    city = City(run_folder / "e2e" / "data")
    city.data_dir.parent.mkdir(mode=0o711, exist_ok=True)
    with locks.exclusive(run_folder / "e2e.lock", deadline_s=_HANGS_S):
        done = city.process("demo", "--check", "--port", free_port(), within_s=_HANGS_S)
        assert done.returncode == 0, done.stderr
    return city


@pytest.fixture(scope="session")
def city_server(demo_city: City) -> Iterator[httpx.Client]:
    """A client of the served sample city; its base URL is where the viewer is."""
    with demo_city.served() as client:
        yield client


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """The one driver of browsers a process can have."""
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Chromium with WebGL by software."""
    with chromium(playwright) as running:
        yield running


@pytest.fixture
def page(browser: Browser, city_server: httpx.Client) -> Iterator[Viewer]:
    """An empty page that goes to the sample city, in Chinese."""
    with viewer(browser, str(city_server.base_url).rstrip("/")) as opened:
        yield opened
