"""Pictures on faces: found beside CityJSON and CityGML, decoded under limits, and missing without losing a house."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest.protocol import Limits, Message, PartBatch, PartHeader, PartRequest, PictureBlock, ReadRequest
from ingest.readers.choice import choose_reader
from ingest.readers.pictures import decoded
from ingest.readers.tileset_document import resolved
from ingest.reading import read_parts
from tests.textured_city import (
    HEIGHT_M,
    REPEATS,
    SOUTH,
    SRID,
    WALL_M,
    as_file,
    citygml,
    cityjson,
    quarters,
    sequence,
    textured_zip,
    vertices,
    zipped,
)
from twin.errors import RejectedError
from twin.face_textures import LARGEST_SIDE, Wrap
from twin.featuretypes.loader import load_feature_types
from twin.pictures import name_of
from twin.representation import Faces, decode

BUILDING = load_feature_types()["building"]


def read(path: Path) -> list[Message]:
    request = ReadRequest(path, (PartRequest(None, BUILDING, "houses"),), storage_srid=SRID, limits=Limits())
    return list(read_parts(choose_reader(request), request))


def bodies(messages: list[Message]) -> list[Faces]:
    batches = [m.representations for m in messages if isinstance(m, PartBatch) and m.representations is not None]
    return [decode(r["faces"]) for batch in batches for r in batch.to_pylist()]


def said(messages: list[Message]) -> list[tuple[str, int | None, str]]:
    findings = [f for m in messages if isinstance(m, PartHeader | PartBatch) for f in m.findings]
    return [(f.rule, f.row, f.message.en) for f in findings]


def pictures(messages: list[Message]) -> list[Any]:
    return [m.pixels for m in messages if isinstance(m, PictureBlock)]


def check_houses(messages: list[Message]) -> None:
    """Both houses show the picture on the south wall, its lower edge at the foot of the wall."""
    (pixels,) = pictures(messages)
    assert (pixels == quarters()).all()
    houses = bodies(messages)
    for house, wide in zip(houses, (1.0, REPEATS), strict=True):
        shown = house.textures
        assert shown is not None
        (texture,) = shown.textures
        assert (texture.name, texture.width, texture.height, texture.wrap) == (name_of(pixels), 64, 64, Wrap.REPEAT)
        assert shown.of_face.tolist() == [int(face == SOUTH) for face in range(6)]
        corners = slice(4 * SOUTH, 4 * SOUTH + 4)
        east, height = (house.vertices[house.indices[corners]] - house.vertices.min(axis=0))[:, [0, 2]].T
        assert np.allclose(shown.places[corners], np.column_stack([east / WALL_M * wide, 1 - height / HEIGHT_M]))
        assert not shown.places[: 4 * SOUTH].any()


def test_cityjson_brings_its_pictures(tmp_path: Path) -> None:
    messages = read(textured_zip(tmp_path / "houses.zip"))
    check_houses(messages)
    assert not [f for f in said(messages) if f[0] == "texture"]
    is_picture = [isinstance(m, PictureBlock) for m in messages]
    assert is_picture.index(True) < [isinstance(m, PartBatch) for m in messages].index(True)


@pytest.mark.parametrize("version", ["2.0", "3.0"])
def test_citygml_gives_the_same_as_cityjson(tmp_path: Path, version: str) -> None:
    check_houses(read(zipped(tmp_path / "h.zip", {"a/houses.gml": citygml(version), "a/appearance/wall.png": as_file(quarters())})))


def test_a_sequence_has_an_appearance_a_line(tmp_path: Path) -> None:
    files = {"houses.city.jsonl": sequence(cityjson()), "appearance/wall.png": as_file(quarters())}
    check_houses(read(zipped(tmp_path / "h.zip", files)))


def test_pictures_lie_in_a_folder_beside_a_file(tmp_path: Path) -> None:
    (tmp_path / "houses.city.json").write_text(json.dumps(cityjson()))
    (tmp_path / "appearance").mkdir()
    (tmp_path / "appearance/wall.png").write_bytes(as_file(quarters()))
    check_houses(read(tmp_path / "houses.city.json"))


def test_a_file_without_any_of_its_pictures_says_so_once(tmp_path: Path) -> None:
    (tmp_path / "houses.city.json").write_text(json.dumps(cityjson()))
    messages = read(tmp_path / "houses.city.json")
    assert [f.textures for f in bodies(messages)] == [None, None]
    assert [(rule, row) for rule, row, text in said(messages) if "textures are not read" in text] == [("reading", None)]


def test_a_missing_picture_is_a_finding_and_the_house_stays(tmp_path: Path) -> None:
    document = cityjson()
    document["appearance"]["textures"].append({"type": "PNG", "image": "appearance/gone.png"})
    document["CityObjects"]["house-1"]["geometry"][0]["texture"]["summer"]["values"][0][SOUTH][0][0] = 1
    messages = read(textured_zip(tmp_path / "houses.zip", document))
    assert [(rule, row) for rule, row, text in said(messages) if "appearance/gone.png" in text] == [("texture", 2)]
    first, second = bodies(messages)
    assert first.textures is not None
    assert second.textures is None


@pytest.mark.parametrize(
    "uri", ["../../etc/passwd", "/etc/passwd", "http://example.org/a.png", "appearance/../../x.png", "a%00.png", "b\0.png"]
)
def test_no_uri_leaves_the_archive(tmp_path: Path, uri: str) -> None:
    document = cityjson()
    document["appearance"]["textures"].append({"type": "PNG", "image": uri})
    document["CityObjects"]["house-1"]["geometry"][0]["texture"]["summer"]["values"][0][SOUTH][0][0] = 1
    messages = read(textured_zip(tmp_path / "houses.zip", document))
    assert [row for rule, row, _ in said(messages) if rule == "texture"] == [2]


def test_a_model_in_a_folder_names_pictures_beside_that_folder(tmp_path: Path) -> None:
    files = {"models/houses.city.json": json.dumps(cityjson("../appearance/wall.png")).encode(), "appearance/wall.png": as_file(quarters())}
    check_houses(read(zipped(tmp_path / "houses.zip", files)))


@pytest.mark.parametrize("uri", ["a\ud800.png", "%00", "../..", "a/../../..", "../../b/c"])
def test_a_name_that_no_file_of_the_archive_can_have_is_refused(uri: str) -> None:
    with pytest.raises(RejectedError, match="no file of the model"):
        resolved("b", uri, "here")


def png_claiming(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is so large."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


NO_PICTURES = {
    "nothing": b"",
    "text": b"no picture",
    "cut off": as_file(quarters())[:100],
    "too large for Pillow": png_claiming(50_000, 50_000),
    "too large for us": png_claiming(9_000, 9_000),
    "a head alone": b"RIFF\0\0\0\0WEBPVP8 ",
}


@pytest.mark.parametrize("picture", NO_PICTURES.values(), ids=NO_PICTURES)
def test_what_is_no_picture_is_missing(tmp_path: Path, picture: bytes) -> None:
    assert decoded(picture) is None
    if picture:
        messages = read(textured_zip(tmp_path / "houses.zip", picture=picture))
        assert [(rule, row) for rule, row, _ in said(messages) if rule == "texture"] == [("texture", 1), ("texture", 2)]
        assert len(bodies(messages)) == 2


def test_a_picture_with_a_wrong_checksum_is_missing(tmp_path: Path) -> None:
    """One broken picture used to refuse the whole city."""
    picture = as_file(quarters())
    path = textured_zip(tmp_path / "houses.zip", picture=picture)
    content = path.read_bytes()
    path.write_bytes(content.replace(picture, picture[:-1] + bytes([picture[-1] ^ 1])))
    messages = read(path)
    assert [(rule, row) for rule, row, _ in said(messages) if rule == "texture"] == [("texture", 1), ("texture", 2)]
    assert [f.textures for f in bodies(messages)] == [None, None]


def test_a_picture_that_unpacks_to_too_much_is_missing(tmp_path: Path) -> None:
    """One white bitmap breaks the ratio that holds for what is unpacked, and used to refuse the whole city."""
    path = textured_zip(tmp_path / "houses.zip", picture=as_file(np.full((2000, 2000, 3), 255, np.uint8), "BMP"))
    files = {name: archive.read(name) for archive in [zipfile.ZipFile(path)] for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    assert [(rule, row) for rule, row, _ in said(read(path)) if rule == "texture"] == [("texture", 1), ("texture", 2)]


def test_a_large_picture_is_made_as_small_as_a_tile_can_show() -> None:
    wide = np.zeros((10, 3 * LARGEST_SIDE, 3), np.uint8)
    wide[:, : LARGEST_SIDE * 3 // 2] = 200
    small = decoded(as_file(wide))
    assert small is not None
    assert small.shape == (3, LARGEST_SIDE, 3)
    assert (small[1, 10] == 200).all()
    assert not small[1, -10].any()


def test_only_opacity_that_shows_is_kept() -> None:
    opaque = np.dstack([quarters(), np.full((64, 64), 255, np.uint8)])
    plain, cut = decoded(as_file(opaque)), decoded(as_file(np.dstack([quarters(), np.eye(64, dtype=np.uint8) * 255])))
    assert plain is not None
    assert plain.shape[2] == 3
    assert cut is not None
    assert cut.shape[2] == 4


BROKEN: dict[str, Any] = {
    "no texture of that number": [[7, 0, 1, 2, 3]],
    "a place that is not there": [[0, 0, 1, 2, 99]],
    "fewer places than corners": [[0, 0, 1, 2]],
    "a negative place": [[0, 0, 1, 2, -1]],
    "no list": 5,
    "more rings than the face has": [[0, 0, 1, 2, 3], [0, 0, 1, 2]],
    "a truth": [[True, 0, 1, 2, 3]],
}


@pytest.mark.parametrize("values", BROKEN.values(), ids=BROKEN)
def test_a_malformed_texture_leaves_its_face_plain(tmp_path: Path, values: Any) -> None:
    document = cityjson()
    document["CityObjects"]["house-1"]["geometry"][0]["texture"]["summer"]["values"][0][SOUTH] = values
    files = {"houses.city.jsonl": sequence(document), "appearance/wall.png": as_file(quarters())}
    first, second = bodies(read(zipped(tmp_path / "houses.zip", files)))
    assert first.textures is not None
    assert second.textures is None


def test_the_default_theme_is_drawn_else_the_first_by_name(tmp_path: Path) -> None:
    document = cityjson()
    document["appearance"]["textures"].append({"type": "PNG", "image": "appearance/wall.png", "wrapMode": "mirror"})
    for house in document["CityObjects"].values():
        values = json.loads(json.dumps(house["geometry"][0]["texture"]["summer"]["values"]))
        values[0][SOUTH][0][0] = 1
        house["geometry"][0]["texture"]["winter"] = {"values": values}
    wraps = []
    for default in (None, "winter"):
        chosen = document if default is None else document | {"appearance": document["appearance"] | {"default-theme-texture": default}}
        wraps.append([f.textures.textures[0].wrap for f in bodies(read(textured_zip(tmp_path / "h.zip", chosen))) if f.textures])
    assert wraps == [[Wrap.REPEAT] * 2, [Wrap.MIRROR] * 2]


def test_loose_surfaces_lend_a_solid_their_pictures(tmp_path: Path) -> None:
    document = cityjson()
    for house in document["CityObjects"].values():
        (solid,) = house["geometry"]
        ring, shown = solid["boundaries"][0][SOUTH][0], solid.pop("texture")["summer"]["values"][0][SOUTH][0]
        loose = [[[*ring[2:], *ring[:2]]]]  # from another corner on
        values = [[[shown[0], *shown[3:], *shown[1:3]]]]
        house["geometry"].append({"type": "MultiSurface", "lod": "2", "boundaries": loose, "texture": {"a": {"values": values}}})
    check_houses(read(textured_zip(tmp_path / "houses.zip", document)))


def test_an_instance_shows_the_pictures_of_its_template(tmp_path: Path) -> None:
    document = cityjson()
    (geometry,) = document["CityObjects"]["house-1"]["geometry"]
    (shell,), (values,) = geometry["boundaries"], geometry["texture"]["summer"]["values"]
    boundaries = [[[i - 8 for i in ring] for ring in surface] for surface in shell]
    template = {"type": "MultiSurface", "lod": "2", "boundaries": boundaries, "texture": {"summer": {"values": values}}}
    corners = (vertices(1) - vertices(1)[0]).tolist()
    document["geometry-templates"] = {"templates": [template], "vertices-templates": corners}
    identity = np.eye(4).ravel().tolist()
    placed = {"type": "GeometryInstance", "template": 0, "boundaries": [8], "transformationMatrix": identity}
    document["CityObjects"]["house-1"]["geometry"] = [placed]
    check_houses(read(textured_zip(tmp_path / "houses.zip", document)))


def test_corners_that_repeat_go_with_their_places(tmp_path: Path) -> None:
    document = cityjson()
    for house in document["CityObjects"].values():
        (geometry,) = house["geometry"]
        ring, shown = geometry["boundaries"][0][SOUTH][0], geometry["texture"]["summer"]["values"][0][SOUTH][0]
        ring.insert(1, ring[0])
        shown.insert(2, shown[1])
    check_houses(read(textured_zip(tmp_path / "houses.zip", document)))


@pytest.mark.slow
def test_real_textured_buildings(real_data: Path) -> None:
    """Five buildings of the geoRES test data; two of its pictures are not in its ZIP."""
    path = real_data / "citygml-geores/geoRES_testdata_textured.zip"
    request = ReadRequest(path, (PartRequest(None, BUILDING, "houses"),), storage_srid=31467)
    messages = list(read_parts(choose_reader(request), request))
    shown = [int((f.textures.of_face > 0).sum()) for f in bodies(messages) if f.textures is not None]
    assert shown == [333, 162, 537, 10, 2]
    assert len(pictures(messages)) == 19
    missing = {text.rpartition("/")[2] for rule, _, text in said(messages) if rule == "texture"}
    assert missing == {"Blinds_Cloth_Horizontal.jpg", "holz_quer.jpg"}
