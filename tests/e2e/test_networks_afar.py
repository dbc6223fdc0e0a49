"""From afar CesiumJS shows a network by instances: in the colours of its media, each to be picked as the pipe it is part of."""

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
        told = {len(p["properties"]) for p in found}
        assert min(told) == 2 if name == "afar" else min(told) > 4
    assert page.complaints == []
