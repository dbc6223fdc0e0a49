"""Two houses with pictures on their walls, written by hand as CityJSON and as CityGML, and where on a wall which colour is."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from PIL import Image

from tests.tile_features import features, numbers
from tiles.columns import FeatureColumns, Representations, offsets_of
from tiles.memory_store import MemoryStore
from twin.face_textures import FaceTextures, Texture, Wrap
from twin.pictures import encode as picture_bytes
from twin.pictures import key_of, name_of
from twin.representation import Faces, encode_unpacked

SRID = 4549
ORIGIN = (591_000.0, 3_519_000.0, 5.0)
WALL_M, HEIGHT_M, APART_M = 8.0, 4.0, 20.0
COLORS = {"upper left": (220, 40, 40), "upper right": (40, 200, 60), "lower left": (40, 60, 220), "lower right": (230, 210, 40)}
"""Quarters of the picture."""
REPEATS = 4.0
"""How often the second house has the picture side by side on its wall."""
_SIDE = 64
_CORNERS = [(0, 0, 0), (WALL_M, 0, 0), (WALL_M, WALL_M, 0), (0, WALL_M, 0)]
_FACES = [[0, 3, 2, 1], [4, 5, 6, 7], [0, 1, 5, 4], [1, 2, 6, 5], [2, 3, 7, 6], [3, 0, 4, 7]]
"""Floor, roof, and the walls from the south counter-clockwise."""
SOUTH = 2


def quarters() -> NDArray[np.uint8]:
    """Return the pixels of the picture."""
    pixels = np.zeros((_SIDE, _SIDE, 3), np.uint8)
    half = _SIDE // 2
    for i, color in enumerate(COLORS.values()):
        row, column = divmod(i, 2)
        pixels[row * half : (row + 1) * half, column * half : (column + 1) * half] = color
    return pixels


def as_file(pixels: NDArray[np.uint8], kind: str = "PNG") -> bytes:
    """Return pixels as a picture."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


def vertices(house: int) -> NDArray[np.float64]:
    """Return the eight corners of a house, metres of the CRS."""
    foot = np.array([(x + house * APART_M, y, z) for x, y, z in _CORNERS])
    return np.concatenate([foot, foot + np.array([0, 0, HEIGHT_M])]) + np.array(ORIGIN)


def cityjson(image: str = "appearance/wall.png", wrap: str = "wrap", **texture: Any) -> dict[str, Any]:
    """Return the houses as CityJSON 2.0: the south wall of each shows the picture, once and ``REPEATS`` times."""
    corners = np.concatenate([vertices(0), vertices(1)])
    places = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [REPEATS, 0.0], [REPEATS, 1.0]]
    shown = [[0, 1, 2, 3], [0, 4, 5, 3]]
    objects = {}
    for house in (0, 1):
        values: list[Any] = [[[None]] for _ in _FACES]
        values[SOUTH] = [[0, *shown[house]]]
        geometry = {
            "type": "Solid",
            "lod": "2",
            "boundaries": [[[[i + 8 * house for i in face]] for face in _FACES]],
            "texture": {"summer": {"values": [values]}},
        }
        objects[f"house-{house}"] = {"type": "Building", "attributes": {"measuredHeight": HEIGHT_M}, "geometry": [geometry]}
    return {
        "type": "CityJSON",
        "version": "2.0",
        "transform": {"scale": [0.001] * 3, "translate": list(ORIGIN)},
        "metadata": {"referenceSystem": f"https://www.opengis.net/def/crs/EPSG/0/{SRID}"},
        "appearance": {"textures": [{"type": "PNG", "image": image, "wrapMode": wrap, **texture}], "vertices-texture": places},
        "CityObjects": objects,
        "vertices": np.rint((corners - ORIGIN) * 1000).astype(int).tolist(),
    }


def sequence(document: Mapping[str, Any]) -> bytes:
    """Return a document of houses as CityJSONSeq, each with all vertices and the whole appearance."""
    head = {k: v for k, v in document.items() if k != "appearance"} | {"CityObjects": {}, "vertices": []}
    shared = {k: document[k] for k in ("vertices", "appearance")}
    lines = [{"type": "CityJSONFeature", "id": name, "CityObjects": {name: o}, **shared} for name, o in document["CityObjects"].items()]
    return "\n".join(map(json.dumps, [head, *lines])).encode()


