"""glTF as glTF-Transform writes it: strips, fans, moved textures, and compressions that are not read."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from ingest.readers.gltf_mesh import gltf_mesh
from twin.errors import RejectedError
from twin.placed_mesh import PlacedMesh

GLTF = Path(__file__).parents[1] / "data" / "gltf"
NO_LIMIT = 1_000


def mesh_of(name: str, change: tuple[bytes, bytes] = (b"", b"")) -> PlacedMesh:
    content = (GLTF / name).read_bytes().replace(*change) if change[0] else (GLTF / name).read_bytes()
    return gltf_mesh(content, name, pytest.fail, NO_LIMIT)


@pytest.mark.parametrize("name", ["strip.glb", "fan.glb"])
def test_strips_and_fans_are_triangles_that_all_look_the_same_way(name: str) -> None:
    """A square of 10 by 20 that looks along the file's z, which is −y here."""
    (part,) = mesh_of(name).parts
    a, b, c = (part.positions[part.triangles[:, i]] for i in range(3))
    normals = np.cross(b - a, c - a)
    assert normals.tolist() == [[0.0, -200.0, 0.0]] * 2
    assert {tuple(p) for p in part.positions[part.triangles.ravel()].tolist()} == {(x, 0.0, z) for x in (0.0, 10.0) for z in (0.0, 20.0)}


def test_a_texture_that_is_moved_and_scaled_is_so_here() -> None:
    """Offset 0.25, 0.5 and scale 0.5, 0.25."""
    (part,) = mesh_of("fan.glb").parts
    assert part.texture is not None
    assert part.texture.tolist() == [[0.25, 0.5], [0.75, 0.5], [0.75, 0.75], [0.25, 0.75]]


def test_a_texture_that_is_turned_is_so_here() -> None:
    """By one radian anticlockwise as one looks at the picture, whose v goes down, between being scaled and moved."""
    (turned,), (plain,) = mesh_of("turned_texture.glb").parts, mesh_of("fan.glb").parts
    assert turned.texture is not None
    assert plain.texture is not None
    u, v = (plain.texture - [0.25, 0.5]).T
    expected = np.column_stack([0.25 + u * math.cos(1) + v * math.sin(1), 0.5 - u * math.sin(1) + v * math.cos(1)])
    np.testing.assert_allclose(turned.texture, expected, atol=1e-7)
    assert turned.texture[1] == pytest.approx([0.25 + 0.5 * math.cos(1), 0.5 - 0.5 * math.sin(1)]), "what lay to the right lies above"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("draco.glb", "KHR_draco_mesh_compression"),
        ("meshopt.glb", "EXT_meshopt_compression"),
        ("ktx2.glb", "KHR_texture_basisu"),
    ],
)
def test_what_is_not_read_is_refused_by_its_name(name: str, said: str) -> None:
    with pytest.raises(RejectedError, match=said) as refused:
        mesh_of(name)
    assert refused.value.code == "gltf-extension"


def test_a_fallback_buffer_is_not_taken_for_the_binary_chunk() -> None:
    """Meshopt that is used and not required leaves the plain vertices to a buffer that need not be there."""
    with pytest.raises(RejectedError, match="beyond its buffer") as refused:
        mesh_of("meshopt.glb", (b'"extensionsRequired"', b'"extensionsRequireX"'))
    assert refused.value.code == "gltf-broken"
