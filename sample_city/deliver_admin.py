"""Delivers the administrative units: 行政区划.geojson."""

from __future__ import annotations

from sample_city import write_geojson
from sample_city.admin import admin_units
from sample_city.city import City
from sample_city.faults import plant_in_units
from sample_city.handover import HandOver


def deliver_units(city: City, handover: HandOver) -> None:
    """Write the units of the whole city, whatever its scale."""
    planted = plant_in_units(admin_units())
    handover.faults += planted.faults(write_geojson.FILE_NAME, write_geojson.LAYER, 1, [unit.code for unit in planted.rows])
    write_geojson.write_units(city.folder, planted.rows)
    note = "代码与名称真实，边界虚构 / real names, invented boundaries"
    handover.wrote(write_geojson.FILE_NAME, write_geojson.LAYER, "admin_unit", len(planted.rows), note, crs="OGC:CRS84", crs_in_file=False)
