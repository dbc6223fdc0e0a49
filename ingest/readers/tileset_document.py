"""tileset.json held against what 3D Tiles 1.0 and 1.1 require of it: numbers, volumes and links of every tile (OGC 22-025r4 §6, §7)."""

from __future__ import annotations

import math
import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import numpy.typing as npt
import orjson

from ingest.refusals import rejected
from twin.errors import TwinError

FloatArray = npt.NDArray[np.float64]
Json = Mapping[str, Any]
_VERSIONS = ("1.0", "1.1")
_SIZES = {"box": 12, "region": 6, "sphere": 4}
_DRAWN_EXTENSIONS = frozenset(
    {"3DTILES_content_gltf", "3DTILES_implicit_tiling", "3DTILES_metadata", "3DTILES_multiple_contents", "3DTILES_draco_point_compression"}
)
"""Extensions that may be required: every viewer we serve knows them."""
_A_M, _F = 6_378_137.0, 1.0 / 298.257223563
_E2 = _F * (2.0 - _F)
_AFFINE_ROW = (3, 7, 11, 15)


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile of a tileset, checked."""

    where: str
    """Its place in the file, for messages."""
    points: FloatArray
    """(n, 3): where its volume reaches, geocentric metres."""
    transform: FloatArray
    """(4, 4): from the tile to geocentric metres."""
    contents: tuple[str, ...]
    """URIs or, of a tile with ``implicit``, their template."""
    implicit: Json | None


def invalid(where: str, en: str, zh: str) -> TwinError:
    """Return the error of a tileset that is not as the standard says."""
    return rejected("tileset-invalid", f"{where}: {en}", f"{where}：{zh}")


def parsed(content: bytes, where: str) -> Json:
    """Return a JSON object; RejectedError ``tileset-invalid`` when it is none."""
    try:
        document = orjson.loads(content.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise invalid(where, f"not JSON: {error}", f"不是 JSON:{error}") from error
    return _object(document, where)


def resolved(folder: str, uri: object, where: str, top: str = "") -> str:
    """Return the path in the archive that ``uri`` means from ``folder``; RejectedError ``model-uri-outside`` unless below ``top``."""
    if not isinstance(uri, str) or not uri:
        raise invalid(where, "a uri is missing", "缺少 uri")
    try:
        split = urlsplit(uri)
    except ValueError:
        split = None
    path = unquote(uri)
    if split is None or split.scheme or split.netloc or split.query or split.fragment or path.startswith("/") or "\\" in path:
        raise _outside(where, uri)
    place = posixpath.normpath(posixpath.join(folder, path))
    if place.split("/")[0] == ".." or not place.startswith(f"{top}/" if top else "") or not _is_path(place):
        raise _outside(where, uri)
    return place


def _is_path(name: str) -> bool:
    """Tell whether a name can be that of a file: of whole characters, none of them NUL."""
    try:
        return b"\0" not in name.encode()
    except UnicodeEncodeError:
        return False


def check_head(document: Json, where: str) -> None:
    """Refuse a tileset of another version, without its error, or that requires what is not drawn."""
    asset = _object(document.get("asset"), f"{where}/asset")
    if asset.get("version") not in _VERSIONS:
        raise invalid(f"{where}/asset/version", f"not 1.0 or 1.1: {asset.get('version')!r}", f"应为 1.0 或 1.1:{asset.get('version')!r}")
    if not isinstance(asset.get("tilesetVersion", ""), str):
        raise invalid(f"{where}/asset/tilesetVersion", "no text", "不是文本")
    _error_m(document, where)
    required, used = (_names(document, key, where) for key in ("extensionsRequired", "extensionsUsed"))
    if unknown := sorted(required - _DRAWN_EXTENSIONS):
        names = ", ".join(unknown)
        raise rejected(
            "tileset-extension", f"{where} requires extensions that are not drawn: {names}", f"{where} 要求不受支持的扩展：{names}"
        )
    if missing := sorted(required - used):
        raise invalid(f"{where}/extensionsRequired", f"not among extensionsUsed: {missing}", f"未列入 extensionsUsed:{missing}")


def tiles_of(document: Json, where: str, transform: FloatArray, count: Callable[[], None]) -> Iterator[Tile]:
    """Yield the tiles of a tileset, each checked; RejectedError ``tileset-invalid``. ``count`` is called for each and may refuse more.

    ``transform`` is what holds where the tileset hangs in another one.
    """
    open_tiles = [(document.get("root"), f"{where}/root", transform, True)]
    while open_tiles:
        value, place, above, is_root = open_tiles.pop()
        count()
        body = _object(value, place)
        if is_root and "refine" not in body:
            raise invalid(place, "refine is missing", "缺少 refine")
        if body.get("refine", "ADD") not in ("ADD", "REPLACE"):
            raise invalid(f"{place}/refine", f"not ADD or REPLACE: {body['refine']!r}", f"应为 ADD 或 REPLACE:{body['refine']!r}")
        _error_m(body, place)
        here = above @ _transform(body.get("transform"), f"{place}/transform")
        implicit = body.get("implicitTiling") or _object(body.get("extensions", {}), place).get("3DTILES_implicit_tiling")
        children = body.get("children", [])
        if not isinstance(children, list) or (implicit is not None and children):
            raise invalid(f"{place}/children", "no list of tiles", "不是瓦片数组")
        points = volume_points(body.get("boundingVolume"), here, f"{place}/boundingVolume")
        yield Tile(place, points, here, _contents(body, place), None if implicit is None else _object(implicit, place))
        open_tiles += [(child, f"{place}/children/{number}", here, False) for number, child in enumerate(children)]


def volume_points(value: object, transform: FloatArray, where: str) -> FloatArray:
    """Return points of a bounding volume's surface and middle, (27, 3) geocentric metres; RejectedError ``tileset-invalid``."""
    volume = _object(value, where)
    kind = next((k for k in _SIZES if k in volume), None)
    if kind is None:
        raise invalid(where, "neither box, region nor sphere", "没有 box、region 或 sphere")
    numbers = _numbers(volume[kind], _SIZES[kind], f"{where}/{kind}")
    steps = np.stack(np.meshgrid([-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0], indexing="ij"), axis=-1).reshape(-1, 3)
    if kind == "region":
        return _geocentric(_in_region(numbers, steps, f"{where}/region"))
    if kind == "sphere" and numbers[3] < 0:
        raise invalid(f"{where}/sphere", "a negative radius", "半径为负")
    axes = numbers[3:].reshape(3, 3) if kind == "box" else np.eye(3) * numbers[3]
    points: FloatArray = (numbers[:3] + steps @ axes) @ transform[:3, :3].T + transform[:3, 3]
    return points


