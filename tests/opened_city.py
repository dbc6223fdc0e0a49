"""A city opened in this process, in the database of one test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from ingest.load import CheckResult, LoadResult, check
from ingest.request import LoadRequest, PartSpec
from tests.event_loop import run_alone
from tests.reading import shared_template
from twin.server.app import create_app
from twin.server.city import City, make_city, open_city
from twin.server.city_file import CityFile
from twin.server.loading import load_files, workplace
from twin.server.settings import read_settings


@contextmanager
def opened_city(
    database_url: str, data_dir: Path, srid: int, extent_deg: tuple[float, float, float, float] | None = None
) -> Iterator[City]:
    """Have a new city with EGM96 heights for the block."""
    data_dir.mkdir(exist_ok=True)
    settings = read_settings({"TWIN_DATABASE_URL": database_url}, data_dir=data_dir)
    make_city(settings, CityFile("测试", srid, "egm96", extent_deg, None))
    with open_city(settings, template=shared_template()) as city:
        yield city


def request(path: Path, *parts: tuple[str | None, str, str], crs: str | None = None, **more: Any) -> LoadRequest:
    """Return the request to load (layer, FeatureType, dataset) out of a file."""
    return LoadRequest(files=(path,), parts=tuple(PartSpec(*part) for part in parts), crs=crs, **more)


def load(city: City, asked: LoadRequest) -> LoadResult:
    """Load and publish."""
    return load_files(city, asked, lambda *_: None)


def look(city: City, asked: LoadRequest) -> CheckResult:
    """Check only."""
    return check(workplace(city, lambda *_: None), asked)


def get(city: City, *paths: str, headers: Mapping[str, str] | None = None) -> list[httpx.Response]:
    """Return the answers of the city's whole application, in order."""

    async def ask() -> list[httpx.Response]:
        app = create_app(city)
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://twin")
        async with app.router.lifespan_context(app), client:
            return [await client.get(path, headers=headers) for path in paths]

    return run_alone(ask())
