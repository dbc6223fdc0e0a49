"""The geometry rules over one batch, as handed over and as stored: what is wrong with a row is said once, by the first rule it breaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import shapely

from ingest.body_arrays import laid_out
from ingest.checks.geometry import as_declared_type, has_non_finite, invalid, noded, place_of, reason_of
from ingest.checks.rules import Severities
from ingest.checks.shapes import shape_faults
from ingest.checks.values import FieldValues
from ingest.elevation import Elevated, with_elevation, without_void_heights
from ingest.georeference import Georeference
from ingest.judge import Judge
from ingest.protocol import KEPT_FINDINGS, Limits
from ingest.readers.source import Geometries, SourceBatch
from ingest.sure_rows import SureRows
from ingest.understanding.scale import scale_hint
from twin.errors import Text
from twin.model import FeatureType, Finding, FindingKind, Severity

Mask = npt.NDArray[np.bool_]
_EMPTY = Text(zh="几何为空", en="the geometry is empty")
_NON_FINITE = Text(zh="坐标不是有限数值", en="a coordinate is not a finite number")
_UNREACHABLE = Text(zh="坐标无法转换到存储坐标系", en="a coordinate cannot be brought into the storage CRS")
_EXCHANGED = Text(
    zh="两个坐标似乎互换了（经度与纬度，或东坐标与北坐标）：互换后位于本市；请改正，或声明轴序",
    en="its coordinates seem exchanged (longitude and latitude, or easting and northing): the other way round it lies in the city; mend it,"
    " or declare the order of axes",
)
_OUTSIDE = Text(zh="位置不在本市范围或坐标系适用范围内", en="outside the area of the city or of its coordinate system")
_FLAT = Text(zh="没有高程，按 0 米入库", en="no elevation: stored at 0 m")
_LEVEL = Text(zh="一端没有高程，按另一端高程水平入库", en="one end has no elevation: stored level with the other")
_DIFFERS = Text(zh="几何的 Z 与高程字段不一致，按高程字段入库", en="Z differs from the elevations given: stored at the latter")
_NODED = Text(zh="投影舍入使面自相交，已在 0.1 毫米内重建结点", en="rounding in the projection crossed edges: noded within 0.1 mm")


class GeometryChecker:
    """Runs the geometry rules over one batch; a row is named by the first rule it breaks."""

    def __init__(
        self,
        batch: SourceBatch,
        feature_type: FeatureType,
        placing: Georeference,
        limits: Limits,
        layer: str,
        judge: Judge,
        sure: SureRows,
    ) -> None:
        self.findings: list[Finding] = []
        self._judge = judge
        self._batch = batch
        self._type = feature_type
        self._placing = placing
        self._limits = limits
        self._layer = layer
        self._severities = Severities.of(feature_type)
        self._sure = sure
        self._good = ~sure.is_sure
        """Of the rows that are looked at; those that are sure have no geometry here."""

    def check(self, columns: Mapping[str, FieldValues]) -> tuple[Geometries, Elevated]:
        """Return the geometries in the storage CRS and their heights in the type's dimension; rows that broke a rule hold anything."""
        for fault, place in zip(self._batch.faults, self._stored([f.place for f in self._batch.faults]), strict=True):
            self._refuse(np.array([fault.index]), fault.rule, fault.message, place=place)
        geometry = self._batch.geometry
        self._refuse(shapely.is_missing(geometry) | shapely.is_empty(geometry), "geometry-empty", _EMPTY)
        geometry, wrong = as_declared_type(geometry, self._type.geometry_type)
        self._refuse(wrong, "geometry-type", lambda i: self._wrong_type(self._batch.geometry[i]))
        if self._type.has_z:
            geometry = self._with_known_heights(geometry)
        self._refuse(has_non_finite(geometry), "geometry-finite", _NON_FINITE)
        vertices = shapely.get_num_coordinates(geometry)
        self._refuse(vertices > self._limits.vertices_per_feature, "geometry-limit", lambda i: self._too_many(int(vertices[i])))
        self._check_validity(geometry, in_source=True)
        chosen = np.flatnonzero(self._good)
        in_source = geometry[chosen]
        placed = self._placing.place(in_source)
        geometry[chosen] = placed.geometry
        exchanged = self._exchanged(in_source, placed.unreachable | placed.outside)
        lost = {int(chosen[k]): _unreachable(in_source[k], is_exchanged=bool(exchanged[k])) for k in np.flatnonzero(placed.unreachable)}
        self._refuse(chosen[placed.unreachable], "geometry-finite", lost.__getitem__)
        hint = scale_hint(shapely.bounds(in_source[placed.outside])[:, :2])
        outside = {int(chosen[k]): _outside(in_source[k], _EXCHANGED if exchanged[k] else hint) for k in np.flatnonzero(placed.outside)}
        self._refuse(chosen[placed.outside], "area-of-use", outside.__getitem__, geometry)
        if not self._placing.is_unchanged:
            self._check_validity(geometry, in_source=False)
        result = with_elevation(geometry, columns, self._type)
        self._refuse(result.unknown, "height-missing", _FLAT)
        self._refuse(result.one_end, "height-missing", _LEVEL)
        self._refuse(result.differs, "height-differs", _DIFFERS)
        self._check_shapes(geometry)
        return geometry, result

    def _exchanged(self, in_source: Geometries, refused: Mask) -> Mask:
        """Return which of the refused geometries would lie in the city with first and second coordinate exchanged."""
        which = np.flatnonzero(refused)
        result = np.zeros(len(in_source), dtype=bool)
        if len(which):
            result[which] = self._placing.lie_inside(shapely.bounds(in_source[which])[:, [1, 0, 3, 2]])
        return result

    def _check_shapes(self, geometry: Geometries) -> None:
        """Note what the shape rules find among the rows that are still good; the outline of a body is ours, not the surveyor's."""
        drawn = self._good.copy()
        drawn[laid_out(self._batch.representations).row] = False
        chosen = np.flatnonzero(drawn)
        for fault in shape_faults(geometry[chosen], self._severities.number):
            row, severity = int(self._batch.rows[chosen[fault.index]]), self._severities.of_rule(fault.rule)
            self.findings.append(Finding(fault.rule, severity, row, fault.message, self._layer, None, fault.place, fault.value))

    def located(self, findings: Iterable[Finding], geometry: Geometries, told: Counter[FindingKind]) -> Iterator[Finding]:
        """Yield findings about values with the places of their rows, those that were placed; of each kind as many as are kept."""
        for f in findings:
            kind = FindingKind.of(f)
            told[kind] += 1
            if f.row is None or f.place is not None or told[kind] > KEPT_FINDINGS:
                yield f
            else:
                index = self._judge.index_of(f.row)
                yield replace(f, place=self._place(geometry, index))

    def _place(self, geometry: Geometries, index: int) -> tuple[float, float] | None:
        if self._sure.is_sure[index]:
            return self._sure.place_of(index)
        return place_of(geometry[index]) if self._good[index] else None

    def _stored(self, places: Sequence[tuple[float, float] | None]) -> list[tuple[float, float] | None]:
        """Return places of the source in the storage CRS, None where one has none there."""
        points = np.array([(np.nan, np.nan) if place is None else place for place in places], dtype=np.float64).reshape(-1, 2)
        known = np.isfinite(points).all(axis=1)
        if known.any():
            points[known] = self._placing.place_points(points[known])
        return [(x, y) if np.isfinite((x, y)).all() else None for x, y in points.tolist()]

    def _with_known_heights(self, geometry: Geometries) -> Geometries:
        result, void = without_void_heights(geometry)
        if count := int(void.sum()):
            note = Text(zh=f"{count} 个几何的 Z 值（-9999 等）按无值处理", en=f"Z of {count} geometries (-9999 or the like) counts as none")
            self.findings.append(Finding("no-value", Severity.INFO, None, note, self._layer))
        return result

    def _check_validity(self, geometry: Geometries, *, in_source: bool) -> None:
        """Refuse what is invalid as handed over, then what is so as stored: rounding by the operation can part or join edges."""
        chosen = np.flatnonzero(self._good)
        for index in chosen[invalid(geometry[chosen])]:
            if not in_source and (sound := noded(geometry[index])) is not None:
                geometry[index] = sound
                row, place = int(self._batch.rows[index]), place_of(sound)
                self.findings.append(Finding("geometry-noded", Severity.INFO, row, _NODED, self._layer, None, place))
                continue
            message, place = reason_of(geometry[index])
            if in_source and place is not None:
                place = self._placing.place_point(*place)
            self._refuse(np.array([index]), "geometry-valid", message, place=place)

    def _refuse(
        self,
        which: Mask | npt.NDArray[np.intp],
        rule: str,
        message: Text | Callable[[int], Text],
        geometry: Geometries | None = None,
        place: tuple[float, float] | None = None,
    ) -> None:
        """Add a finding for each of the rows ``which`` that is still good; it is so no more unless the rule is softened or waived."""
        severity = self._severities.of_rule(rule)
        indices = np.flatnonzero(which) if which.dtype == np.bool_ else which
        for index in indices[self._good[indices]]:
            text = message if isinstance(message, Text) else message(int(index))
            where = place if geometry is None else place_of(geometry[index])
            finding = self._judge.one(Finding(rule, severity, int(self._batch.rows[index]), text, self._layer, None, where))
            self.findings.append(finding)
            self._good[index] = not finding.rejects

    def _wrong_type(self, geometry: shapely.Geometry) -> Text:
        name = "null" if geometry is None else geometry.geom_type
        wanted = self._type.geometry_type
        return Text(zh=f"几何类型为 {name}，应为 {wanted}", en=f"the geometry is a {name}, not a {wanted}")

    def _too_many(self, vertices: int) -> Text:
        limit = self._limits.vertices_per_feature
        return Text(zh=f"顶点数 {vertices} 超过 {limit}", en=f"{vertices} vertices are more than {limit}")


