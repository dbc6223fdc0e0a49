"""What is wrong with the geometries of a city object that could not be read, in words: looked for once reading has failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ingest.readers.cityjson_faces import SURFACES, lod_of
from ingest.readers.cityjson_frame import Frame, Json
from ingest.readers.cityjson_objects import CityFeature
from twin.errors import Text

_MOST_NAME, _MOST_SAID = 100, 40
_WITH_SURFACES = SURFACES | {"Solid", "MultiSolid", "CompositeSolid"}
_VERTEX = Text(zh="顶点", en="vertex")
_SURFACE = Text(zh="semantics 的表面", en="semantic surface")
_MATERIAL = Text(zh="材质", en="material")
_TEXTURE = Text(zh="纹理", en="texture")
_CORNER = Text(zh="纹理坐标", en="texture vertex")
_TEMPLATE = Text(zh="模板", en="template")
_UNKNOWN = Text(
    zh="几何不合 CityJSON 规范：数组的嵌套层数或其中的值与其类型不符",
    en="its geometry is not as CityJSON has it: arrays are nested, or hold values, as its type does not have them",
)
_MATRIX = Text(zh="transformationMatrix 应为 16 个数", en="transformationMatrix is not of 16 numbers")
_NO_OBJECT = Text(zh="不是 JSON 对象", en="is no JSON object")


def geometry_fault(feature: CityFeature, frame: Frame) -> Text:
    """Return what keeps a feature from being read: the object, its geometry, and which number names nothing, as far as that is found."""
    for name, city_object in feature.members:
        geometries = city_object.get("geometry")
        for number, geometry in enumerate(geometries if isinstance(geometries, list) else [], start=1):
            found = next(_faults(geometry, feature, frame), None)
            if found is not None:
                kind, lod = (str(geometry.get(k))[:_MOST_SAID] if isinstance(geometry, dict) else "?" for k in ("type", "lod"))
                return Text(
                    zh=f"{name[:_MOST_NAME]} 的第 {number} 个几何（{kind}，LoD {lod}）：{found.zh}",
                    en=f"{name[:_MOST_NAME]}, geometry {number} ({kind}, LoD {lod}): {found.en}",
                )
    return Text(zh=f"{feature.id[:_MOST_NAME]}：{_UNKNOWN.zh}", en=f"{feature.id[:_MOST_NAME]}: {_UNKNOWN.en}")


def _faults(geometry: object, feature: CityFeature, frame: Frame) -> Iterator[Text]:
    """Yield what is wrong with one geometry."""
    if not isinstance(geometry, dict):
        yield _NO_OBJECT
        return
    boundaries, scope = geometry.get("boundaries"), feature.scope
    if geometry.get("type") in _WITH_SURFACES and (wrong := _wrong_lod(geometry)) is not None:
        yield wrong
    if geometry.get("type") == "GeometryInstance":
        yield from _misnamed([geometry.get("template")], _TEMPLATE, len(frame.templates))
        matrix = geometry.get("transformationMatrix")
        if not isinstance(matrix, list) or len(matrix) != 16 or not all(isinstance(v, int | float) for v in matrix):
            yield _MATRIX
    yield from _misnamed(boundaries or [], _VERTEX, len(scope.placed.positions))
    semantics = geometry.get("semantics")
    if isinstance(semantics, dict):
        yield from _misnamed(semantics.get("values"), _SURFACE, _length(semantics.get("surfaces")), nullable=True)
    if scope.appearance is not None:
        yield from _appearance_faults(geometry, scope.appearance)


def _appearance_faults(geometry: Json, appearance: Json) -> Iterator[Text]:
    """Yield what a geometry names of an appearance that is not in it."""
    for theme in _themes(geometry.get("material")):
        numbers = [theme.get("value"), theme.get("values")]
        yield from _misnamed(numbers, _MATERIAL, _length(appearance.get("materials")), nullable=True)
    for theme in _themes(geometry.get("texture")):
        textures, corners = _named_by_rings(theme.get("values"))
        yield from _misnamed(textures, _TEXTURE, _length(appearance.get("textures")), nullable=True)
        yield from _misnamed(corners, _CORNER, _length(appearance.get("vertices-texture")), nullable=True)


def _wrong_lod(geometry: Json) -> Text | None:
    try:
        lod_of(geometry)
    except (ValueError, OverflowError):
        said = f"{geometry.get('lod')!r}"[:_MOST_SAID]
        return Text(zh=f"细节层次 lod 为 {said}，应为 0 至 4，可带一位小数", en=f"its lod is {said}, not 0 to 4 with a decimal or none")
    return None


def _misnamed(numbers: object, what: Text, count: int, *, nullable: bool = False) -> Iterator[Text]:
    """Yield what is no number of one of ``count`` things."""
    for number in _leaves(numbers):
        if number is None and nullable:
            continue
        if type(number) is not int:
            said = f"{number!r}"[:_MOST_SAID]
            yield Text(zh=f"{what.zh}的编号处是 {said}", en=f"{said} stands where the number of a {what.en} should")
        elif not 0 <= number < count:
            yield Text(
                zh=f"引用了{what.zh} {number}，但只有 {count} 个（编号从 0 开始）",
                en=f"{what.en} {number} is named, of {count} (counted from 0)",
            )


def _leaves(numbers: object) -> Iterator[Any]:
    """Yield what stands in nested lists, in its order."""
    waiting = [numbers]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting.extend(reversed(one))
        else:
            yield one


def _named_by_rings(values: object) -> tuple[list[Any], list[Any]]:
    """Return the textures and the corners that innermost lists name."""
    textures, corners, waiting = [], [], [values]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list) and one and not isinstance(one[0], list):
            textures.append(one[0])
            corners.extend(one[1:])
        elif isinstance(one, list):
            waiting.extend(reversed(one))
    return textures, corners


def _themes(content: object) -> list[Json]:
    return [theme for theme in content.values() if isinstance(theme, dict)] if isinstance(content, dict) else []


def _length(content: object) -> int:
    return len(content) if isinstance(content, list) else 0
