"""CityJSON features → the bytes of one file: a sequence of lines, or a document with one array of vertices (CityJSON 2.0 §1, §5)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from ingest.readers.cityjson_numbers import Numbers, renumbered
from twin.exact_json import as_spelled

Feature = Mapping[str, Any]
"""A CityJSONFeature in the file's transform."""
_SPOOLED_BYTES = 32 << 20


def sequence(header: Mapping[str, Any], features: Iterable[Feature]) -> Iterator[bytes]:
    """Yield a CityJSONSeq: the first line says what holds for all, each further line is one feature."""
    yield as_spelled({"type": "CityJSON", **header, "CityObjects": {}, "vertices": []}, orjson.OPT_APPEND_NEWLINE)
    for feature in features:
        yield as_spelled(feature, orjson.OPT_APPEND_NEWLINE)


def document(header: Mapping[str, Any], features: Iterable[Feature]) -> Iterator[bytes]:
    """Yield a CityJSON document piece by piece; vertices wait in a temporary file, so memory does not grow with the city."""
    pool = _Appearance(header.get("appearance") or {})
    rest = {k: v for k, v in header.items() if k != "appearance"}
    with tempfile.SpooledTemporaryFile(_SPOOLED_BYTES) as vertices:
        yield as_spelled({"type": "CityJSON", **rest})[:-1] + b',"CityObjects":{'
        count = 0
        first = True
        for feature in features:
            numbers = pool.numbers(feature.get("appearance") or {}, count)
            objects = {name: renumbered(o, numbers) for name, o in feature["CityObjects"].items()}
            if objects:
                yield (b"" if first else b",") + as_spelled(objects)[1:-1]
                first = False
            if feature["vertices"]:
                vertices.write((b"," if count else b"") + orjson.dumps(feature["vertices"])[1:-1])
                count += len(feature["vertices"])
        yield b'},"vertices":['
        vertices.seek(0)
        while piece := vertices.read(1 << 20):
            yield piece
        appearance = pool.content()
        yield b"]" + (b',"appearance":' + as_spelled(appearance) if appearance else b"") + b"}\n"


class _Appearance:
    """Materials, textures and texture vertices of all features, equal materials and textures once."""

    def __init__(self, first: Mapping[str, Any]) -> None:
        self._themes = {k: v for k, v in first.items() if k.startswith("default-theme")}
        self._lists: dict[str, list[Any]] = {name: list(first.get(name) or []) for name in ("materials", "textures", "vertices-texture")}
        self._known: dict[str, dict[bytes, int]] = {
            name: {as_spelled(value): i for i, value in enumerate(self._lists[name])} for name in ("materials", "textures")
        }

    def numbers(self, own: Mapping[str, Any], vertices_before: int) -> Numbers:
        """Return the numbers of one feature in the whole, its appearance taken in."""
        self._themes |= {k: v for k, v in own.items() if k.startswith("default-theme")}
        materials = [self._place("materials", m) for m in own.get("materials") or []]
        textures = [self._place("textures", t) for t in own.get("textures") or []]
        corners_before = len(self._lists["vertices-texture"])
        self._lists["vertices-texture"] += own.get("vertices-texture") or []
        return Numbers(
            vertex=lambda i: i + vertices_before,
            material=lambda i: materials[i],
            texture=lambda i: textures[i],
            corner=lambda i: i + corners_before,
        )

    def content(self) -> dict[str, Any]:
        """Return the appearance of the whole, empty when there is none."""
        used = {name: values for name, values in self._lists.items() if values}
        return {**used, **self._themes} if used else {}

    def _place(self, name: str, value: object) -> int:
        known = self._known[name]
        place = known.setdefault(as_spelled(value), len(self._lists[name]))
        if place == len(self._lists[name]):
            self._lists[name].append(value)
        return place
