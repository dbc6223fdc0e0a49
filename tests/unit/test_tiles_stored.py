"""How vertices are stored: grids that keep their accuracy at any width, orders that lose nothing, streams that another decoder reads."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meshoptimizer._loader import lib

from tiles import meshopt
from tiles.stored_vertices import codec_order, quantization_for, stored_positions


def decoded(positions: np.ndarray, accuracy_m: float | None) -> tuple[np.ndarray, float]:
    """What a client has for ``positions`` after the node's translation and scale, and the error it was promised."""
    grid = quantization_for(positions, accuracy_m)
    order = codec_order(np.arange(len(positions) // 3 * 3, dtype=np.uint32).reshape(-1, 3), len(positions), None)
    stored = stored_positions(positions, order, grid)
    numbers = stored[:, :3].astype(np.float64)
    if grid.is_wide and grid.step_m is not None:
        stream = meshopt.encode_vertices(meshopt.exponential(stored.astype(np.float32), grid.step_m))
        raw = meshopt.decode(stream, "ATTRIBUTES", len(stored), 12, "EXPONENTIAL")
        numbers = np.frombuffer(raw, np.float32).reshape(-1, 3).astype(np.float64)
        np.testing.assert_array_equal(numbers, stored)
    elif grid.step_m is not None:
        numbers *= grid.step_m
    return numbers + grid.origin, grid.error_m


@pytest.mark.parametrize("width_m", [0.0, 1.0, 327.0, 329.0, 5_000.0, 32_000.0, 60_000.0, 500_000.0])
@pytest.mark.parametrize("accuracy_m", [0.005, 0.05, None])
def test_a_position_comes_back_within_what_was_promised(width_m: float, accuracy_m: float | None) -> None:
    rng = np.random.default_rng(int(width_m))
    positions = rng.uniform(-width_m / 2, width_m / 2, (300, 3)) + np.array([12.3456789, -7.0, 3.0])
    back, promised = decoded(positions, accuracy_m)
    assert np.linalg.norm(back - positions, axis=1).max() <= promised * (1 + 1e-6)
    if accuracy_m is not None and width_m < 30_000:
        assert promised <= accuracy_m


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_the_order_of_storing_moves_no_triangle(seed: int) -> None:
    """The same triangles by place and kind, each starting at the same corner; kinds in one run each; no vertex but those in use."""
    rng = np.random.default_rng(seed)
    triangles = rng.integers(0, 60, (rng.integers(1, 80), 3)).astype(np.uint32)
    kind_of_triangle = rng.integers(0, 4, len(triangles)).astype(np.uint8)
    # As in a mesh of faces: a vertex belongs to one kind.
    places = triangles + 60 * kind_of_triangle[:, None].astype(np.uint32)
    kinds = np.repeat(np.arange(4, dtype=np.uint8), 60)
    order = codec_order(places.astype(np.uint32), 240, kinds)
    assert sorted(map(tuple, order.vertices[order.triangles].tolist())) == sorted(map(tuple, places.tolist()))
    assert (np.diff(kinds[order.vertices].astype(int)) >= 0).all()
    assert sorted(order.vertices.tolist()) == np.unique(places).tolist()
    firsts = np.unique(order.triangles.ravel(), return_index=True)[1]
    assert (np.diff(firsts) > 0).all()


def test_the_exponential_filter_is_the_one_the_library_decodes() -> None:
    rows = (np.arange(3 * 500, dtype=np.float32).reshape(-1, 3) * 5_000 + 7) * np.float32(2.0**-8)
    encoded = np.ascontiguousarray(meshopt.exponential(rows, 2.0**-8))
    lib.meshopt_decodeFilterExp(encoded.ctypes.data_as(ctypes.c_void_p), len(rows), 12)
    np.testing.assert_array_equal(encoded.view(np.float32), rows)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_vertex_streams_are_those_of_the_reference_encoder(seed: int) -> None:
    """Byte for byte: of noise, of what rises slowly, of what stays and of differences at the borders of the codec's groups."""
    rng = np.random.default_rng(seed)
    count, width = int(rng.integers(1, 700)), int(rng.integers(1, rng.choice([5, 65])))
    rows = [
        rng.integers(0, 2**32, (count, width)),
        np.cumsum(rng.integers(-20, 21, (count, width)), axis=0) + 2**31,
        np.repeat(rng.integers(0, 2**32, (count // 40 + 1, width)), 40, axis=0)[:count],
        np.cumsum(rng.choice([0, 1, 2, 7, 8, 0x100, 0x1000000], (count, width)), axis=0) & 0xFFFFFFFF,
    ][rng.integers(4)].astype(np.uint32)
    lib.meshopt_encodeVertexVersion(0)
    out = np.empty(lib.meshopt_encodeVertexBufferBound(count, 4 * width), np.uint8)
    pointer = out.ctypes.data_as(ctypes.POINTER(ctypes.c_ubyte))
    size = lib.meshopt_encodeVertexBuffer(pointer, len(out), rows.ctypes.data_as(ctypes.c_void_p), count, 4 * width)
    assert meshopt.encode_vertices(rows) == out[:size].tobytes()


def test_an_unknown_filter_is_refused() -> None:
    stream = meshopt.encode_vertices(np.zeros((4, 4), np.uint8))
    with pytest.raises(meshopt.MeshoptError):
        meshopt.decode(stream, "ATTRIBUTES", 4, 4, "OCTAHEDRAL")


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=200, deadline=None)
def test_triangle_streams_are_those_of_the_reference_encoder(seed: int) -> None:
    """Byte for byte: of noise over few and many vertices, of strips, of faces in the order of first use, of what begins again at 0."""
    rng = np.random.default_rng(seed)
    count, vertices = int(rng.integers(0, 80)), int(rng.choice([3, 9, 40, 300, 70_000]))
    steps = np.arange(count)[:, None]
    triangles = [
        rng.integers(0, vertices, (count, 3)),
        steps + np.arange(3),
        np.concatenate([4 * steps + [3, 0, 1], 4 * steps + [1, 2, 3]], axis=1).reshape(-1, 3),
        np.maximum(steps + rng.integers(-20, 3, (count, 3)), 0),
    ][rng.integers(4)].astype(np.uint32)
    if count > 2 and rng.random() < 0.3:
        triangles[count // 2] = 0, 1, 2
    if count and rng.random() < 0.5:
        triangles = codec_order(triangles, int(triangles.max()) + 1, None).triangles
    lib.meshopt_encodeIndexVersion(1)
    out = np.empty(lib.meshopt_encodeIndexBufferBound(triangles.size, int(triangles.max(initial=0)) + 1), np.uint8)
    pointer, source = (a.ctypes.data_as(ctypes.POINTER(t)) for a, t in ((out, ctypes.c_ubyte), (triangles, ctypes.c_uint)))
    size = lib.meshopt_encodeIndexBuffer(pointer, len(out), source, triangles.size)
    assert meshopt.encode_triangles(triangles) == out[:size].tobytes()
