"""Collections appear, change and go in every worker within a second of publishing, without a restart (issue 6.7)."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import ogc_server
import pytest
import query_city as city
import served_city

from twin.catalogue import Catalogue
from twin.db import open_pool
from twin.embedded import EmbeddedCluster

WITHIN_S = 1.0


@pytest.fixture(scope="module")
def database(cluster: EmbeddedCluster, template: str) -> Iterator[str]:
    with city.clone_of(template, cluster.dsn) as url:
        yield url


def test_two_doors_with_catalogues_of_their_own_see_what_is_published(database: str) -> None:
    writer = city.small_city(database)
    others = [Catalogue(open_pool(database, size=2)) for _ in range(2)]
    with (
        ogc_server.served(others[0], database) as first,
        ogc_server.served(others[1], database) as second,
        httpx.Client(timeout=60) as client,
    ):

        def everywhere(holds: Callable[[str], bool]) -> bool:
            return all(holds(base) for base in (first, second))

        def listed(base: str) -> set[str]:
            return {c["id"] for c in client.get(f"{base}/collections").json()["collections"]}

        assert everywhere(lambda base: "new_houses" not in listed(base))
        city.publish_first(writer, "new_houses", "building", [city.Row(1, city.square(0, 0, z=1.0), {"building_id": "N1"})])
        # whoever was told of it may ask at once: a collection that is not known is looked for before it is denied
        assert everywhere(lambda base: client.get(f"{base}/collections/new_houses/items").status_code == 200)
        time.sleep(WITHIN_S)
        assert everywhere(lambda base: "new_houses" in listed(base))
        city.publish_change(writer, "new_houses", [city.Row(2, city.square(30, 0, z=1.0), {"building_id": "N2"})])
        assert everywhere(lambda base: len(client.get(f"{base}/collections/new_houses/items").json()["features"]) == 2)
        time.sleep(WITHIN_S)
        assert everywhere(lambda base: client.get(f"{base}/collections/new_houses").json()["count"] == 2)
        with writer.pool.connection() as connection:
            connection.execute("UPDATE catalog.dataset SET sharing = 'restricted' WHERE slug = 'new_houses'")
        time.sleep(WITHIN_S)
        assert everywhere(lambda base: "new_houses" not in listed(base))
        assert everywhere(lambda base: client.get(f"{base}/collections/new_houses/items").status_code == 404)
    for catalogue in (writer, *others):
        catalogue.pool.close()


@pytest.mark.slow
def test_several_processes_serve_one_city_on_one_socket(open_folder: Path) -> None:
    made = served_city.make(open_folder)
    with made.served(("serve", "--workers", "2")) as client:
        base = str(client.base_url)
        processes = _children(made)
        assert len(processes["serve"]) == 2
        assert len(processes["worker"]) == 1
        for _ in range(20):
            with httpx.Client(timeout=60) as fresh:
                assert fresh.get(f"{base}/ogc/collections").status_code == 200
        assert _served_in_all(base) >= 20
        os.kill(processes["serve"][0], signal.SIGKILL)
        for _ in range(20):  # the other one goes on, and a new one comes
            with httpx.Client(timeout=60) as fresh:
                assert fresh.get(f"{base}/ogc/collections").status_code == 200
        _soon_within(60, lambda: len(_children(made)["serve"]) == 2 and processes["serve"][0] not in _children(made)["serve"])
    assert not any(_children(made).values())


@pytest.mark.slow
def test_what_is_loaded_is_in_every_process_within_a_second(open_folder: Path) -> None:
    """Each process is asked alone, while the others are stopped: a socket that all share does not say who answers."""
    made = served_city.make(open_folder)
    with made.served(("serve", "--workers", "3")) as client:

        def everywhere(path: str) -> list[dict[str, Any]]:
            answers = []
            for number in _children(made)["serve"]:
                with _stopped(*(other for other in _children(made)["serve"] if other != number)):
                    answers.append(httpx.get(f"{client.base_url}/ogc/{path}", timeout=60).json())
            return answers

        def published(count: int) -> int:
            file = open_folder / "houses.geojson"
            file.write_text(json.dumps({"type": "FeatureCollection", "features": [_house(i) for i in range(count)]}), "utf-8")
            said = made.run("load", file, "--type", "building", "--dataset", "houses", "--mode", "replace")
            time.sleep(WITHIN_S)
            return int(said["commit"])

        assert [answer["code"] for answer in everywhere("collections/houses/items")] == ["not-found"] * 3
        first = published(3)
        assert ["houses" in [c["id"] for c in answer["collections"]] for answer in everywhere("collections")] == [True] * 3
        assert [(len(a["features"]), a["commit"]) for a in everywhere("collections/houses/items")] == [(3, first)] * 3
        second = published(4)
        assert [(len(a["features"]), a["commit"]) for a in everywhere("collections/houses/items")] == [(4, second)] * 3
        assert [answer["count"] for answer in everywhere("collections/houses")] == [4] * 3


def _house(number: int) -> dict[str, Any]:
    x, y = 119.974 + number * 0.001, 31.811
    ring = [[x, y], [x + 0.0003, y], [x + 0.0003, y + 0.0002], [x, y + 0.0002], [x, y]]
    properties = {"building_id": f"B{number}", "height_m": 10 + number}
    return {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": properties}


@contextmanager
def _stopped(*processes: int) -> Iterator[None]:
    """Have processes stand still for the block."""
    for number in processes:
        os.kill(number, signal.SIGSTOP)
    try:
        yield
    finally:
        for number in processes:
            os.kill(number, signal.SIGCONT)


def _children(made: served_city.City) -> dict[str, list[int]]:
    """The processes of a served city by what they do, the one that was started left out."""
    found: dict[str, list[int]] = {"serve": [], "worker": []}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if str(made.data_dir) in words and ("--listening" in words or "--with-parent" in words):
            found["serve" if "--listening" in words else "worker"].append(int(folder.name))
    return found


def _served_in_all(base: str) -> float:
    lines = httpx.get(f"{base}/metrics", timeout=60).text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("twin_requests_total{") and "/ogc/collections" in line)


def _soon_within(seconds: float, holds: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "never"
        time.sleep(0.2)
