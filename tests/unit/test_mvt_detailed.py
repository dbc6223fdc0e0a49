"""Large areas that GEOS refuses at first are drawn where they are: streets with blocks on the edge, rivers not valid once simplified."""

from __future__ import annotations

import struct

import mapbox_vector_tile
import numpy as np
import pytest
import shapely
from shapely.geometry import shape

from twin.mvt.detailed import cut_detailed
from twin.mvt.layer import Layer, LayerFrame, encode_layer
from twin.mvt.soundness import MOST_PAIRS

BOX = shapely.box(-64, -64, 4160, 4160)


def _layer(area: shapely.Geometry) -> Layer:
    """Draw one record as record_send writes it (PostgreSQL: src/backend/utils/adt/rowtypes.c)."""
    fields = [(20, struct.pack(">q", 1)), (16, b"\0"), (17_000, shapely.to_wkb(area, byte_order=1))]
    sent = b"".join(struct.pack(">Ii", kind, len(content)) + content for kind, content in fields)
    return encode_layer([struct.pack(">I", 3) + sent], LayerFrame("layer", (), 4096, 64, (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)))


def _found(layer: Layer) -> shapely.Geometry:
    (feature,) = mapbox_vector_tile.decode(layer.content, default_options={"y_coord_down": True})["layer"]["features"]
    return shape(feature["geometry"])


def _streets(seed: int, width: float, offset: float) -> shapely.Geometry:
    """Return the streets of 13 × 13 blocks as one area, somewhat beyond the tile."""
    rng, count, steps = np.random.default_rng(seed), 14, np.linspace(0, 1, 12)[:, None]
    along = offset + 4000 * np.arange(count) / (count - 1)
    corners = np.stack(np.meshgrid(along, along, indexing="ij"), -1) + rng.normal(0, 40, (count, count, 2))

    def street(start: np.ndarray, end: np.ndarray) -> shapely.LineString:
        bends = start + (end - start) * steps
        bends[1:-1] += rng.normal(0, 6, (10, 2))
        return shapely.LineString(bends)

    middles = []
    for i in range(count):
        for j in range(count):
            if i + 1 < count:
                middles.append(street(corners[i, j], corners[i + 1, j]))
            if j + 1 < count:
                middles.append(street(corners[i, j], corners[i, j + 1]))
    return shapely.union_all(shapely.buffer(middles, width / 2))


def _simplified(area: shapely.Polygon, tolerance: float) -> shapely.Polygon:
    """Return what ST_Simplify makes of an area: each ring by itself, valid or not."""
    rings = [shapely.simplify(shapely.LineString(ring.coords), tolerance, preserve_topology=False).coords for ring in area.interiors]
    exterior = shapely.simplify(shapely.LineString(area.exterior.coords), tolerance, preserve_topology=False)
    return shapely.Polygon(exterior.coords, [ring for ring in rings if len(ring) > 3])


def _river(seed: int, width: float) -> shapely.Polygon:
    rng, steps = np.random.default_rng(seed), np.linspace(0, 1, 6000)
    waves = (rng.normal() * np.cos(2 * np.pi * k * steps + rng.uniform(0, 6.28)) * 60 / k**0.5 for k in range(1, 120))
    return shapely.LineString(np.column_stack([100 + 5900 * steps, 2048 + sum(waves)])).buffer(width / 2)


def _swapped(vertices: int) -> shapely.Polygon:
    """Return an isle with two vertices in the wrong order."""
    angles = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    radii = 1500 + 400 * np.sin(7 * angles) + 30 * np.random.default_rng(5).uniform(0, 1, vertices)
    places = 2048 + np.column_stack([radii * np.cos(angles), radii * np.sin(angles)])
    places[[500, 503]] = places[[503, 500]]
    return shapely.Polygon(places)


def _is_drawn_as_it_is(area: shapely.Geometry) -> bool:
    """True when an area is drawn valid, and where it is: every edge may move by half a unit, and what is cut one more time."""
    truth = shapely.intersection(shapely.make_valid(area, method="structure", keep_collapsed=False), BOX)
    layer = _layer(area)
    found = _found(layer)
    assert layer.left_out == 0
    return bool(
        found.is_valid and BOX.covers(shapely.box(*found.bounds)) and found.symmetric_difference(truth).area <= 0.3 * truth.length + 2
    )


@pytest.mark.parametrize(
    ("seed", "offset", "width"),
    [(1, 500, 8), (2, 500, 15), (3, 800, 15), (5, 800, 8), (6, 1100, 15), (7, 1100, 15), (8, 1100, 4), (10, 800, 4)],
)
def test_streets_with_blocks_across_the_edge_of_the_tile_are_drawn(seed: int, offset: float, width: float) -> None:
    # GEOS refuses what the cut makes of the blocks on the edge: "side location conflict".
    area = _streets(seed, width, offset)
    assert area.is_valid
    assert _is_drawn_as_it_is(area)


@pytest.mark.parametrize(
    "area",
    [
        pytest.param(_simplified(_river(0, 0.6), 1.0), id="a narrow river"),
        pytest.param(_simplified(_streets(1, 0.5, 800), 1.0), id="narrow streets"),
        pytest.param(_swapped(2000), id="two vertices in the wrong order"),
    ],
)
def test_a_large_area_that_is_not_valid_is_made_so_and_drawn(area: shapely.Polygon) -> None:
    assert not area.is_valid
    assert _is_drawn_as_it_is(area)


def test_a_scribble_that_would_keep_geos_for_long_is_left_out_and_counted() -> None:
    # GEOS takes some 12 µs a crossing, with nothing to interrupt it: of 1,000 edges 1.3 s, and these have nine times as many.
    scribble = shapely.Polygon(np.random.default_rng(2).uniform(-500, 4500, (3000, 2)))
    wkb = np.frombuffer(bytearray(shapely.to_wkb(scribble, byte_order=1)), np.uint8)
    _, cost = cut_detailed(wkb, 0, wkb.size, np.array([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]), -64, 4160)
    assert cost >= MOST_PAIRS
    assert _layer(scribble) == Layer(b"", 1)
