"""IFC 2x3, 4 and 4.3: buildings, storeys and spaces of a building model, each under its GlobalId, through IfcOpenShell.

A space keeps its own solid, a building the faces of its outer walls, slabs and roofs; outlines are what they cover in plan. Property sets
travel as columns ``Set.Property``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import ifcopenshell
import ifcopenshell.util.element
import ifcopenshell.util.placement
import ifcopenshell.util.unit
import numpy as np
import shapely

from ingest.protocol import FileInfo, LayerInfo, Limits, PartRequest, ReadRequest
from ingest.readers.ifc_head import is_complete
from ingest.readers.ifc_place import Placement, placement_of
from ingest.readers.ifc_shapes import ShapeMaker, faces_of, is_one_of, outline_of, surface_kind
from ingest.readers.json_columns import columns_of
from ingest.readers.layers import choose_layer
from ingest.readers.source import Representation, SourceBatch, SourceLayer
from ingest.refusals import rejected
from twin.representation import Faces, SurfaceType

_LAYERS: Mapping[str, str] = {"building": "IfcBuilding", "storey": "IfcBuildingStorey", "space": "IfcSpace"}
"""Layer, named like the FeatureType it becomes → entity."""
_ELEMENTS = ("IfcWall", "IfcSlab", "IfcRoof", "IfcCurtainWall", "IfcPlate")
"""What bounds a building."""
_LOD = "3"
_BELOW_M = 0.5
"""A storey whose floor lies deeper than this below the building's zero is below ground."""
_MOST_SETS = 400
Row = Mapping[str, object]


def _model(source: Path | bytes) -> ifcopenshell.file:
    """Return the model in a file, whose name IfcOpenShell would else guess the format by, or out of an archive."""
    if isinstance(source, Path):
        return ifcopenshell.open(str(source), ".ifc")
    return ifcopenshell.file.from_string(source.decode())


class Ifc:
    """One building model."""

    format = "IFC"

    def __init__(self, source: Path | bytes, request: ReadRequest) -> None:
        self._limits = request.limits
        if not is_complete(source):
            raise rejected("unreadable", "The IFC file breaks off before its end.", "IFC 文件不完整。")
        try:
            self._model = _model(source)
        except (ifcopenshell.Error, OSError, UnicodeDecodeError, RuntimeError) as error:
            raise rejected("unreadable", f"The IFC file cannot be read: {error}"[:300], "IFC 文件无法读取。") from error
        self._placement = placement_of(self._model, declared=request.crs is not None)
        self._structure, self._maker = _Structure(self._model), ShapeMaker()

    def inspect(self) -> FileInfo:
        """Return the layers that have features, with their properties as columns; no shape is made for it."""
        layers = [self._info(layer) for layer, entity in _LAYERS.items() if self._model.by_type(entity)]
        return FileInfo(f"{self.format} ({self._model.schema})", tuple(layers))

    def open(self, part: PartRequest, /) -> IfcLayer:
        """Return the buildings, storeys or spaces; RejectedError when the model has none."""
        present = [layer for layer, entity in _LAYERS.items() if self._model.by_type(entity)]
        if not present:
            raise rejected("no-features", "The model holds no building.", "模型中没有建筑。")
        layer = part.feature_type.name if part.layer is None and part.feature_type.name in present else choose_layer(part, present)
        return self._layer(layer)

    def _info(self, layer: str) -> LayerInfo:
        source = self._layer(layer).source
        return LayerInfo(layer, "MultiPolygon Z", source.columns, source.crs, source.rows, source.assumed, source.encoding)

    def _layer(self, layer: str) -> IfcLayer:
        return IfcLayer(self._structure, layer, self._placement, self._limits, self._maker)


