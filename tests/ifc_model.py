"""A small IFC4 model of a house of two storeys and two rooms, written by IfcOpenShell's authoring functions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import ifcopenshell
import ifcopenshell.api.aggregate
import ifcopenshell.api.context
import ifcopenshell.api.geometry
import ifcopenshell.api.georeference
import ifcopenshell.api.project
import ifcopenshell.api.pset
import ifcopenshell.api.root
import ifcopenshell.api.spatial
import ifcopenshell.api.unit
import numpy as np


@dataclass(frozen=True, slots=True)
class MapConversion:
    """Where the model's origin lies in a map, and how its x axis is turned (abscissa and ordinate of a direction)."""

    crs: str
    eastings: float
    northings: float
    height: float
    abscissa: float = 1.0
    ordinate: float = 0.0
    unit: str | None = "METRE"
    """What the CRS says its unit is (METRE, MILLI METRE), as it need not."""
    scale: float = 0.001


def write_house(path: Path, place: MapConversion | None) -> dict[str, str]:
    """Write the model in millimetres: rooms of 5 × 4 × 2.8 m at (1, 2) on the ground floor and the one above; return GlobalIds by name."""
    model = ifcopenshell.api.project.create_file(version="IFC4")
    project = ifcopenshell.api.root.create_entity(model, ifc_class="IfcProject", name="测试")
    ifcopenshell.api.unit.assign_unit(model, length={"is_metric": True, "raw": "MILLIMETERS"})
    context = ifcopenshell.api.context.add_context(model, context_type="Model")
    body = ifcopenshell.api.context.add_context(
        model, context_type="Model", context_identifier="Body", target_view="MODEL_VIEW", parent=context
    )
    if place is not None:
        _georeference(model, place)
    site = ifcopenshell.api.root.create_entity(model, ifc_class="IfcSite", name="场地")
    building = ifcopenshell.api.root.create_entity(model, ifc_class="IfcBuilding", name="一号楼")
    ifcopenshell.api.aggregate.assign_object(model, products=[site], relating_object=project)
    ifcopenshell.api.aggregate.assign_object(model, products=[building], relating_object=site)
    named = {"building": building.GlobalId}
    for level, elevation_m in ((1, 0.0), (2, 3.0)):
        storey = ifcopenshell.api.root.create_entity(model, ifc_class="IfcBuildingStorey", name=f"{level}F")
        ifcopenshell.api.aggregate.assign_object(model, products=[storey], relating_object=building)
        _put(model, storey, 0.0, 0.0, elevation_m)
        room = ifcopenshell.api.root.create_entity(model, ifc_class="IfcSpace", name=f"{level}01")
        room.LongName = f"会议室{level}"
        ifcopenshell.api.aggregate.assign_object(model, products=[room], relating_object=storey)
        _put(model, room, 1.0, 2.0, elevation_m)
        box = _box(model, body, 5.0, 4.0, 2.8)
        ifcopenshell.api.geometry.assign_representation(model, product=room, representation=box)
        quantities = ifcopenshell.api.pset.add_qto(model, product=room, name="Qto_SpaceBaseQuantities")
        ifcopenshell.api.pset.edit_qto(model, qto=quantities, properties={"NetFloorArea": 20.0})
        named |= {f"storey {level}": storey.GlobalId, f"room {level}": room.GlobalId}
    model.write(str(path))
    return named


def _georeference(model: ifcopenshell.file, place: MapConversion) -> None:
    prefix, _, unit = (place.unit or "").rpartition(" ")
    ifcopenshell.api.georeference.add_georeferencing(model)
    ifcopenshell.api.georeference.edit_georeferencing(
        model,
        projected_crs={
            "Name": place.crs,
            "MapUnit": model.createIfcSIUnit(None, "LENGTHUNIT", prefix or None, unit) if unit else None,
        },
        coordinate_operation={
            "Eastings": place.eastings,
            "Northings": place.northings,
            "OrthogonalHeight": place.height,
            "XAxisAbscissa": place.abscissa,
            "XAxisOrdinate": place.ordinate,
            "Scale": place.scale,
        },
    )


def _put(model: ifcopenshell.file, product: ifcopenshell.entity_instance, x_m: float, y_m: float, z_m: float) -> None:
    matrix = np.eye(4)
    matrix[:3, 3] = (x_m, y_m, z_m)
    ifcopenshell.api.geometry.edit_object_placement(model, product=product, matrix=matrix, is_si=True)


def _box(
    model: ifcopenshell.file, context: ifcopenshell.entity_instance, x_m: float, y_m: float, z_m: float
) -> ifcopenshell.entity_instance:
    corner = model.createIfcAxis2Placement2D(model.createIfcCartesianPoint((x_m * 500, y_m * 500)))
    profile = model.createIfcRectangleProfileDef("AREA", None, corner, x_m * 1000, y_m * 1000)
    up = model.createIfcDirection((0.0, 0.0, 1.0))
    solid = model.createIfcExtrudedAreaSolid(
        profile, model.createIfcAxis2Placement3D(model.createIfcCartesianPoint((0.0, 0.0, 0.0))), up, z_m * 1000
    )
    return model.createIfcShapeRepresentation(context, "Body", "SweptSolid", [solid])
