"""Finished 3D: a delivered tileset is served byte for byte, a mesh stands where pyproj says, what lies or is hostile is refused."""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
from numpy.typing import NDArray

from ingest.part_reading import PartReading
from ingest.protocol import FileChunk, Limits, ModelFile, ModelHeader, PartRequest, ReadRequest
from ingest.readers.choice import choose_reader
from ingest.reading import read_parts
from tests.opened_city import get, load, opened_city, request
from twin.errors import TwinError
from twin.featuretypes.loader import load_feature_types
from twin.model import Principal
from twin.server.assets import build_missing, is_edit
from twin.server.city import City
from twin.server.scene import scene_document

SRID = 4549
EXTENT = (119.9, 31.7, 120.0, 31.8)
LONGITUDE, LATITUDE = 119.95, 31.75
TILES = Path("3dtiles-samples/1.1")
PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cf500f0003860180"
    "5a347d6b0000000049454e44ae426082"
)


def frame(longitude: float = LONGITUDE, latitude: float = LATITUDE, height: float = 30.0) -> list[float]:
    """Return the column-major matrix of a plane east, north, up."""
    x, y, z = pyproj.Transformer.from_crs(4979, 4978, always_xy=True).transform(longitude, latitude, height)
    a, b = np.radians([longitude, latitude])
    east = [-np.sin(a), np.cos(a), 0.0]
    north = [-np.sin(b) * np.cos(a), -np.sin(b) * np.sin(a), np.cos(b)]
    up = [np.cos(b) * np.cos(a), np.cos(b) * np.sin(a), np.sin(b)]
    return [float(v) for v in (*east, 0.0, *north, 0.0, *up, 0.0, x, y, z, 1.0)]