class IfcLayer:
    """The entities of one kind."""

    def __init__(self, structure: _Structure, layer: str, placement: Placement, limits: Limits, maker: ShapeMaker) -> None:
        self._structure, self._layer, self._placement, self._limits, self._maker = structure, layer, placement, limits, maker
        self._objects = sorted(structure.model.by_type(_LAYERS[layer]), key=lambda o: o.id())
        self._rows = [self._row(o) for o in self._objects]
        columns = tuple(dict.fromkeys(name for row in self._rows for name in row))
        if len(columns) > limits.columns:
            raise rejected("too-many-columns", f"{len(columns)} columns.", f"列数 {len(columns)} 超过上限。")
        notes = () if placement.note is None else (placement.note,)
        self.source = SourceLayer(layer, columns, placement.crs, placement.assumed, "UTF-8", len(self._objects), notes)

    def batches(self) -> Iterator[SourceBatch]:
        """Yield the entities in the order of the file, numbered from 1, a few at a time: each may be a whole building."""
        size = 1 if self._layer == "building" else 200
        for first in range(0, len(self._objects), size):
            chosen = self._objects[first : first + size]
            bodies = [self._faces(o) for o in chosen]
            measured = [
                dict(row, **self._measured(o, b), **self._missing(o, b))
                for row, o, b in zip(self._rows[first : first + size], chosen, bodies, strict=True)
            ]
            geometry = np.empty(len(chosen), dtype=object)
            geometry[:] = [self._outline(o, b) for o, b in zip(chosen, bodies, strict=True)]
            yield SourceBatch(
                rows=np.arange(first + 1, first + len(chosen) + 1, dtype=np.int64),
                geometry=geometry,
                columns=columns_of(measured),
                representations=() if self._layer == "storey" else tuple(self._representations(bodies)),
            )

    def _row(self, entity: ifcopenshell.entity_instance) -> Row:
        structure, floor_m = self._structure, self._structure.elevation_m(entity)
        own: dict[str, object] = {
            f"{self._layer}_id": entity.GlobalId,
            "name": entity.LongName or entity.Name,
            "Name": entity.Name,
            "ObjectType": entity.ObjectType,
        }
        if self._layer != "building":
            own["building_id"] = _guid(structure.above(entity, "IfcBuilding"))
            own["floor_elevation_m"] = round(self._height_m(floor_m), 4)
        if self._layer == "space":
            own["storey_id"] = _guid(structure.above(entity, "IfcBuildingStorey"))
        if self._layer == "storey":
            own["level"] = structure.level(entity)
            own["storey_height_m"] = structure.storey_height_m(entity)
        own["area_m2"] = structure.area_m2(entity)
        return {name: value for name, value in own.items() if value is not None} | _properties(entity)

    def _faces(self, entity: ifcopenshell.entity_instance) -> Faces | None:
        """Return what the entity consists of, placed in the map."""
        if self._layer == "space":
            shape = self._maker.shape(entity)
            made = None if shape is None else faces_of([(shape, SurfaceType.INTERIOR_WALL)], solid=True)
        else:
            products = self._structure.bounding(entity) if self._layer == "building" else self._structure.covering(entity)
            made = self._together(products)
        return None if made is None else _placed(made, self._placement)

    def _together(self, products: Sequence[ifcopenshell.entity_instance]) -> Faces | None:
        shapes = ((shape, surface_kind(p)) for p in products if (shape := self._maker.shape(p)) is not None)
        return faces_of(shapes, solid=False)

    def _outline(self, entity: ifcopenshell.entity_instance, body: Faces | None) -> shapely.MultiPolygon | None:
        """Return what the entity covers: of a building also its floors and rooms, which lie within its walls."""
        if self._layer == "building" and (whole := self._together(self._structure.everything(entity))) is not None:
            return outline_of(_placed(whole, self._placement))
        return None if body is None else outline_of(body)

    def _representations(self, bodies: Sequence[Faces | None]) -> Iterator[Representation]:
        for index, faces in enumerate(bodies):
            if faces is not None and len(faces.vertices) <= self._limits.vertices_per_feature:
                yield Representation(index, _LOD, faces, None)

    def _missing(self, building: ifcopenshell.entity_instance, body: Faces | None) -> Row:
        """Return, for a building, how many of its elements have no shape that could be made, and whether its body is too large to keep."""
        if self._layer != "building":
            return {}
        elements = self._structure.bounding(building)
        without = sum(not self._maker.has_shape(e) for e in elements)
        found: dict[str, object] = {"ifc_elements": len(elements), "ifc_elements_without_shape": without}
        if body is not None and len(body.vertices) > self._limits.vertices_per_feature:
            found["ifc_body_left_out"] = f"{len(body.vertices)} vertices"
        return found

    def _measured(self, entity: ifcopenshell.entity_instance, faces: Faces | None) -> Row:
        """Return what only the shape tells: the clear height of a space, and at what height a building stands.

        That is the zero of the building, which is its ground floor or the ground, unless its body lies elsewhere; its footings are lower.
        """
        if faces is None or self._layer == "storey":
            return {}
        low, high = float(faces.vertices[:, 2].min()), float(faces.vertices[:, 2].max())
        if self._layer == "space":
            return {"height_m": round(high - low, 4)}
        zero = self._height_m(self._structure.elevation_m(entity))
        return {"base_height_m": round(zero if low <= zero < high else low, 4)}

    def _height_m(self, z_m: float) -> float:
        return float(self._placement.place(np.array([[0.0, 0.0, z_m]]))[0, 2])


