"""What a CityJSON document says about all its objects: version, transform, reference system, templates (CityJSON 2.0 §4–6)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from ingest.refusals import rejected, unsupported
from twin.errors import TwinError
from twin.exact_json import as_spelled, json_value

Json = Mapping[str, Any]
"""A parsed JSON object; what is in it is looked at where it is used."""
FloatArray = npt.NDArray[np.float64]

VERSIONS = ("1.0", "1.1", "2.0")
_CODE_IN_URL = re.compile(r"def/crs/([A-Za-z]+)/[^/]+/([A-Za-z0-9]+)/?$")
_CODE_IN_URN = re.compile(r"(?:urn:ogc:def:)?crs:([A-Za-z]+):[^:]*:([A-Za-z0-9]+)$", re.IGNORECASE)
_PLAIN_CODE = re.compile(r"^([A-Za-z]+)::?([A-Za-z0-9]+)$")
_URL_IN_COMPOUND = re.compile(r"[?&]\d+=([^&]+)")
_NOT_IN_HEADER = frozenset({"type", "CityObjects", "vertices", "appearance"})
_FINEST_SCALE_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Vertices:
    """Positions that geometries name by number; several numbers may mean one position."""

    positions: FloatArray
    """(n, 3) in the reference system."""
    first: Sequence[int]
    """Number → the first number of the same position."""

    @staticmethod
    def at(positions: FloatArray) -> Vertices:
        """Return vertices at ``positions``."""
        numbers: dict[tuple[float, ...], int] = {}
        return Vertices(positions, [numbers.setdefault(tuple(place), k) for k, place in enumerate(positions.tolist())])


@dataclass(frozen=True, slots=True)
class Frame:
    """The document around the objects."""

    version: str
    crs: str | None
    """Authority code (``EPSG:7415``, ``EPSG:28992+5109``), or the text itself where it is of no known spelling."""
    scale: FloatArray
    translate: FloatArray
    templates: tuple[Json, ...]
    template_vertices: FloatArray
    header: bytes
    """The document without objects, vertices and appearance, as JSON: what every document of its objects shares."""
    template_appearance: Json | None = None
    """What templates name by number."""

    def placed(self, vertices: npt.NDArray[np.int64]) -> Vertices:
        """Return integer vertices (n, 3) in the reference system."""
        return Vertices.at(vertices * self.scale + self.translate)


def read_frame(document: Json) -> Frame:
    """Return the frame of a CityJSON object; RejectedError ``cityjson-invalid``, UnsupportedMediaError ``cityjson-version``."""
    if document.get("type") != "CityJSON":
        raise invalid(f'"type" is {document.get("type")!r}, not "CityJSON"', f"“type”为 {document.get('type')!r}，应为“CityJSON”")
    version = str(document.get("version"))[:20]
    known = next((v for v in VERSIONS if version == v or version.startswith(v + ".")), None)
    if known is None:
        raise unsupported(
            f"CityJSON {version} is not read; versions {', '.join(VERSIONS)} are.",
            f"不支持 CityJSON {version}；支持的版本为 {'、'.join(VERSIONS)}。",
            "cityjson-version",
        )
    scale, translate = _transform(document.get("transform"))
    templates, template_vertices = _templates(document.get("geometry-templates"))
    header = {k: v for k, v in document.items() if k not in _NOT_IN_HEADER}
    appearance = document.get("appearance")
    if any("material" in t or "texture" in t for t in templates):
        header["appearance"] = appearance  # templates name it by its own numbers
    metadata = document.get("metadata")
    return Frame(
        version=known,
        crs=reference_system(metadata if isinstance(metadata, dict) else {}),
        scale=scale,
        translate=translate,
        templates=templates,
        template_vertices=template_vertices,
        header=as_spelled(header, orjson.OPT_SORT_KEYS),
        template_appearance=appearance if isinstance(appearance, dict) else None,
    )


def reference_system(metadata: Json) -> str | None:
    """Return the CRS that ``metadata.referenceSystem`` names in any of its spellings, None when it names none.

    Versions 1.1 and 2.0 write a URL of OGC's definition server, 1.0 a URN; compounds are joined by ``+``.
    """
    named = metadata.get("referenceSystem")
    if named is None or named == "":
        return None
    if isinstance(named, int):
        return f"EPSG:{named}"
    if not isinstance(named, str):
        raise invalid("metadata.referenceSystem is no text", "metadata.referenceSystem 不是文本")
    text = named.strip()
    parts = _URL_IN_COMPOUND.findall(text) or (text.split(",") if text.lower().startswith("urn:") else [text])
    codes = [code for part in parts if (code := _code(part.strip())) is not None]
    if not codes:
        return text
    return codes[0] if len(codes) == 1 else "+".join([codes[0], *(c.partition(":")[2] for c in codes[1:])])


def _code(text: str) -> str | None:
    match = _CODE_IN_URL.search(text) or _CODE_IN_URN.search(text) or _PLAIN_CODE.match(text)
    return f"{match[1].upper()}:{match[2]}" if match else None


def _transform(transform: object) -> tuple[FloatArray, FloatArray]:
    if transform is None:
        return np.ones(3), np.zeros(3)
    content = transform if isinstance(transform, dict) else {}
    try:
        scale = np.array(content["scale"], dtype=np.float64)
        translate = np.array(content["translate"], dtype=np.float64)
    except (TypeError, KeyError, ValueError) as error:
        raise invalid('"transform" has no scale or translate', "“transform”缺少 scale 或 translate") from error
    sound = scale.shape == translate.shape == (3,) and np.isfinite(scale).all() and np.isfinite(translate).all() and (scale > 0).all()
    if not sound:
        raise invalid('"transform" is not of three numbers each', "“transform”的 scale、translate 应各为三个数")
    return scale, translate


def _templates(content: object) -> tuple[tuple[Json, ...], FloatArray]:
    if not isinstance(content, dict):
        return (), np.zeros((0, 3))
    templates = content.get("templates") or []
    vertices = content.get("vertices-templates") or []
    if not isinstance(templates, list) or not all(isinstance(t, dict) for t in templates):
        raise invalid("geometry-templates.templates is not an array of objects", "geometry-templates.templates 不是对象数组")
    return tuple(templates), positions_of(vertices)


def positions_of(vertices: object) -> FloatArray:
    """Return an array of vertices as (n, 3) float64; RejectedError ``cityjson-invalid`` when it is none."""
    try:
        array = np.array(vertices, dtype=np.float64) if vertices else np.zeros((0, 3))
    except (TypeError, ValueError, OverflowError) as error:
        raise invalid("a vertex is not of three numbers", "顶点不是三个数") from error
    if array.ndim != 2 or array.shape[1] != 3 or not np.isfinite(array).all():
        raise invalid("a vertex is not of three numbers", "顶点不是三个数")
    return array


def with_integers(document: Json) -> tuple[Json, npt.NDArray[np.int64]]:
    """Return the document with a transform, and its vertices as integers.

    One without a transform (1.0 allows that) gets the coarsest decimal scale that holds every digit of its vertices, 1 nm at most.
    """
    positions = positions_of(document.get("vertices"))
    if document.get("transform") is not None:
        return document, np.rint(positions).astype(np.int64)
    for digits in range(3, _FINEST_SCALE_DIGITS + 1):
        integers = np.rint(positions * 10.0**digits)
        if (
            digits == _FINEST_SCALE_DIGITS
            or np.abs(integers / 10.0**digits - positions).max(initial=0.0) < 0.5 * 10.0**-_FINEST_SCALE_DIGITS
        ):
            break
    scale = 10.0**-digits
    return {**document, "transform": {"scale": [scale] * 3, "translate": [0.0] * 3}}, integers.astype(np.int64)


_NO_MEMORY = "Not enough memory"
"""What orjson says of a text for which it gets no buffer: twelve times its length."""


def parsed(text: bytes | memoryview) -> Json:
    """Return a JSON object, by `json_value`; RejectedError ``cityjson-invalid`` when the text is none, MemoryError when it does not fit."""
    try:
        value = json_value(text)
    except ValueError as error:
        if _NO_MEMORY in str(error):
            raise MemoryError(str(error)) from error
        raise invalid(str(error), str(error)) from error
    if not isinstance(value, dict):
        raise invalid("the document is not an object", "文档不是 JSON 对象")
    return value


def too_large(size: int) -> TwinError:
    """Return the error of a document of ``size`` bytes that does not fit a reader's memory."""
    return rejected(
        "cityjson-too-large",
        f"A CityJSON document of {size >> 20} MB cannot be read whole; make it a CityJSONSeq.",
        f"CityJSON 文档有 {size >> 20} MB，无法整体读取；请转换为 CityJSONSeq。",
    )


def invalid(en: str, zh: str) -> TwinError:
    """Return the error of a file that is not CityJSON as its version has it."""
    return rejected("cityjson-invalid", f"The file is not valid CityJSON: {en}.", f"文件不是有效的 CityJSON：{zh}。")


def names(objects: Sequence[str]) -> str:
    """Return some names for a message, shortened."""
    return ", ".join(o[:80] for o in objects[:5])
