"""Pictures of faces in tiles: what is stored comes out, nothing packed overlaps, and what is shown is what the picture has there."""

from __future__ import annotations

import io
import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from tests.textured_city import COLORS, HEIGHT_M, ORIGIN, REPEATS, WALL_M, columns, faces, quarters, store_with
from tests.tile_features import BUILDING, to_geocentric
from tiles.atlas import atlas_of
from tiles.build import BuildOptions, TilesetSummary, TilesetTarget, build_tileset, update_tileset
from tiles.columns import FeatureColumns, Representations, concatenate, offsets_of
from tiles.face_bytes import read_faces
from tiles.memory_store import MemoryStore
from tiles.mesh.batch import MeshBatch, Shown, interleaved
from tiles.mesh.faces import mesh_faces
from tiles.metadata import metadata_class
from tiles.selection import taken
from tiles.shelves import packed
from tiles.source import placed
from tiles.texels import TEXEL_M, texture_bytes, textures_of
from tiles.tiling import Budget
from tiles.wkb import OK, UNREADABLE
from twin.face_textures import LARGEST_SIDE, FaceTextures, Texture, Wrap
from twin.pictures import name_of
from twin.representation import decode, encode, encode_unpacked

NAME = name_of(quarters())
NOISE = np.random.default_rng(5).integers(0, 255, (256, 256, 3), dtype=np.uint8)


def stored(*encoded: bytes) -> Representations:
    data = np.frombuffer(b"".join(encoded), np.uint8)
    return Representations(data, offsets_of(np.array([len(e) for e in encoded])), np.full(len(encoded), 20, np.uint8))


def shown_mesh(*bodies: Any) -> tuple[MeshBatch, Shown]:
    kept = stored(*(encode_unpacked(body) for body in bodies))
    rows = np.arange(len(bodies))
    mesh = mesh_faces(read_faces(kept, rows), textures_of(kept, rows))
    assert mesh.shown is not None
    return mesh, mesh.shown


def test_what_faces_show_is_stored() -> None:
    body = faces(0, NAME, REPEATS, Wrap.MIRROR)
    again = decode(encode_unpacked(body))
    assert body.textures is not None
    assert again.textures is not None
    assert again.textures.textures == body.textures.textures
    assert (again.textures.of_face == body.textures.of_face).all()
    assert (again.textures.places == body.textures.places).all()
    assert encode_unpacked(again) == encode_unpacked(body)


def test_faces_that_show_something_are_not_packed() -> None:
    assert encode(replace(faces(0, NAME), textures=None))[:4] == b"TWR3"
    assert encode(faces(0, NAME)) == encode_unpacked(faces(0, NAME))
    assert encode_unpacked(faces(0, NAME))[:4] == b"TWR2"


def test_another_picture_is_another_body() -> None:
    before, after = encode_unpacked(faces(0, NAME)), encode_unpacked(faces(0, name_of(NOISE)))
    assert before != after
    assert len(before) == len(after)


def _tail(whole: bytes) -> int:
    return len(encode_unpacked(replace(faces(0, NAME), textures=None)))


def _rings(_: bytes) -> int:
    return 52 + 12 * 8 + 4 * 24


