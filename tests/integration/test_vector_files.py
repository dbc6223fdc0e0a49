"""Vector files through the sandboxed child, zipped: its doors are closed before it knows what is in the archive."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import ezdxf
import numpy as np
import pyogrio
import pytest
import shapely

from ingest.part_reading import PartReading
from ingest.protocol import PartBatch, PartEnd, PartHeader, PartRequest, ReadRequest
from tests.ogr2ogr import ogr2ogr
from tests.reading import read_file
from tests.vector_layers import TYPES, copied


def read(
    path: Path, feature_type: str, srid: int, crs: str | None = None, layer: str | None = None, mapping: Mapping[str, str] | None = None
) -> tuple[PartHeader, list[dict[str, object]], PartEnd]:
    request = ReadRequest(
        path,
        (PartRequest(layer, TYPES[feature_type], "d", PartReading(mapping=tuple((mapping or {}).items()))),),
        storage_srid=srid,
        crs=crs,
    )
    messages = list(read_file(request))
    (header,) = (m for m in messages if isinstance(m, PartHeader))
    (end,) = (m for m in messages if isinstance(m, PartEnd))
    return header, [row for m in messages if isinstance(m, PartBatch) for row in m.table.to_pylist()], end


def test_french_zones_by_a_mapping(real_data: Path, tmp_path: Path) -> None:
    source = copied(real_data / "planning-french-plu" / "gml" / "ZONE_URBA.gml", tmp_path)
    with zipfile.ZipFile(tmp_path / "plu.zip", "w") as archive:
        archive.write(source, "zones/ZONE_URBA.gml")
        archive.writestr("lisez-moi.txt", "à lire, avant, tout")
    header, rows, end = read(tmp_path / "plu.zip", "parcel", 2154, mapping={"gml_id": "parcel_id"})
    meta, _, wkb, (names,) = pyogrio.raw.read(source, columns=["gml_id"])
    shapes = shapely.from_wkb(wkb)
    valid = shapely.is_valid(shapes)
    assert (header.source_crs, header.format, meta["crs"]) == ("EPSG:2154", "GML", "EPSG:2154")
    assert (end.rows, end.accepted) == (66, int(valid.sum()))
    assert {str(r["parcel_id"]) for r in rows} == set(names[valid])
    for row in rows:
        expected = shapes[list(names).index(row["parcel_id"])]
        np.testing.assert_array_equal(shapely.get_coordinates(shapely.from_wkb(row["geom"])), shapely.get_coordinates(expected))  # type: ignore[arg-type]


def test_a_zipped_drawing(tmp_path: Path) -> None:
    document = ezdxf.new("R2000")
    document.appids.add("SOUTH")
    house = document.modelspace().add_lwpolyline([(500000, 3520000, 0, 0, 1), (500010, 3520000)], close=True, dxfattribs={"layer": "JMD"})
    house.set_xdata("SOUTH", [(1000, "141101")])
    stream = io.StringIO()
    document.write(stream)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("图.dxf", stream.getvalue())
    _, rows, end = read(tmp_path / "a.zip", "building", 4549, crs="EPSG:4549")
    assert (end.rows, end.accepted) == (1, 1)
    assert '"cass_code":"141101"' in str(rows[0]["extra"])
    area = shapely.area(shapely.from_wkb(rows[0]["geom"]))  # type: ignore[arg-type]
    assert area == pytest.approx(np.pi * 25 / 2, rel=1e-3)


def test_chinese_text_of_a_mapinfo_table_in_a_zip(tmp_path: Path) -> None:
    """MapInfo's GBK is decoded by GDAL, by what it brings along: the child can load no converter afterwards."""
    source = tmp_path / "a.geojson"
    source.write_text(
        '{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"EPSG:4549"}},"features":[{"type":"Feature",'
        '"properties":{"name":"武进区","code":"0702"},"geometry":{"type":"Polygon","coordinates":'
        "[[[500000,3520000],[500010,3520000],[500010,3520010],[500000,3520000]]]}}]}"
    )
    folder = tmp_path / "交付"
    folder.mkdir()
    ogr2ogr(folder / "区划.tab", source, "-f", "MapInfo File", "-lco", "ENCODING=CP936")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, path.name)
    header, rows, _ = read(tmp_path / "a.zip", "admin_unit", 4549, crs="EPSG:4549")
    assert [(r["name"], r["code"]) for r in rows] == [("武进区", "0702")]
    assert header.encoding == "gb18030"
