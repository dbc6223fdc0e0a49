"""What may be built on a plot: a translucent solid of the plot's area and limit, from the ground it is counted from."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
import shapely

from tests.mesh_oracles import open_edges
from tests.tile_features import feature_type, features, field, numbers, to_geocentric
from tiles.build import TilesetTarget, build_tileset
from tiles.checker import check_tileset
from tiles.columns import FeatureColumns
from tiles.memory_store import MemoryStore
from tiles.mesh.batch import LeftOut
from tiles.recipes import recipe_for
from tiles.wkb import read_wkb

PLOT = shapely.Polygon([(480_000, 3_510_000), (480_080, 3_510_000), (480_080, 3_510_050), (480_030, 3_510_070), (480_000, 3_510_050)])
PLAN = feature_type(
    "plan_plot",
    "MultiPolygon",
    "envelope",
    {"base": "base_height_m", "height": "height_max_m"},
    (field("height_max_m", "number", "建筑限高", "m"), field("base_height_m", "number", "起算高程", "m")),
)


def plots() -> FeatureColumns:
    """Return a flat plot (2D) of 24 m, one without a limit and one of a limit nobody means."""
    return features(
        [shapely.MultiPolygon([PLOT])] * 3, {"height_max_m": numbers([24.0, None, 9999.0]), "base_height_m": numbers([12.5, 12.5, 12.5])}
    )


def test_an_envelope_is_the_closed_volume_below_the_limit() -> None:
    run = plots()
    recipe = recipe_for(PLAN, run)
    mesh = recipe.mesh(read_wkb(run.wkb, run.wkb_offsets), np.arange(3))
    assert [LeftOut(reason).name for reason in mesh.left_out.tolist()] == ["DRAWN", "HEIGHT_MISSING", "HEIGHT_ABSURD"]
    assert open_edges(mesh) == 0
    assert (mesh.positions[:, 2].min(), mesh.positions[:, 2].max()) == (12.5, 36.5)
    a, b, c = (mesh.positions[mesh.triangles[:, k]] - mesh.positions[0] for k in range(3))
    assert np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6 == pytest.approx(24 * PLOT.area)


def test_envelopes_are_translucent_tiles_without_fault() -> None:
    store = MemoryStore()
    summary = build_tileset([plots()], PLAN, to_geocentric, TilesetTarget("plots", 1, "open", "2.25.0."), store)
    assert (summary.features, summary.drawn) == (3, 1)
    files = {key.replace("tiles/plots/open/r/1/", "1/").removeprefix("tiles/plots/"): value for key, value in store.items()}
    assert check_tileset(files.__getitem__, "1/tileset.json") == []
    (glb,) = (value for key, value in store.items() if key.endswith(".glb"))
    document = json.loads(glb[20 : 20 + struct.unpack_from("<I", glb, 12)[0]])
    (material,) = document["materials"]
    assert material["alphaMode"] == "BLEND"
    assert 0 < material["pbrMetallicRoughness"]["baseColorFactor"][3] < 1