BROKEN = {
    "cut off": lambda b: b[:-1],
    "longer": lambda b: b + b"\0",
    "no tail": lambda b: b[: _tail(b)],
    "more textures than there is room for": lambda b: b[: _tail(b)] + struct.pack("<I", 2**31) + b[_tail(b) + 4 :],
    "a texture that is not there": lambda b: b[: _tail(b) + 44] + struct.pack("<H", 9) + b[_tail(b) + 46 :],
    "a picture wider than any": lambda b: b[: _tail(b) + 36] + struct.pack("<H", 2049) + b[_tail(b) + 38 :],
    "a picture without height": lambda b: b[: _tail(b) + 38] + struct.pack("<H", 0) + b[_tail(b) + 40 :],
    "a way to go on that there is not": lambda b: b[: _tail(b) + 40] + struct.pack("<I", 3) + b[_tail(b) + 44 :],
    "a ring far beyond the end": lambda b: b[: _rings(b)] + struct.pack("<I", 400_000_000) + b[_rings(b) + 4 :],
    "a corner far beyond the end": lambda b: b[: _rings(b) - 4] + struct.pack("<I", 400_000_000) + b[_rings(b) :],
    "a face far beyond the end": lambda b: b[: _rings(b) + 24] + struct.pack("<I", 400_000_000) + b[_rings(b) + 28 :],
    "a place that is no number": lambda b: b[:-4] + struct.pack("<f", float("nan")),
    "a place beyond all measure": lambda b: b[:-4] + struct.pack("<f", float("inf")),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_malformed_bytes_are_no_body(broken: Any) -> None:
    whole = encode_unpacked(faces(0, NAME))
    with pytest.raises(ValueError, match=r"."):
        decode(broken(whole))
    kept = stored(whole, broken(whole), encode_unpacked(replace(faces(1, NAME), textures=None)))
    assert read_faces(kept, np.arange(3)).status.tolist() == [OK, UNREADABLE, OK]
    assert texture_bytes(kept).tolist() == [texture_bytes(stored(whole))[0], 0, 0]


def test_a_build_leaves_out_a_body_that_leads_beyond_its_end() -> None:
    whole = encode_unpacked(faces(0, NAME))
    run = town()
    data = [whole, BROKEN["a ring far beyond the end"](whole), *(encode_unpacked(faces(house, NAME)) for house in range(2, COUNT))]
    stands = placed(replace(run, representations=stored(*data)), BUILDING, metadata_class(BUILDING))
    assert stands.rows.tolist() == list(range(COUNT))
    assert stands.places.weights[1, 1] < stands.places.weights[0, 1]


@given(st.binary(min_size=60, max_size=400))
@settings(max_examples=60)
def test_no_bytes_make_the_engine_stumble(noise: bytes) -> None:
    whole = encode_unpacked(faces(0, NAME))
    kept = stored(whole[: _tail(whole)] + noise)
    assert read_faces(kept, np.arange(1)).status[0] in (OK, UNREADABLE)
    assert texture_bytes(kept)[0] >= 0


def test_places_stay_with_their_corners() -> None:
    mesh, shown = shown_mesh(faces(0, NAME), replace(faces(1, NAME), textures=None), faces(2, NAME, REPEATS))
    for feature, wide in ((0, 1.0), (1, None), (2, REPEATS)):
        mine = mesh.feature == feature
        wall = mine & (shown.texture >= 0)
        if wide is None:
            assert not wall.any()
            continue
        corner = mesh.positions[wall] - mesh.positions[mine].min(axis=0)
        assert np.allclose(corner[:, 1], 0)
        assert np.allclose(shown.place[wall], np.column_stack([corner[:, 0] / WALL_M * wide, 1 - corner[:, 2] / HEIGHT_M]))


def test_a_body_that_is_inside_out_keeps_its_picture_upright() -> None:
    body = faces(0, NAME)
    assert body.textures is not None
    turned = np.concatenate([np.arange(4 * f, 4 * f + 4)[::-1] for f in range(6)])
    inside_out = replace(body, indices=body.indices[turned], textures=replace(body.textures, places=body.textures.places[turned]))
    (mesh, shown), (other, other_shown) = shown_mesh(body), shown_mesh(inside_out)
    for m, s in ((mesh, shown), (other, other_shown)):
        wall = s.texture >= 0
        corner = m.positions[wall] - np.array(ORIGIN)
        assert np.allclose(s.place[wall], np.column_stack([corner[:, 0] / WALL_M, 1 - corner[:, 2] / HEIGHT_M]))


def test_a_long_wall_is_divided_with_its_picture() -> None:
    body = faces(0, NAME)
    long = replace(body, vertices=(body.vertices - np.array(ORIGIN)) * [200, 1, 1] + np.array(ORIGIN))
    mesh, shown = shown_mesh(long)
    wall = shown.texture >= 0
    corner = mesh.positions[wall] - np.array(ORIGIN)
    assert wall.sum() > 4
    assert np.allclose(shown.place[wall], np.column_stack([corner[:, 0] / (200 * WALL_M), 1 - corner[:, 2] / HEIGHT_M]))


def test_meshes_of_two_recipes_keep_what_each_shows() -> None:
    first, shown = shown_mesh(faces(0, NAME), faces(2, name_of(NOISE)))
    second, plain = shown_mesh(faces(1, NAME))
    both = interleaved(first, np.array([0, 2]), replace(second, shown=None), np.array([1]))
    assert both.shown is not None
    named = {f: {both.shown.textures[t].name for t in both.shown.texture[both.feature == f].tolist() if t >= 0} for f in range(3)}
    assert named == {0: {NAME}, 1: set(), 2: {name_of(NOISE)}}
    assert len(shown.textures) == 2
    assert len(plain.textures) == 1


@given(st.lists(st.tuples(st.integers(1, 300), st.integers(1, 300)), min_size=1, max_size=60))
@settings(max_examples=40)
def test_nothing_on_the_shelves_overlaps(sizes: list[tuple[int, int]]) -> None:
    size = np.array(sizes)
    put = packed(size, LARGEST_SIDE)
    assert put is not None
    taken_by = np.zeros(put.size[::-1], np.int32)
    for (x, y), (w, h) in zip(put.corner.tolist(), sizes, strict=True):
        assert x + w <= put.size[0]
        assert y + h <= put.size[1]
        taken_by[y : y + h, x : x + w] += 1
    assert taken_by.max() == 1
    assert all(side & (side - 1) == 0 for side in put.size)


def test_what_does_not_fit_is_said() -> None:
    assert packed(np.array([[LARGEST_SIDE + 1, 1]]), LARGEST_SIDE) is None
    assert packed(np.array([[LARGEST_SIDE, LARGEST_SIDE], [1, 1]]), LARGEST_SIDE) is None


def color_at(atlas: Any, place: NDArray[np.float64]) -> NDArray[np.int64]:
    with Image.open(io.BytesIO(atlas.image)) as image:
        pixels = np.asarray(image.convert("RGB"), np.int64)
    at = np.minimum((place * [pixels.shape[1], pixels.shape[0]]).astype(int), [pixels.shape[1] - 1, pixels.shape[0] - 1])
    return pixels[at[:, 1], at[:, 0]]


def expected(u: float, v: float, wrap: Wrap) -> tuple[int, int, int]:
    """Colour of the picture at a place that may lie beyond its edges, by the words of the glTF specification."""
    if wrap is Wrap.REPEAT:
        u, v = u % 1, v % 1
    elif wrap is Wrap.MIRROR:
        u, v = (1 - abs(x % 2 - 1) for x in (u, v))
    else:
        u, v = min(max(u, 0.0), 1.0), min(max(v, 0.0), 1.0)
    return list(COLORS.values())[2 * (v >= 0.5) + (u >= 0.5)]


@pytest.mark.parametrize("wrap", list(Wrap))
@pytest.mark.parametrize("low", [(0.0, 0.0), (-1.3, 0.2), (7.6, -2.4)])
@pytest.mark.parametrize("wide", [(1.0, 1.0), (2.5, 1.0), (0.3, 0.4)])
@pytest.mark.parametrize("texel_m", [0.01, 0.2])
def test_every_point_of_a_wall_shows_what_the_picture_has_there(
    wrap: Wrap, low: tuple[float, float], wide: tuple[float, float], texel_m: float
) -> None:
    body = faces(0, NAME, wrap=wrap)
    assert body.textures is not None
    laid = np.where(body.textures.of_face.repeat(4)[:, None] > 0, body.textures.places * np.float32(wide) + np.float32(low), 0)
    mesh, shown = shown_mesh(replace(body, textures=replace(body.textures, places=laid.astype(np.float32))))
    atlas = atlas_of(shown, mesh.positions, mesh.triangles, {NAME: quarters()}.get, texel_m, 10**6)
    assert atlas is not None
    wall = np.flatnonzero(shown.texture >= 0)
    assert (atlas.is_shown == (shown.texture >= 0)).all()
    fit = np.linalg.lstsq(np.column_stack([shown.place[wall], np.ones(len(wall))]), atlas.place[wall], rcond=None)[0]
    for u in np.linspace(0.06, 0.94, 12):
        for v in np.linspace(0.06, 0.94, 12):
            at = np.array([low[0] + u * wide[0], low[1] + v * wide[1]])
            edge = np.abs(at * 2 - np.rint(at * 2)).min() / 2 * 64 * min(1.0, 0.125 / texel_m)
            if edge > 3:  # texels: where colours meet, they are mixed
                seen = color_at(atlas, np.array([[*at, 1.0]]) @ fit)[0]
                assert np.abs(seen - expected(*at, wrap)).max() < 40, (at, seen)


def test_an_atlas_is_made_coarser_until_it_is_small_enough() -> None:
    name = name_of(NOISE)
    body = faces(0, name)
    assert body.textures is not None
    texture = Texture(name, 256, 256, Wrap.REPEAT)
    mesh, shown = shown_mesh(replace(body, textures=replace(body.textures, textures=(texture,))))
    sizes = {}
    for most in (10**6, 20_000, 2_000):
        atlas = atlas_of(shown, mesh.positions, mesh.triangles, {name: NOISE}.get, 0.001, most)
        assert atlas is not None
        assert len(atlas.image) <= most
        sizes[most] = len(atlas.image)
    assert sizes[10**6] > 20_000 > sizes[20_000] > 2_000


def test_a_picture_is_no_finer_than_the_tile_needs() -> None:
    body = faces(0, NAME)
    mesh, shown = shown_mesh(body)
    fine, coarse = (atlas_of(shown, mesh.positions, mesh.triangles, {NAME: quarters()}.get, texel_m, 10**6) for texel_m in (TEXEL_M, 1.0))
    assert fine is not None
    assert coarse is not None
    with Image.open(io.BytesIO(fine.image)) as own, Image.open(io.BytesIO(coarse.image)) as small:
        assert max(own.size) == 128
        assert max(small.size) <= 32


def test_a_picture_that_repeats_without_end_is_one_colour() -> None:
    mesh, shown = shown_mesh(faces(0, NAME, repeats=9e5))
    atlas = atlas_of(shown, mesh.positions, mesh.triangles, {NAME: quarters()}.get, TEXEL_M, 10**6)
    assert atlas is not None
    with Image.open(io.BytesIO(atlas.image)) as image:
        assert max(image.size) <= LARGEST_SIDE


def test_without_its_picture_a_face_shows_nothing() -> None:
    mesh, shown = shown_mesh(faces(0, NAME))
    assert atlas_of(shown, mesh.positions, mesh.triangles, {}.get, TEXEL_M, 10**6) is None


def test_a_picture_weighs_what_it_takes() -> None:
    small, wide, plain = faces(0, NAME), faces(0, NAME, repeats=REPEATS), replace(faces(0, NAME), textures=None)
    bytes_of = texture_bytes(stored(*(encode_unpacked(b) for b in (small, wide, plain)))).tolist()
    assert bytes_of[2] == 0
    assert bytes_of[1] == pytest.approx(REPEATS * bytes_of[0], rel=0.01)


OPTIONS = BuildOptions(budget=Budget(20_000, 2_500))
COUNT = 10


def town(*changed: tuple[int, Any]) -> FeatureColumns:
    """A row of houses, some of them otherwise."""
    bodies: list[Any] = [faces(house, NAME, 1.0 + house % 3) for house in range(COUNT)]
    for house, body in changed:
        bodies[house] = body
    return columns(bodies)


def built(run: FeatureColumns, store: MemoryStore, revision: int = 1) -> TilesetSummary:
    return build_tileset([run], BUILDING, to_geocentric, TilesetTarget("b", revision, "open", "x."), store, options=OPTIONS)


def test_an_edit_of_a_picture_gives_the_bytes_of_a_full_build() -> None:
    before = town()
    after = town((3, faces(3, name_of(NOISE))), (7, replace(faces(7, NAME), textures=None)), (8, faces(8, NAME, wrap=Wrap.CLAMP)))
    edited, anew = store_with(quarters(), NOISE), store_with(quarters(), NOISE)
    first = built(before, edited)
    assert first.contents > 2
    rows = np.array([3, 7, 8])
    target = TilesetTarget("b", 2, "open", "x.")

    def fetch(fids: NDArray[np.uint32]) -> FeatureColumns:
        return taken(after, np.searchsorted(after.fid, np.sort(fids)))

    update_tileset(first.tree, taken(before, rows), taken(after, rows), fetch, BUILDING, to_geocentric, target, edited, options=OPTIONS)
    built(after, anew, 2)
    assert {k: v for k, v in anew.items() if edited.get(k) != v} == {}
    shuffled = store_with(quarters(), NOISE)
    order = np.random.default_rng(1).permutation(COUNT)
    halves = [taken(after, np.sort(order[:5])), taken(after, np.sort(order[5:]))]
    build_tileset(halves, BUILDING, to_geocentric, target, shuffled, options=OPTIONS)
    assert shuffled == anew
    assert len(concatenate(halves)) == COUNT


def test_textures_of_nothing_are_none() -> None:
    none = FaceTextures((), np.zeros(6, np.uint16), np.zeros((24, 2), np.float32))
    assert textures_of(stored(encode_unpacked(replace(faces(0, NAME), textures=none))), np.arange(1)) == [()]