def _in_region(region: FloatArray, steps: FloatArray, where: str) -> FloatArray:
    west, south, east, north, low, high = region
    if not (-math.pi <= west <= east <= math.pi and -math.pi / 2 <= south <= north <= math.pi / 2 and low <= high):
        raise invalid(where, f"no region: {region.tolist()}", f"不是有效范围：{region.tolist()}")
    begin, end = np.array([west, south, low]), np.array([east, north, high])
    return (begin + end) / 2 + steps * (end - begin) / 2


def _geocentric(radians: FloatArray) -> FloatArray:
    longitude, latitude, height = radians.T
    n = _A_M / np.sqrt(1.0 - _E2 * np.sin(latitude) ** 2)
    flat = (n + height) * np.cos(latitude)
    return np.column_stack([flat * np.cos(longitude), flat * np.sin(longitude), (n * (1.0 - _E2) + height) * np.sin(latitude)])


def _contents(body: Json, where: str) -> tuple[str, ...]:
    grouped = _object(body.get("extensions", {}), where).get("3DTILES_multiple_contents")
    several = body.get("contents") or (_object(grouped, where).get("contents") if grouped is not None else None)
    if several is not None and (not isinstance(several, list) or "content" in body):
        raise invalid(f"{where}/contents", "no list of contents, or one beside it", "不是内容数组，或与 content 并存")
    found = several or ([body["content"]] if "content" in body else [])
    uris: list[str] = []
    for number, value in enumerate(found):
        place = f"{where}/contents/{number}"
        content = _object(value, place)
        if "boundingVolume" in content:
            volume_points(content["boundingVolume"], np.eye(4), f"{place}/boundingVolume")
        uri = content.get("uri", content.get("url"))  # 1.0 drafts called it url, and viewers read it
        if not isinstance(uri, str):
            raise invalid(place, "a uri is missing", "缺少 uri")
        uris.append(uri)
    return tuple(uris)


def _transform(value: object, where: str) -> FloatArray:
    if value is None:
        return np.eye(4)
    numbers = _numbers(value, 16, where)
    if not np.array_equal(numbers[list(_AFFINE_ROW)], [0.0, 0.0, 0.0, 1.0]) or np.linalg.det(numbers.reshape(4, 4)[:3, :3]) == 0:
        raise invalid(where, "not affine", "不是仿射变换")
    return numbers.reshape(4, 4).T


def _numbers(value: object, length: int, where: str) -> FloatArray:
    if not isinstance(value, list) or len(value) != length or not all(_is_number(n) for n in value):
        raise invalid(where, f"not {length} numbers", f"应为 {length} 个数")
    return np.array(value, dtype=np.float64)


def _error_m(body: Json, where: str) -> float:
    value = body.get("geometricError")
    if not _is_number(value) or value < 0:  # type: ignore[operator]  # it is a number here
        raise invalid(f"{where}/geometricError", f"no length: {value!r}", f"不是长度：{value!r}")
    return float(value)  # type: ignore[arg-type]  # it is a number here


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _names(document: Json, key: str, where: str) -> set[str]:
    value = document.get(key)
    if value is None:
        return set()
    if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
        raise invalid(f"{where}/{key}", "no list of names", "不是名称数组")
    return set(value)


def _object(value: object, where: str) -> Json:
    if not isinstance(value, dict):
        raise invalid(where, "no JSON object", "不是 JSON 对象")
    return value


def _outside(where: str, uri: str) -> TwinError:
    shown = uri[:200].encode(errors="replace").decode()
    return rejected(
        "model-uri-outside",
        f"{where} refers to {shown!r}, which is no file of the model.",
        f"{where} 引用了模型之外的 {shown!r}。",
    )