def packed(path: Path, files: dict[str, bytes]) -> Path:
    """Write a ZIP."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def delivery(real_data: Path, name: str, change: Any = None) -> dict[str, bytes]:
    """Return the files of a sample tileset, its root put into the city, and ``change`` made to its tileset.json."""
    folder = real_data / TILES / name
    files = {f"成果/{p.relative_to(folder).as_posix()}": p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
    document = json.loads(files["成果/tileset.json"])
    document["root"]["transform"] = frame()
    if change is not None:
        change(document)
    files["成果/tileset.json"] = json.dumps(document).encode()
    return files


def described(path: Path, crs: str | None = None, limits: Limits | None = None) -> list[Any]:
    """Return what is read of a model; in this process, for the walls have tests of their own."""
    part = PartRequest(None, load_feature_types()["model_3d"], "models")
    asked = ReadRequest(path, (part,), SRID, EXTENT, crs=crs, limits=limits or Limits())
    return list(read_parts(choose_reader(asked), asked))


def refusal(path: Path, crs: str | None = None, limits: Limits | None = None) -> str:
    with pytest.raises(TwinError) as refused:
        described(path, crs, limits)
    return refused.value.code


@pytest.mark.parametrize("name", ["SparseImplicitQuadtree", "TilesetWithFullMetadata", "MultipleContents"])
def test_a_sample_tileset_is_read_whole(real_data: Path, tmp_path: Path, name: str) -> None:
    files = delivery(real_data, name)
    path = packed(tmp_path / "模型.zip", files)
    header, *rest = described(path)
    assert isinstance(header, ModelHeader)
    kept: dict[str, bytes] = {}
    for message in rest:
        if isinstance(message, ModelFile):
            here = message.path
            kept[here] = b""
        elif isinstance(message, FileChunk):
            kept[here] += message.content
    wanted = {k.removeprefix("成果/"): v for k, v in files.items()}
    assert kept == {name: wanted[name] for name in kept}
    assert {n for n in wanted if n.endswith((".glb", ".subtree"))} <= kept.keys()


def root(**members: Any) -> Any:
    def change(document: dict[str, Any]) -> None:
        document["root"] |= members

    return change


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (root(contents=[{"uri": "../secret.txt"}]), "model-uri-outside"),
        (root(contents=[{"uri": "https://example.com/a.glb"}]), "model-uri-outside"),
        (root(contents=[{"uri": "/etc/passwd"}]), "model-uri-outside"),
        (root(contents=[{"uri": "%2e%2e/a.glb"}]), "model-uri-outside"),
        (root(contents=[{"uri": "none.glb"}]), "model-content-missing"),
        (root(contents=[{"uri": "tileset.json"}]), "tileset-invalid"),
        (root(contents=[{"uri": "note.txt"}]), "tile-content-unknown"),
        (root(contents=[{"uri": "broken.glb"}]), "tile-content-broken"),
        (root(contents=[{"uri": "links.gltf"}]), "model-uri-outside"),
        (root(transform=frame(10.0, 50.0)), "area-of-use"),
        (root(transform=[1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]), "model-unplaced"),
        (root(geometricError=-1), "tileset-invalid"),
        (root(geometricError="0"), "tileset-invalid"),
        (root(refine="add"), "tileset-invalid"),
        (root(boundingVolume={"box": [0] * 11}), "tileset-invalid"),
        (root(boundingVolume={"region": [1, 0, 0.5, 0.1, 0, 1]}), "tileset-invalid"),
        (lambda d: d["asset"].update(version="2.0"), "tileset-invalid"),
        (lambda d: d.update(extensionsRequired=["X"], extensionsUsed=["X"]), "tileset-extension"),
        (lambda d: d.pop("root"), "tileset-invalid"),
    ],
)
def test_a_tileset_that_is_not_sound_is_refused(real_data: Path, tmp_path: Path, change: Any, code: str) -> None:
    files = delivery(real_data, "MultipleContents", change)
    files |= {"secret.txt": b"secret", "成果/note.txt": b"hello", "成果/broken.glb": files["成果/planePoints.glb"][:100]}
    files["成果/links.gltf"] = json.dumps({"asset": {"version": "2.0"}, "buffers": [{"uri": "file:///etc/passwd"}]}).encode()
    assert refusal(packed(tmp_path / "m.zip", files)) == code


INVALID = [
    "assetVersionMissing", "boundingVolumeBoxInvalidArrayLength", "boundingVolumeRegionInvalidArrayLength",
    "boundingVolumeRegionArrayInvalidElementType", "boundingVolumeSphereArrayElementOutOfRange", "tileGeometricErrorNegative",
    "tileRefineMissingInRoot", "tileTransformNotAffine", "tileWithContentAndContents", "tilesetGeometricErrorMissing",
    "assetTilesetVersionInvalidType", "extensionsRequiredInvalidArrayLength", "tilesetWithCycleA",
]  # fmt: skip


@pytest.mark.parametrize("name", INVALID)
def test_what_the_validator_of_3d_tiles_calls_invalid_is_refused(real_data: Path, tmp_path: Path, name: str) -> None:
    folder = real_data / "3dtiles-valid-invalid"
    source = folder / f"{name}.json"
    if not source.exists():
        pytest.skip("not in this copy of the data")
    files = {p.name: p.read_bytes() for p in folder.glob("tilesetWithCycle*.json")} if "Cycle" in name else {}
    assert refusal(packed(tmp_path / "m.zip", files | {"tileset.json": source.read_bytes()})) not in ("model-unplaced", "area-of-use")


def test_an_archive_beyond_its_limits_is_refused(real_data: Path, tmp_path: Path) -> None:
    path = packed(tmp_path / "m.zip", delivery(real_data, "MultipleContents"))
    assert refusal(path, limits=Limits(model_entries=2)) == "zip-too-many-entries"
    assert refusal(path, limits=Limits(model_bytes=1000)) == "zip-bomb"
    assert refusal(packed(tmp_path / "up.zip", {"../tileset.json": b"{}"})) == "zip-unsafe-path"


TRIANGLES = np.array([[0.0, 0.0, 0.0], [40.0, 0.0, 0.5], [40.0, 30.0, 12.25], [0.0, 30.0, 12.0]])
OBJ = b"""# a roof
mtllib roof.mtl
v 0 0 0
v 40 0 0.5
v 40 30 12.25
v 0 30 12
vt 0 0
vt 1 0
vt 1 1
vt 0 1
usemtl tiles
f 1/1 2/2 3/3 4/4
"""
MTL = "newmtl tiles\nKd 1 1 1\nmap_Kd 屋面 纹理.png\n".encode()
ORIGIN = np.array([495_260.0, 3_513_500.0, 20.0])


def metadata(srs: str, origin: NDArray[np.float64]) -> bytes:
    place = ",".join(map(repr, origin.tolist()))
    return f'<?xml version="1.0"?>\n<ModelMetadata version="1"><SRS>{srs}</SRS><SRSOrigin>{place}</SRSOrigin></ModelMetadata>'.encode()


def textured_obj(path: Path, srs: str = f"EPSG:{SRID}", origin: NDArray[np.float64] = ORIGIN, obj: bytes = OBJ) -> Path:
    return packed(path, {"Data/roof.obj": obj, "Data/roof.mtl": MTL, "Data/屋面 纹理.png": PICTURE, "metadata.xml": metadata(srs, origin)})


def drawn(city: City, slug: str, commit: int) -> tuple[NDArray[np.float64], dict[str, Any]]:
    """Return the vertices a viewer draws, geocentric, and the JSON of the last content."""
    assert build_missing(city, lambda *_: None) is None
    found: list[NDArray[np.float64]] = []
    document: dict[str, Any] = {}
    prefix = f"tiles/{slug}/open"

    def walk(tile: dict[str, Any]) -> None:
        nonlocal document
        if "content" in tile and tile["content"]["uri"].endswith(".glb"):
            glb = city.store.get(f"{prefix}/c/{tile['content']['uri'].rpartition('/')[2]}")
            length = struct.unpack_from("<I", glb, 12)[0]
            document, binary = json.loads(glb[20 : 20 + length]), glb[28 + length :]
            matrix = np.array(document["nodes"][0]["matrix"]).reshape(4, 4).T
            for primitive in document["meshes"][0]["primitives"]:
                accessor = document["accessors"][primitive["attributes"]["POSITION"]]
                view = document["bufferViews"][accessor["bufferView"]]
                values = np.frombuffer(binary, "<f4", 3 * accessor["count"], view["byteOffset"]).reshape(-1, 3).astype(np.float64)
                x, y, z = (values @ matrix[:3, :3].T + matrix[:3, 3]).T
                found.append(np.column_stack([x, -z, y]))
        for child in tile.get("children", []):
            walk(child)

    walk(json.loads(city.store.get(f"{prefix}/r/{commit}/tileset.json"))["root"])
    return np.concatenate(found), document


def test_an_obj_stands_within_a_centimetre_of_where_pyproj_puts_it(database_url: str, open_folder: Path) -> None:
    path = textured_obj(open_folder / "屋顶.zip")
    with opened_city(database_url, open_folder / "data", SRID, EXTENT) as city:
        result = load(city, request(path, (None, "model_3d", "models")))
        assert (result.read, result.published) == (1, 1)
        assert result.commit is not None
        got, document = drawn(city, "models", result.commit)
        longitude, latitude = pyproj.Transformer.from_crs(SRID, 4490, always_xy=True).transform(*(TRIANGLES + ORIGIN)[:, :2].T)
        separation = city.frame.vertical.separation_m(np.array(longitude), np.array(latitude))
        heights = (TRIANGLES + ORIGIN)[:, 2] + separation
        wanted = np.column_stack(pyproj.Transformer.from_crs(4979, 4978, always_xy=True).transform(longitude, latitude, heights))
        assert np.linalg.norm(got[:, None] - wanted[None], axis=2).min(axis=1).max() < 0.01
        assert np.linalg.norm(got[:, None] - wanted[None], axis=2).min(axis=0).max() < 0.01
        (image,) = document["images"]
        uri = f"/tiles/models/open/c/{image['uri']}"
        tileset, picture = get(city, f"/tiles/models/{result.commit}/tileset.json", uri)
        assert (picture.content, picture.headers["content-type"]) == (PICTURE, "image/png")
        (part,) = tileset.json()["root"]["children"]
        assert part["metadata"]["properties"]["name"] == "屋顶"
        layers: Any = scene_document(city.catalogue, Principal.anonymous(), city.frame.vertical)["layers"]
        (layer,) = layers
        assert (layer["recipe"], layer["mvt"], layer["tileset"]["state"]) == ("model", None, "ready")
        # the same name again is an update of the same row
        again = load(city, request(textured_obj(path, origin=ORIGIN + np.array([5, 0, 0])), (None, "model_3d", "models")))
        with city.pool.connection() as connection:
            rows = connection.execute("SELECT fid, name, textured, triangles, st_xmin(geom) FROM city.model_3d").fetchall()
        assert [(name, textured, triangles, round(x, 3)) for _, name, textured, triangles, x in rows] == [("屋顶", True, 2, 495_265.0)]
        assert again.commit is not None
        assert drawn(city, "models", again.commit)[0].shape == got.shape


def rewritten(obj: bytes, change: Callable[[list[float]], list[float]]) -> bytes:
    """Return an OBJ with other vertices."""
    lines = obj.splitlines()
    vertices = {n: change([float(v) for v in line.split()[1:]]) for n, line in enumerate(lines) if line.startswith(b"v ")}
    return b"\n".join(f"v {' '.join(map(repr, vertices[n]))}".encode() if n in vertices else line for n, line in enumerate(lines))


def y_up(obj: bytes) -> bytes:
    """Return an OBJ with y upwards: x, y, z as x, z, −y."""
    return rewritten(obj, lambda v: [v[0], v[2], -v[1]])


def bounds_of(path: Path, crs: str | None = None, **more: Any) -> tuple[float, ...]:
    """Return where a model lies: plan and heights."""
    part = PartRequest(None, load_feature_types()["model_3d"], "models", reading=PartReading(**more))
    asked = ReadRequest(path, (part,), SRID, EXTENT, crs=crs)
    header = next(iter(read_parts(choose_reader(asked), asked)))
    assert isinstance(header, ModelHeader)
    return (*shapely.from_wkb(header.footprint).bounds, header.minimum_m, header.maximum_m)


def test_an_obj_with_y_upwards_is_told_by_where_it_can_lie_or_asked_about(tmp_path: Path) -> None:
    place = f"EPSG:{SRID}"
    plain = OBJ.replace(b"mtllib roof.mtl\n", b"").replace(b"usemtl tiles\n", b"")
    mapped = rewritten(plain, lambda v: [a + b for a, b in zip(v, ORIGIN.tolist(), strict=True)])
    (tmp_path / "map.obj").write_bytes(mapped)
    (tmp_path / "map_y.obj").write_bytes(y_up(mapped))
    wanted = bounds_of(tmp_path / "map.obj", place)
    assert bounds_of(tmp_path / "map_y.obj", place) == pytest.approx(wanted)
    assert described(tmp_path / "map_y.obj", place)[0].source_crs.endswith("y up")
    local, turned = textured_obj(tmp_path / "a.zip"), textured_obj(tmp_path / "b.zip", obj=y_up(OBJ))
    assert refusal(turned) == "model-up-doubtful"
    assert bounds_of(turned, up="y") == pytest.approx(bounds_of(local))
    assert bounds_of(local, up="z") == bounds_of(local) != bounds_of(turned, up="z")


def test_an_enu_plane_touches_the_ellipsoid_where_it_says(tmp_path: Path) -> None:
    path = textured_obj(tmp_path / "m.zip", f"ENU:{LATITUDE},{LONGITUDE}", np.array([0.0, 0.0, 25.0]))
    header = described(path)[0]
    matrix = np.array(frame(height=0.0)).reshape(4, 4).T
    ecef = (TRIANGLES + np.array([0, 0, 25])) @ matrix[:3, :3].T + matrix[:3, 3]
    degrees = np.column_stack(pyproj.Transformer.from_crs(4978, 4979, always_xy=True).transform(*ecef.T))
    x, y = pyproj.Transformer.from_crs(4490, SRID, always_xy=True).transform(degrees[:, 0], degrees[:, 1])
    assert shapely.from_wkb(header.footprint).bounds == pytest.approx((x.min(), y.min(), x.max(), y.max()), abs=0.001)


@pytest.mark.parametrize(
    ("files", "crs", "code"),
    [
        ({"a.obj": OBJ, "roof.mtl": MTL, "屋面 纹理.png": PICTURE}, None, "model-unplaced"),
        ({"a.obj": OBJ, "roof.mtl": MTL, "屋面 纹理.png": PICTURE}, f"EPSG:{SRID}", "area-of-use"),
        ({"a.obj": OBJ, "roof.mtl": MTL}, f"EPSG:{SRID}", "model-content-missing"),
        ({"a.obj": OBJ}, f"EPSG:{SRID}", "model-content-missing"),
        ({"a.obj": OBJ.replace(b"roof.mtl", b"../../etc/passwd")}, f"EPSG:{SRID}", "model-uri-outside"),
        ({"a.obj": OBJ, "roof.mtl": MTL, "屋面 纹理.png": b"BM"}, f"EPSG:{SRID}", "texture-unsupported"),
        ({"a.obj": b"v 1 2 3\nf 1 2 3\n"}, f"EPSG:{SRID}", "obj-broken"),
        ({"a.obj": b"v 1 2 nan\nv 1 2 3\nv 3 4 5\nf 1 2 3\n"}, f"EPSG:{SRID}", "geometry-finite"),
        ({"a.obj": b"v 1 2 3\n"}, f"EPSG:{SRID}", "model-empty"),
        ({"a.obj": b"v 1 2 3\n", "b.geojson": b'{"type": "FeatureCollection", "features": []}'}, f"EPSG:{SRID}", "archive-several"),
        ({"t/tileset.json": b"{}", "b.geojson": b'{"type": "FeatureCollection", "features": []}'}, None, "archive-several"),
        ({"metadata.xml": b"<ModelMetadata><SRS>nowhere</SRS></ModelMetadata>", "a.obj": b"v 1 2 3\n"}, None, "model-metadata"),
    ],
)
def test_a_mesh_without_its_place_or_its_files_is_refused(tmp_path: Path, files: dict[str, bytes], crs: str | None, code: str) -> None:
    assert refusal(packed(tmp_path / "m.zip", files), crs) == code


def glb(positions: NDArray[np.float32], change: Any = None) -> bytes:
    """Return a GLB of one triangle under a node moved to the map, its y upwards."""
    x, y, z = (float(v) for v in ORIGIN)
    document: dict[str, Any] = {
        "asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}],
        "nodes": [{"translation": [x, z, -y], "children": [1]}, {"mesh": 0, "scale": [2, 2, 2]}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}],
        "bufferViews": [{"buffer": 0, "byteLength": 36}], "buffers": [{"byteLength": 36}],
    }  # fmt: skip
    if change is not None:
        change(document)
    head = json.dumps(document).encode()
    head += b" " * (-len(head) % 4)
    body = struct.pack("<I4s", len(head), b"JSON") + head + struct.pack("<I4s", 36, b"BIN\0") + positions.tobytes()
    return struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body


CORNERS = np.array([[0, 0, 0], [10, 0, 0], [0, 5, -10]], np.float32)


def test_a_glb_in_map_coordinates_keeps_what_its_nodes_say(tmp_path: Path) -> None:
    path = tmp_path / "亭子.glb"
    path.write_bytes(glb(CORNERS))
    header = described(path, f"EPSG:{SRID}")[0]
    assert shapely.from_wkb(header.footprint).bounds == pytest.approx((495_260.0, 3_513_500.0, 495_280.0, 3_513_520.0), abs=1e-6)
    assert (header.minimum_m, header.maximum_m, header.triangles, header.format) == (20.0, 30.0, 1, "glTF")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda d: d.update(extensionsRequired=["KHR_draco_mesh_compression"]), "gltf-extension"),
        (lambda d: d["accessors"][0].update(count=10**9), "gltf-broken"),
        (lambda d: d["bufferViews"][0].update(byteOffset=-4), "gltf-broken"),
        (lambda d: d["nodes"][1].update(children=[0]), "gltf-broken"),
        (lambda d: d["buffers"][0].update(uri="other.bin"), "model-content-missing"),
        (lambda d: d["meshes"][0]["primitives"][0].update(mode=1), "model-empty"),
        (lambda d: d.update(scenes=3), "gltf-broken"),
    ],
)
def test_a_glb_that_lies_is_refused(tmp_path: Path, change: Any, code: str) -> None:
    path = tmp_path / "m.glb"
    path.write_bytes(glb(CORNERS, change))
    assert refusal(path, f"EPSG:{SRID}") == code


def test_a_delivered_tileset_is_served_byte_for_byte_beside_another_model(database_url: str, open_folder: Path, real_data: Path) -> None:
    files = delivery(real_data, "SparseImplicitQuadtree")
    path = packed(open_folder / "实景.3tz", files)
    pavilion = open_folder / "亭子.glb"
    pavilion.write_bytes(glb(CORNERS))
    with opened_city(database_url, open_folder / "data", SRID, EXTENT) as city:
        load(city, request(path, (None, "model_3d", "models")))
        commit = load(city, request(pavilion, (None, "model_3d", "models"), crs=f"EPSG:{SRID}", mode="delta")).commit
        assert build_missing(city, lambda *_: None) is None
        (current,) = get(city, f"/tiles/models/{commit}/tileset.json")
        document = current.json()
        names = {c["metadata"]["properties"]["name"]: c for c in document["root"]["children"]}
        assert names.keys() == {"实景", "亭子"}
        uri = names["实景"]["content"]["uri"]
        base = f"/tiles/models/{commit}/{uri}".replace(f"/{commit}/..", "").removesuffix("tileset.json")
        wanted = {k.removeprefix("成果/"): v for k, v in files.items() if not k.endswith(".md")}
        answers = get(city, *(base + name for name in wanted), base + "none.glb", base.replace("models", "other"))
        assert [a.content for a in answers[:-2]] == list(wanted.values())
        assert [a.status_code for a in answers[-2:]] == [404, 404]
        refused = get(
            city, "/tiles/models/tileset.json?filter=TRUE", f"/tiles/models/{commit}/tileset.json?filter=TRUE", "/tiles/models/export.3tz"
        )
        assert [(a.status_code, a.json()["code"]) for a in refused] == [(400, "no-filter")] * 2 + [(400, "no-archive")]
        tower = pavilion.rename(open_folder / "塔.glb")
        commit = load(city, request(tower, (None, "model_3d", "models"), crs=f"EPSG:{SRID}", mode="delta")).commit
        assert not is_edit(city, "models", commit), "models are built whole, however few come: edits do not wait for them"
