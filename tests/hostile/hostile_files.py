"""The cases D1 to D10 of the reliability study as files, and by which problem codes they may be answered."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyogrio
import rasterio
import shapely

UNKNOWN = frozenset({"unsupported-media"})


@dataclass(frozen=True)
class Hostile:
    """A file, as what somebody asks to check it when it is not refused at the door, and how it has to end."""

    name: str
    content: bytes
    codes: frozenset[str] = frozenset()
    """Problem codes of the refusal; empty: rows are rejected by ``rule`` and nothing else."""
    rule: str = ""
    feature_type: str = "building"
    crs: str | None = None


def hostile_files(listener_port: int) -> Iterator[Hostile]:
    """Yield D1 to D10; what tries to reach out asks for this port."""
    yield Hostile("d1.zip", zipped(("../../x.shp", b"x"), ("y.dbf", b"y")), frozenset({"zip-unsafe-path"}))
    yield Hostile("d2.zip", bomb(), frozenset({"zip-bomb"}))
    yield Hostile("d3.tif", vrt("/etc/hostname"), UNKNOWN, feature_type="terrain")
    yield Hostile("d4.shp", ogr_vrt(f"/vsicurl/http://127.0.0.1:{listener_port}/a.geojson"), UNKNOWN)
    yield Hostile("d4.tif", vrt(f"/vsicurl/http://127.0.0.1:{listener_port}/a.tif"), UNKNOWN, feature_type="terrain")
    yield Hostile(
        "d5.gml", citygml('<!DOCTYPE x [<!ENTITY secret SYSTEM "file:///etc/passwd">]>', "&secret;"), frozenset({"xml-dtd-forbidden"})
    )
    yield Hostile("d6.gml", citygml(f"<!DOCTYPE x [{laughs()}]>", "&l9;"), frozenset({"xml-dtd-forbidden"}))
    yield Hostile("d6.xlsx", laughing_workbook(), frozenset({"xml-dtd-forbidden"}), feature_type="pipe_node")
    yield Hostile("d7.tif", sparse_raster(), frozenset({"raster-too-large"}), feature_type="terrain")
    yield Hostile("d8.geojson", points("NaN"), rule="geometry-finite", feature_type="pipe_node")
    yield Hostile("d8b.geojson", points("1e400"), rule="geometry-finite", feature_type="pipe_node")
    yield Hostile("d9.geojson", star(), rule="geometry-valid")
    yield Hostile("d10.zip", shapefile(without=".shx"), frozenset({"missing-member"}))
    yield Hostile("d10b.zip", shapefile(without=".prj"), frozenset({"crs-undeclared"}))


def zipped(*files: tuple[str, bytes]) -> bytes:
    """Return a ZIP of files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return buffer.getvalue()


def bomb() -> bytes:
    """Return half a gigabyte of blanks inside a JSON text, in half a megabyte."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.geojson", "w") as entry:
        entry.write(b'{"type":"FeatureCollection","features":[')
        for _ in range(512):
            entry.write(b" " * (1 << 20))
        entry.write(b"]}")
    return buffer.getvalue()


def vrt(source: str) -> bytes:
    """Return a virtual raster whose bytes are another file's."""
    return (
        '<VRTDataset rasterXSize="4" rasterYSize="4"><VRTRasterBand dataType="Byte" band="1" subClass="VRTRawRasterBand">'
        f'<SourceFilename relativetoVRT="0">{source}</SourceFilename></VRTRasterBand></VRTDataset>'
    ).encode()


def ogr_vrt(source: str) -> bytes:
    """Return a virtual layer that is read from somewhere else."""
    return f'<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>{source}</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>'.encode()


def citygml(before: str, text: str) -> bytes:
    """Return a city model of one building with a name."""
    return (
        f'<?xml version="1.0"?>{before}<core:CityModel xmlns:core="http://www.opengis.net/citygml/2.0" '
        'xmlns:bldg="http://www.opengis.net/citygml/building/2.0" xmlns:gml="http://www.opengis.net/gml"><core:cityObjectMember>'
        f"<bldg:Building><gml:name>{text}</gml:name></bldg:Building></core:cityObjectMember></core:CityModel>"
    ).encode()


def laughs() -> str:
    """Return entities that stand for ten of one another, nine deep."""
    return '<!ENTITY l0 "ha">' + "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))


def laughing_workbook() -> bytes:
    """Return a workbook whose shared strings are made of such entities."""
    strings = f'<?xml version="1.0"?><!DOCTYPE x [{laughs()}]><sst><si><t>&l9;</t></si></sst>'
    return zipped(("[Content_Types].xml", b"<Types/>"), ("xl/workbook.xml", b"<workbook/>"), ("xl/sharedStrings.xml", strings.encode()))


def sparse_raster() -> bytes:
    """Return a raster of 90 gigapixels in a few megabytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.tif"
        profile = {"driver": "GTiff", "width": 300_000, "height": 300_000, "count": 1, "dtype": "float32", "crs": "EPSG:4549"}
        transform = rasterio.Affine(1, 0, 497000, 0, -1, 3521000)
        with rasterio.open(
            path, "w", transform=transform, tiled=True, blockxsize=4096, blockysize=4096, sparse_ok=True, bigtiff="yes", **profile
        ):
            pass
        return path.read_bytes()


def points(number: str) -> bytes:
    """Return one point with a coordinate that is no number, and a good one."""
    one = '{"type":"Feature","properties":{"node_id":"%s"},"geometry":{"type":"Point","coordinates":[%s,31.8,1]}}'
    return ('{"type":"FeatureCollection","features":[' + one % ("A", number) + "," + one % ("B", "120.0") + "]}").encode()


def star() -> bytes:
    """Return a polygon of 2,000 random vertices, of which ST_MakeValid took a whole PostgreSQL down."""
    vertices = np.random.default_rng(7).uniform(0, 0.01, (2000, 2)) + np.array([120.0, 31.8])
    geometry = shapely.geometry.mapping(shapely.Polygon(vertices))
    return json.dumps({"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {}, "geometry": geometry}]}).encode()


def shapefile(without: str) -> bytes:
    """Return a Shapefile in a ZIP that lacks one of its files."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.shp"
        wkb = shapely.to_wkb([shapely.box(497000, 3520000, 497010, 3520010)])
        pyogrio.raw.write(path, wkb, [], [], geometry_type="Polygon", crs="EPSG:4549", driver="ESRI Shapefile")
        return zipped(*((p.name, p.read_bytes()) for p in sorted(Path(folder).iterdir()) if p.suffix != without))