@dataclass(frozen=True)
class _Structure:
    """The spatial structure of a model: what is in what, storey by storey."""

    model: ifcopenshell.file
    _elevations_m: dict[int, float] = field(default_factory=dict)
    """Of origins, by the number of their placement: asked for of every storey of a building again and again."""
    _bounding: dict[int, list[ifcopenshell.entity_instance]] = field(default_factory=dict)
    """Of buildings, by number."""

    @cached_property
    def unit_m(self) -> float:
        """Length in metres of the project's unit."""
        return float(ifcopenshell.util.unit.calculate_unit_scale(self.model))

    def above(self, entity: ifcopenshell.entity_instance, kind: str) -> ifcopenshell.entity_instance | None:
        """Return the nearest entity of a kind that this one is a part of."""
        parent = ifcopenshell.util.element.get_aggregate(entity)
        while parent is not None and not is_one_of(parent, kind):
            parent = ifcopenshell.util.element.get_aggregate(parent)
        return parent

    def elevation_m(self, entity: ifcopenshell.entity_instance) -> float:
        """Return the height of an entity's own origin in the model."""
        if (placement := entity.ObjectPlacement) is None:
            return 0.0
        number = int(placement.id())
        if number not in self._elevations_m:
            self._elevations_m[number] = float(ifcopenshell.util.placement.get_local_placement(placement)[2, 3]) * self.unit_m
        return self._elevations_m[number]

    def storeys(self, entity: ifcopenshell.entity_instance) -> Sequence[ifcopenshell.entity_instance]:
        """Return the storeys of the same building, from below."""
        return self._storeys_of[_number(self.above(entity, "IfcBuilding"))]

    @cached_property
    def _storeys_of(self) -> Mapping[int, Sequence[ifcopenshell.entity_instance]]:
        """Storeys from below, by the number of their building; 0 where they are of none."""
        found: dict[int, list[ifcopenshell.entity_instance]] = {}
        for storey in sorted(self.model.by_type("IfcBuildingStorey"), key=lambda s: (self.elevation_m(s), s.id())):
            found.setdefault(_number(self.above(storey, "IfcBuilding")), []).append(storey)
        return found

    def level(self, storey: ifcopenshell.entity_instance) -> int:
        """Return 1 for the lowest storey above ground, 2 … above it, -1, -2 … below it."""
        storeys = self.storeys(storey)
        building = self.above(storey, "IfcBuilding")
        ground_m = self.elevation_m(building) if building is not None else 0.0
        below = sum(self.elevation_m(s) < ground_m - _BELOW_M for s in storeys)
        place = storeys.index(storey) - below
        return place + 1 if place >= 0 else place

    def storey_height_m(self, storey: ifcopenshell.entity_instance) -> float | None:
        """Return the height up to the next floor; None of the topmost."""
        storeys = self.storeys(storey)
        above = [self.elevation_m(s) for s in storeys if self.elevation_m(s) > self.elevation_m(storey)]
        return round(min(above) - self.elevation_m(storey), 4) if above else None

    def area_m2(self, entity: ifcopenshell.entity_instance) -> float | None:
        """Return the gross, else the net floor area among the quantities."""
        quantities = ifcopenshell.util.element.get_psets(entity, qtos_only=True).values()
        for name in ("GrossFloorArea", "NetFloorArea"):
            for each in quantities:
                if isinstance(each.get(name), int | float) and math.isfinite(each[name]) and each[name] > 0:
                    return round(float(each[name]), 4)
        return None

    def covering(self, storey: ifcopenshell.entity_instance) -> list[ifcopenshell.entity_instance]:
        """Return what makes the outline of a storey: its spaces and slabs, its walls and footings where it has neither."""
        contained = ifcopenshell.util.element.get_contained(storey)
        floors = [p for p in ifcopenshell.util.element.get_parts(storey) if is_one_of(p, "IfcSpace")]
        floors += [e for e in contained if is_one_of(e, "IfcSlab")]
        return floors or [e for e in contained if is_one_of(e, *_ELEMENTS, "IfcFooting")]

    def bounding(self, building: ifcopenshell.entity_instance) -> list[ifcopenshell.entity_instance]:
        """Return walls, slabs and roofs of a building, the outer ones where the model says which are."""
        number = _number(building)
        if number not in self._bounding:
            elements = [e for e in self.everything(building) if is_one_of(e, *_ELEMENTS)]
            self._bounding[number] = [e for e in elements if _is_external(e)] or elements
        return self._bounding[number]

    def everything(self, building: ifcopenshell.entity_instance) -> list[ifcopenshell.entity_instance]:
        """Return what a building covers the ground with: walls, slabs, roofs and spaces."""
        inside = ifcopenshell.util.element.get_decomposition(building)
        return sorted((e for e in inside if is_one_of(e, *_ELEMENTS, "IfcSpace")), key=lambda e: int(e.id()))


def _is_external(element: ifcopenshell.entity_instance) -> bool:
    sets = ifcopenshell.util.element.get_psets(element, psets_only=True)
    return any(s.get("IsExternal") is True for name, s in sets.items() if name.endswith("Common"))


def _placed(faces: Faces, placement: Placement) -> Faces:
    return Faces(
        placement.place(faces.vertices),
        faces.indices,
        faces.ring_ends,
        faces.face_ends,
        faces.surface_type,
        faces.part,
        faces.shell_ends,
        faces.solid_ends,
    )


def _properties(entity: ifcopenshell.entity_instance) -> dict[str, object]:
    """Return the single values of an entity's property and quantity sets as ``Set.Property``."""
    found = {
        f"{name}.{key}": value
        for name, values in ifcopenshell.util.element.get_psets(entity).items()
        for key, value in values.items()
        if key != "id" and isinstance(value, str | int | float | bool)
    }
    return dict(list(found.items())[:_MOST_SETS])


def _number(entity: ifcopenshell.entity_instance | None) -> int:
    return 0 if entity is None else int(entity.id())


def _guid(entity: ifcopenshell.entity_instance | None) -> str | None:
    return None if entity is None else str(entity.GlobalId)
