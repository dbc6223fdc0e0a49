"""What a check of tables and of grids holds does not grow with their cells: workbooks, networks as text, VCT, a GeoTIFF in a ZIP."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from rasterio.windows import Window

from bench.workload import SRID
from tests.integration.test_load_memory import Peaks, peaks_of
from tests.textured_city import zipped
from tests.unit.test_large_open_documents import document, table
from tests.unit.test_large_open_documents import row as open_document_row
from tests.workbooks import workbook

_MOST_MIB = 600
_STREET, _EAST, _NORTH = 1000, 490_000, 3_510_000
_HEADER = ["管点编号", "管线类型", "特征", "X", "Y", "地面高程", "所在道路"]
_LINES = "起点点号,终点点号,管线类型,材质,管径,埋设方式,起点埋深,终点埋深,起点管线高程,终点管线高程,建设年代\n"
_SHEET = "xl/worksheets/sheet1.xml"

Part = tuple[str | None, str, str]


def grown(write: Callable[[int], Path], sizes: tuple[int, int], *parts: Part) -> tuple[Peaks, Peaks, int]:
    """Return the peaks of a smaller and a larger file, and how many rows more the larger has."""
    small, large = (peaks_of(write(rows), *parts, crs=f"EPSG:{SRID}") for rows in sizes)
    return small, large, sizes[1] - sizes[0]


def point(number: int) -> tuple[str, str, str, float, float, float, str]:
    street, along = divmod(number, _STREET)
    feature = "起讫点" if along in (0, _STREET - 1) else "直线点"
    return f"JS{number:07d}", "JS", feature, _NORTH + street * 60.0, _EAST + along * 30.0, 5 + along / 400, f"道路{street}"


@pytest.mark.slow
def test_a_larger_sheet_takes_hardly_more(tmp_path: Path) -> None:
    """Of 100,000 and 400,000 rows: cell by cell they were 1.2 kB a row."""

    def write(rows: int) -> Path:
        path = workbook(tmp_path / f"{rows}.xlsx", {"管点": [_HEADER]})
        with zipfile.ZipFile(path) as source:
            files = {name: source.read(name) for name in source.namelist()}
        sheet = files[_SHEET]
        at = sheet.index(b"</sheetData>")
        files[_SHEET] = sheet[:at] + b"".join(xml_row(k + 2, point(k)) for k in range(rows)) + sheet[at:]
        return zipped(path, files)

    small, large, more = grown(write, (100_000, 400_000), (None, "pipe_node", "n"))
    assert (large.of_data_mib - small.of_data_mib) * 2**20 < 250 * more, (small, large)
    assert large.whole_mib < _MOST_MIB


def xml_row(number: int, cells: tuple[object, ...]) -> bytes:
    text = "".join(
        f'<c r="{letter}{number}" t="inlineStr"><is><t>{escape(cell)}</t></is></c>'
        if isinstance(cell, str)
        else f'<c r="{letter}{number}"><v>{cell}</v></c>'
        for letter, cell in zip("ABCDEFGHIJ", cells, strict=False)
    )
    return f'<row r="{number}">{text}</row>'.encode()


@pytest.mark.slow
def test_a_larger_open_document_takes_hardly_more(tmp_path: Path) -> None:
    """Of 50,000 and 200,000 rows: read whole, a row of twelve cells was 5.8 kB."""

    def write(rows: int) -> Path:
        cells = "".join(open_document_row(*point(k)) for k in range(rows))
        return document(tmp_path / f"{rows}.ods", table("管点", open_document_row(*_HEADER) + cells))

    small, large, more = grown(write, (50_000, 200_000), (None, "pipe_node", "n"))
    assert (large.of_data_mib - small.of_data_mib) * 2**20 < 250 * more, (small, large)
    assert large.whole_mib < _MOST_MIB


@pytest.mark.slow
def test_a_larger_network_as_text_takes_hardly_more(tmp_path: Path) -> None:
    """Of 100,000 and 400,000 points and as many lines: by name in a dictionary a point took 400 bytes."""

    def write(points: int) -> Path:
        nodes = [",".join(_HEADER), *(",".join(map(str, point(k))) for k in range(points))]
        return zipped(tmp_path / f"{points}.zip", {"管点.csv": "\n".join(nodes).encode(), "管线.csv": lines(points)})

    parts = (("管点", "pipe_node", "n"), ("管线", "pipe_segment", "s"))
    small, large, more = grown(write, (100_000, 400_000), *parts)
    assert (large.of_data_mib - small.of_data_mib) * 2**20 < 300 * more, (small, large)
    assert large.whole_mib < _MOST_MIB


def lines(points: int) -> bytes:
    levels = [round(5 + along / 400 - 1.4, 3) for along in range(_STREET)]
    rows = [
        f"JS{k:07d},JS{k + 1:07d},JS,球墨铸铁,300,直埋,1.40,1.40,{levels[k % _STREET]},{levels[(k + 1) % _STREET]},2015"
        for k in range(points - 1)
        if (k + 1) % _STREET
    ]
    return (_LINES + "\n".join(rows)).encode()


@pytest.mark.slow
def test_a_larger_vct_takes_hardly_more(tmp_path: Path) -> None:
    """Of 50,000 and 200,000 parcels, each of a line of five vertices: lines and attributes were objects, 1.8 kB a parcel."""
    small, large, more = grown(lambda parcels: write_vct(tmp_path / f"{parcels}.vct", parcels), (50_000, 200_000), (None, "parcel", "p"))
    assert (large.of_data_mib - small.of_data_mib) * 2**20 < 500 * more, (small, large)
    assert large.whole_mib < _MOST_MIB


def write_vct(path: Path, parcels: int) -> Path:
    """Write squares in rows, each of a line of its own."""
    head = (
        "HeadBegin\nDatamark:LANDUSE-VCT\nVersion:3.0\nXYUnit:M\nSpheroid:CGCS2000,6378137.0,298.257222101\n"
        "Parameters:120,1,500000,0,3,40\nSeparator:,\nHeadEnd\nFeatureCodeBegin\n1000,界址线,Line,JZX\n2001,宗地,Polygon,ZD\nFeatureCodeEnd\n"
        "TableStructureBegin\nJZX,1\nBSM,Char,18\n0\nZD,2\nZDDM,Char,19\nZL,Char,60\n0\nTableStructureEnd\n"
    )
    corners = [(0, 0), (40, 0), (40, 40), (0, 40), (0, 0)]
    with path.open("w", encoding="gbk") as file:
        file.write(f"{head}LineBegin\n")
        for k in range(parcels):
            north, east = (3_510_000 + k // _STREET * 50, 490_000 + k % _STREET * 50)
            ring = "\n".join(f"{east + x}.125,{north + y}.375" for x, y in corners)
            file.write(f"{k + 1}\n1000\nunknown\n1\n1\n11\n5\n{ring}\n0\n")
        file.write("LineEnd\nPolygonBegin\n")
        for k in range(parcels):
            file.write(f"{parcels + k + 1}\n2001\nunknown\n100\n490000,3510000\n21\n1\n{k + 1}\n0\n")
        file.write("PolygonEnd\nAttributeBegin\nZD\n")
        file.writelines(f"{parcels + k + 1},330000{k:013d},东环路 {k} 号\n" for k in range(parcels))
        file.write("TableEnd\nAttributeEnd\n")
    return path


@pytest.mark.slow
def test_a_grid_of_heights_in_a_zip_is_read_in_blocks(tmp_path: Path) -> None:
    """Of 260 MB: a GeoTIFF in a ZIP was held as its bytes."""
    side, step = 8_000, 256
    path = tmp_path / "heights.tif"
    grid = {"width": side, "height": side, "count": 1, "dtype": "float32", "nodata": -9999.0}
    place = {"crs": f"EPSG:{SRID}", "transform": from_origin(490_000, 3_530_000, 1, 1)}
    with rasterio.open(path, "w", driver="GTiff", tiled=True, blockxsize=step, blockysize=step, **grid, **place) as raster:
        for first in range(0, side, step):
            rows = np.arange(first, min(side, first + step))
            heights = 20 + np.sin(np.arange(side) / 300) + rows[:, None] / 1000
            raster.write(heights.astype(np.float32), 1, window=Window(0, first, side, len(rows)))
    with zipfile.ZipFile(tmp_path / "heights.zip", "w") as archive:
        archive.write(path, path.name)
    assert peaks_of(tmp_path / "heights.zip", (None, "terrain", "t")).whole_mib < _MOST_MIB