def citygml(version: str) -> bytes:
    """Return the houses as CityGML 2.0 or 3.0, with the picture in an appearance of the model."""
    core, bldg, app = (f"http://www.opengis.net/citygml{part}/{version}" for part in ("", "/building", "/appearance"))
    gml = "http://www.opengis.net/gml" + ("/3.2" if version == "3.0" else "")
    members, said = [], []
    for house in (0, 1):
        corners = vertices(house)
        polygons = []
        for number, face in enumerate(_FACES):
            ring = " ".join(f"{v:.3f}" for i in [*face, face[0]] for v in corners[i])
            polygons.append(
                f'<gml:surfaceMember><gml:Polygon gml:id="p{house}{number}"><gml:exterior><gml:LinearRing gml:id="r{house}{number}">'
                f'<gml:posList srsDimension="3">{ring}</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon></gml:surfaceMember>'
            )
        surface = "gml:Shell" if version == "3.0" else "gml:CompositeSurface"
        solid = f"<gml:Solid><gml:exterior><{surface}>{''.join(polygons)}</{surface}></gml:exterior></gml:Solid>"
        held = f"core:lod2Solid>{solid}</core:lod2Solid" if version == "3.0" else f"bldg:lod2Solid>{solid}</bldg:lod2Solid"
        members.append(f'<core:cityObjectMember><bldg:Building gml:id="house-{house}"><{held}></bldg:Building></core:cityObjectMember>')
        wide = REPEATS if house else 1.0
        said.append((f"{house}{SOUTH}", f"0 0 {wide} 0 {wide} 1 0 1 0 0"))
    parameterization = "".join(_parameterization(name, places, version) for name, places in said)
    texture = f"<app:imageURI>appearance/wall.png</app:imageURI><app:wrapMode>wrap</app:wrapMode>{parameterization}"
    data = "surfaceData" if version == "3.0" else "surfaceDataMember"
    appearance = (
        f"<{'core' if version == '3.0' else 'app'}:appearanceMember><app:Appearance><app:theme>summer</app:theme>"
        f"<app:{data}><app:ParameterizedTexture>{texture}</app:ParameterizedTexture></app:{data}></app:Appearance>"
        f"</{'core' if version == '3.0' else 'app'}:appearanceMember>"
    )
    envelope = f'<gml:boundedBy><gml:Envelope srsName="EPSG:{SRID}" srsDimension="3"/></gml:boundedBy>'
    names = f'xmlns:core="{core}" xmlns:bldg="{bldg}" xmlns:app="{app}" xmlns:gml="{gml}"'
    return f"<core:CityModel {names}>{envelope}{''.join(members)}{appearance}</core:CityModel>".encode()


def _parameterization(name: str, places: str, version: str) -> str:
    if version == "3.0":
        listed = (
            f"<app:TexCoordList><app:textureCoordinates>{places}</app:textureCoordinates><app:ring>#r{name}</app:ring></app:TexCoordList>"
        )
        held = f"<app:target>#p{name}</app:target><app:textureParameterization>{listed}</app:textureParameterization>"
        return f"<app:textureParameterization><app:TextureAssociation>{held}</app:TextureAssociation></app:textureParameterization>"
    listed = f'<app:textureCoordinates ring="#r{name}">{places}</app:textureCoordinates>'
    return f'<app:target uri="#p{name}"><app:TexCoordList>{listed}</app:TexCoordList></app:target>'


def zipped(path: Path, files: Mapping[str, bytes]) -> Path:
    """Write a ZIP."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def textured_zip(path: Path, document: Mapping[str, Any] | None = None, picture: bytes | None = None) -> Path:
    """Write the houses as CityJSON with their picture as a ZIP."""
    content = json.dumps(document or cityjson()).encode()
    return zipped(path, {"city/houses.city.json": content, "city/appearance/wall.png": picture or as_file(quarters())})


def faces(house: int, name: bytes, repeats: float = 1.0, wrap: Wrap = Wrap.REPEAT) -> Faces:
    """Return a house as it is stored, with the picture ``name`` on its south wall, ``repeats`` times side by side."""
    places = np.zeros((24, 2), np.float32)
    places[4 * SOUTH : 4 * SOUTH + 4] = [[0, 1], [repeats, 1], [repeats, 0], [0, 0]]
    shown = np.array([int(face == SOUTH) for face in range(6)], np.uint16)
    return Faces(
        vertices=vertices(house),
        indices=np.array(_FACES, np.uint32).ravel(),
        ring_ends=np.arange(4, 25, 4, dtype=np.uint32),
        face_ends=np.arange(1, 7, dtype=np.uint32),
        surface_type=np.array([3, 1, 2, 2, 2, 2], np.uint8),
        part=np.zeros(6, np.uint16),
        shell_ends=np.array([6], np.uint32),
        solid_ends=np.array([1], np.uint32),
        textures=FaceTextures((Texture(name, _SIDE, _SIDE, wrap),), shown, places),
    )


def columns(bodies: Sequence[Faces]) -> FeatureColumns:
    """Return houses as a build of tiles reads them, numbered from 1, each at its place."""
    encoded = [encode_unpacked(body) for body in bodies]
    footprints = [shapely.box(*body.vertices[:, :2].min(axis=0), *body.vertices[:, :2].max(axis=0)) for body in bodies]
    heights = {"height_m": numbers([HEIGHT_M] * len(bodies)), "base_height_m": numbers([ORIGIN[2]] * len(bodies))}
    data = np.frombuffer(b"".join(encoded), np.uint8)
    drawn = Representations(data, offsets_of(np.array([len(e) for e in encoded])), np.full(len(bodies), 20, np.uint8))
    return replace(features(footprints, heights), representations=drawn)


def store_with(*pictures: NDArray[np.uint8]) -> MemoryStore:
    """Return a store that holds pictures."""
    return MemoryStore({key_of(name_of(pixels)): picture_bytes(pixels) for pixels in pictures})
