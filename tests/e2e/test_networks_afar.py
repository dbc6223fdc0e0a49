"""CesiumJS shows a network by instances, near some and from afar all: in the colours of its media, each picked as what it is part of."""

from __future__ import annotations

import httpx
import numpy as np
import pytest

from tests.viewer_page import Viewer

pytestmark = pytest.mark.browser

VIEWS = {"near": 300, "afar": 6_000}
"""Range in metres."""


@pytest.mark.parametrize("dataset", ["pipe_segments", "pipe_nodes"])
def test_instances_are_coloured_and_picked_as_their_features(dataset: str, page: Viewer, city_server: httpx.Client) -> None:
    layers = city_server.get("/scene.json").json()["layers"]
    west, south, _, east, north, _ = city_server.get(f"/ogc/collections/{dataset}").json()["extent"]["spatial"]["bbox"][0]
    prefix = next(layer["oid_prefix"] for layer in layers if layer["dataset"] == dataset)
    off = ",".join(layer["dataset"] for layer in layers if layer["dataset"] != dataset)
    page.open(f"on={dataset}&off={off}&ground=0")
    for name, range_m in VIEWS.items():
        page.look_at((west + east) / 2, (south + north) / 2, 5.0, pitch_deg=-45, range_m=range_m)
        picture = page.pixels().astype(int)
        coloured = np.argwhere(np.ptp(picture, axis=2) > 60)
        picked = [page.ask(f"__twin.pick({x}, {y})") for y, x in coloured[:: max(1, len(coloured) // 40)].tolist()]
        found = [p for p in picked if p and p["dataset"] == dataset]
        assert len(found) > 3, (name, len(coloured))
        assert len({p["fid"] for p in found}) > 1
        if (dataset, name) == ("pipe_segments", "near"):
            assert any(is_instance(city_server, f"{prefix}{fid}") for fid in {p["fid"] for p in found})
        told = {len(p["properties"]) for p in found}
        assert min(told) == 2 if name == "afar" else min(told) > 4
    assert page.complaints == []


def is_instance(server: httpx.Client, feature: str) -> bool:
    """Return whether a pipe is of those that are instances near, too: from point to point, round, nothing open at its ends, not upright."""
    item = server.get(f"/ogc/collections/pipe_segments/items/{feature}?f=json").json()
    (start, end), pipe = (item["geometry"]["coordinates"] * 2)[:2], item["properties"]
    is_straight = len(item["geometry"]["coordinates"]) == 2 and start[:2] != end[:2]
    return bool(is_straight and pipe["section_shape"] in (None, "round") and pipe["outer_diameter_mm"] and pipe["z_reference"] != "invert")
