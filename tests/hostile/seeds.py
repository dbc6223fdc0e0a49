"""A small sound file of every format that is read, by the tools that write it, with what is asked of it."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import ezdxf
import laspy
import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import rasterio
import shapely

from tests.merged_city import merge_city
from tests.textured_city import textured_zip
from tests.unit.test_ingest_vct import GEOMETRY, HEAD, TABLES

DATA = Path(__file__).parents[1] / "data"
E, N = 497_000.0, 3_520_000.0
_SQUARES = shapely.to_wkb([shapely.box(E + 20 * i, N, E + 20 * i + 10, N + 10) for i in range(5)])
_NAMES = np.array([f"楼{i}" for i in range(5)], dtype=object)


@dataclass(frozen=True)
class Seed:
    """How a file is written, and as what it is read."""

    write: Callable[[Path], object]
    feature_type: str = "building"
    layer: str | None = None
    srid: int = 4549
    """Of the file, whatever it says, and of the city."""


def by_gdal(driver: str, extension: str, crs: str = "EPSG:4549") -> Callable[[Path], object]:
    """Return what writes five squares with names by a driver of GDAL; a format of several files as a ZIP."""

    def write(path: Path) -> None:
        folder = path.parent / f"{path.name}-parts"
        folder.mkdir()
        target = folder / f"建筑物.{extension}"
        wkb = (
            _SQUARES
            if crs != "EPSG:4326"
            else shapely.to_wkb([shapely.box(119.97 + i / 1e4, 31.81, 119.97 + (i + 0.5) / 1e4, 31.8101) for i in range(5)])
        )
        pyogrio.raw.write(target, wkb, [_NAMES], ["名称"], geometry_type="Polygon", crs=crs, driver=driver, layer="建筑物")
        files = sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix != ".xsd")
        if len(files) == 1:
            shutil.move(files[0], path)
            return
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:  # stored: what is turned over is the file, not its checksum alone
            for file in files:
                archive.write(file, str(file.relative_to(folder)))

    return write


def geojson(path: Path, *, sequence: bool = False) -> None:
    """Write five squares in degrees."""
    shapes = [shapely.box(119.97 + i / 1e4, 31.81, 119.97 + (i + 0.5) / 1e4, 31.8101) for i in range(5)]
    features = [
        {"type": "Feature", "properties": {"名称": n}, "geometry": shapely.geometry.mapping(s)} for n, s in zip(_NAMES, shapes, strict=True)
    ]
    content = "\n".join(map(json.dumps, features)) if sequence else json.dumps({"type": "FeatureCollection", "features": features})
    path.write_text(content, encoding="utf-8")


def geoparquet(path: Path) -> None:
    """Write five squares after the GeoParquet 1.0 specification."""
    column = {"encoding": "WKB", "geometry_types": ["Polygon"], "crs": json.loads(pyogrio_crs())}
    meta = {"version": "1.0.0", "primary_column": "geometry", "columns": {"geometry": column}}
    table = pa.table({"名称": list(_NAMES), "geometry": list(_SQUARES)}).replace_schema_metadata({"geo": json.dumps(meta)})
    pq.write_table(table, path)


def pyogrio_crs() -> str:
    """Return the CRS of the squares as PROJJSON."""
    import pyproj

    return str(pyproj.CRS(4549).to_json())


def dxf(path: Path) -> None:
    """Write a closed polyline and a text on layers of CASS."""
    drawing = ezdxf.new("R2010")
    drawing.modelspace().add_lwpolyline([(E, N), (E + 10, N), (E + 10, N + 10), (E, N + 10)], close=True, dxfattribs={"layer": "JMD"})
    drawing.saveas(path)


def workbook(path: Path) -> None:
    """Write a table of points."""
    book = openpyxl.Workbook()
    book.active.title = "管点"
    for row in [("物探点号", "X", "Y", "地面高程"), *((f"W{i}", N + i, E, 5.0) for i in range(20))]:
        book.active.append(row)
    book.save(path)


def table(path: Path) -> None:
    """Write the same as text."""
    path.write_text("\n".join(["物探点号,X,Y,地面高程", *(f"W{i},{N + i},{E},5.0" for i in range(20))]), encoding="gb18030")


def vct(path: Path) -> None:
    """Write the land survey of its own tests."""
    path.write_bytes((HEAD + TABLES + GEOMETRY).replace(".0.000000", ".000000").encode("gb18030"))


def raster(path: Path) -> None:
    """Write an elevation model, tiled and deflated."""
    profile = {"driver": "GTiff", "width": 64, "height": 64, "count": 1, "dtype": "float32", "crs": "EPSG:4549", "compress": "deflate"}
    with rasterio.open(
        path, "w", transform=rasterio.Affine(10, 0, E, 0, -10, N + 1000), tiled=True, blockxsize=16, blockysize=16, **profile
    ) as file:
        file.write(np.arange(4096, dtype=np.float32).reshape(1, 64, 64) / 100)


def points(path: Path, *, compressed: bool) -> None:
    """Write a laser scan."""
    header = laspy.LasHeader(point_format=6, version="1.4")
    header.scales, header.offsets = np.full(3, 0.001), np.array([E, N, 0.0])
    scan = laspy.LasData(header)
    scan.x, scan.y, scan.z = E + np.arange(200.0) % 20, N + np.arange(200.0) // 20, np.full(200, 4.5)
    buffer = io.BytesIO()
    scan.write(buffer, do_compress=compressed)
    path.write_bytes(buffer.getvalue())


def oblique(path: Path) -> None:
    """Write a tile in three levels, as ContextCapture does, with its place."""
    place = f'<?xml version="1.0"?>\n<ModelMetadata version="1"><SRS>EPSG:4549</SRS><SRSOrigin>{E},{N},20</SRSOrigin></ModelMetadata>'
    with zipfile.ZipFile(DATA / "osgb_v91.zip") as tiles, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("metadata.xml", place)
        for name in tiles.namelist():
            archive.writestr(f"Data/{name}", tiles.read(name))


def unpacked(name: str) -> Callable[[Path], object]:
    """Return what writes a fixture."""
    return lambda path: path.write_bytes(
        gzip.decompress((DATA / name).read_bytes()) if name.endswith(".gz") else (DATA / name).read_bytes()
    )


SEEDS: Mapping[str, Seed] = {
    "gpkg": Seed(by_gdal("GPKG", "gpkg")),
    "shapefile": Seed(by_gdal("ESRI Shapefile", "shp")),
    "flatgeobuf": Seed(by_gdal("FlatGeobuf", "fgb")),
    "filegdb": Seed(by_gdal("OpenFileGDB", "gdb")),
    "mapinfo": Seed(by_gdal("MapInfo File", "tab")),
    "gml": Seed(by_gdal("GML", "gml")),
    "kml": Seed(by_gdal("KML", "kml", "EPSG:4326")),
    "geojson": Seed(geojson),
    "geojsonseq": Seed(lambda path: geojson(path, sequence=True)),
    "geoparquet": Seed(geoparquet),
    "textured": Seed(textured_zip),
    "dxf": Seed(dxf),
    "xlsx": Seed(workbook, "pipe_node"),
    "xls": Seed(unpacked("merged.xls"), "pipe_node"),
    "csv": Seed(table, "pipe_node"),
    "mdb": Seed(unpacked("census.mdb.gz"), "pipe_node", "JS_POINT"),
    "vct": Seed(vct, "building", "DLTB"),
    "geotiff": Seed(raster, "terrain"),
    "osgb": Seed(oblique, "model_3d"),
    "las": Seed(lambda path: points(path, compressed=False), "point_cloud"),
    "laz": Seed(lambda path: points(path, compressed=True), "point_cloud"),
}
"""Formats that a test can write itself."""


def large_sequence(real_data: Path) -> bytes:
    """Return a CityJSONSeq for the compiled reader: buildings of 3DBAG three times, line 251 longer than a block of lines may be."""
    head, *lines = (real_data / "cityjson-3dbag-delft/delft.city.jsonl").read_bytes().splitlines()
    copies = [line.replace(b"NL.IMBAG.Pand.", b"NL.IMBAG.Pand.%d" % copy) for copy in range(3) for line in lines]
    copies[250] = copies[250].replace(b"[", b"[" + b" " * (6 << 20), 1)
    return b"\n".join([head, *copies, b""])


def write_large_document(real_data: Path, path: Path) -> None:
    """Write buildings of 3DBAG three times as a CityJSON document that goes as lines, each object on a line and the vertices on the last.

    Object 251 is longer than a block of features may be.
    """
    sequence = path.with_name("sequence")
    sequence.write_bytes(large_sequence(real_data))
    merge_city(sequence, path)
    sequence.unlink()
    objects, vertices = path.read_bytes().split(b'},"vertices":', 1)
    lines = objects.replace(b',"NL.IMBAG.Pand.', b',\n"NL.IMBAG.Pand.').splitlines(keepends=True)
    lines[250] = lines[250].replace(b"[", b"[" + b" " * (6 << 20), 1)
    path.write_bytes(b"".join(lines) + b'},\n"vertices":' + vertices)


REAL: Mapping[str, tuple[str, Seed]] = {
    "cityjson": ("bad-cityjson-cjval/cube.city.json", Seed(lambda path: None)),
    "cityjsonseq": ("bad-cityjson-cjval/cube_20.jsonl", Seed(lambda path: None)),
    "citygml": ("citygml-plateau-yokosuka/64413325_bldg_6697_op.gml", Seed(lambda path: None)),
    "epanet": ("water-epanet/Net3.inp", Seed(lambda path: None, "pipe_segment")),
    "swmm": ("sewer-swmm/Example1.inp", Seed(lambda path: None, "pipe_segment")),
    "osm": ("footprints-osm-liechtenstein", Seed(lambda path: None)),
    "hgt": ("raster-dem/N49E011.hgt.zip", Seed(lambda path: None, "terrain")),
    "ifc": ("ifc/SimpleWall.ifc", Seed(lambda path: None)),
}
"""Formats of which the real files are small enough."""