def _unreachable(geometry: shapely.Geometry, *, is_exchanged: bool) -> Text:
    """Return that a geometry is nowhere, or with its first vertex that it lies in the city the other way round."""
    if not is_exchanged:
        return _UNREACHABLE
    x, y = shapely.get_coordinates(geometry)[0]
    place = f"({x:.10g}, {y:.10g})"
    return Text(zh=f"坐标 {place} 不在坐标系内；{_EXCHANGED.zh}", en=f"{place} is no place of its CRS; {_EXCHANGED.en}")


def _outside(geometry: shapely.Geometry, hint: Text | None) -> Text:
    """Return that a geometry lies outside, with its place, or of a line both ends, as they stand in the source, and why it may be so."""
    places = shapely.get_coordinates(geometry)
    first, last = (f"({x:.10g}, {y:.10g})" for x, y in (places[0], places[-1]))
    if geometry.geom_type == "Point":
        zh, en = f"坐标 {first} {_OUTSIDE.zh.removeprefix('位置')}", f"{first} is {_OUTSIDE.en}"
    elif geometry.geom_type == "LineString":
        zh, en = f"{_OUTSIDE.zh}：自 {first} 至 {last}", f"{_OUTSIDE.en}: from {first} to {last}"
    else:
        zh, en = f"{_OUTSIDE.zh}：首个顶点 {first}", f"{_OUTSIDE.en}: its first vertex is {first}"
    return Text(zh=zh, en=en) if hint is None else Text(zh=f"{zh}；{hint.zh}", en=f"{en}; {hint.en}")
