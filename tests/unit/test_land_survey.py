"""A DLTB as a county hands it in, with the fields of TD/T 1055: known for what it is, every plot taken with its class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely

from ingest.part_reading import PartReading
from ingest.proposals import propose
from ingest.protocol import Limits, PartBatch, PartEnd, PartHeader, PartRequest, ReadRequest
from ingest.readers.choice import choose_reader
from ingest.reading import read_parts
from twin.featuretypes.loader import load_feature_types

TYPES = load_feature_types()
VILLAGE = "3204122050030000000"
CLASSES = {
    "0101": ("水田", "0101"),
    "0201K": ("可调整果园", "0201"),
    "0601": ("工业用地", "1001"),
    "0702": ("农村宅基地", "0703"),
    "08H2A": ("高教用地", "080401"),
    "0810A": ("广场用地", "1403"),
    "1003": ("公路用地", "1202"),
    "1006": ("农村道路", "0601"),
    "1101": ("河流水面", "1701"),
    "1104A": ("养殖坑塘", "1704"),
    "1107A": ("干渠", "1705"),
    "1203": ("田坎", "2303"),
}
"""Code and name as the survey has them, and the class of 用地用海."""
IN_CHINESE = {
    "DLBM": "地类编码", "DLMC": "地类名称", "TBBH": "图斑编号", "BSM": "标识码", "ZLDWDM": "座落单位代码", "ZLDWMC": "座落单位名称",
    "QSDWDM": "权属单位代码", "QSDWMC": "权属单位名称", "TBMJ": "图斑面积", "TBDLMJ": "图斑地类面积", "CZCSXM": "城镇村属性码",
    "QSXZ": "权属性质", "KCXS": "扣除地类系数", "SJNF": "数据年份", "YSDM": "要素代码",
}  # fmt: skip


def dltb(folder: Path, driver: str = "ESRI Shapefile", *, chinese: bool = False) -> Path:
    """Write a strip of plots, one a class, in EPSG:4549."""
    count = len(CLASSES)
    columns: dict[str, list[object]] = {
        "BSM": [f"3204122110{i:08d}" for i in range(count)],
        "YSDM": ["2001010100"] * count,
        "TBBH": [f"{i + 1:04d}" for i in range(count)],
        "DLBM": list(CLASSES),
        "DLMC": [name for name, _ in CLASSES.values()],
        "QSXZ": ["30"] * count,
        "QSDWDM": [VILLAGE] * count,
        "QSDWMC": ["样例村民委员会"] * count,
        "ZLDWDM": [VILLAGE] * count,
        "ZLDWMC": ["样例村"] * count,
        "TBMJ": [400.0] * count,
        "KCXS": [0.0] * count,
        "TBDLMJ": [400.0] * count,
        "CZCSXM": ["203"] * count,
        "SJNF": [2023] * count,
    }
    squares = [shapely.box(497_538 + 20 * i, 3_520_895, 497_558 + 20 * i, 3_520_915) for i in range(count)]
    path = folder / ("DLTB.shp" if driver == "ESRI Shapefile" else "DLTB.gpkg")
    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb(squares),
        field_data=[np.array(values, dtype=object if isinstance(values[0], str) else None) for values in columns.values()],
        fields=[IN_CHINESE[name] if chinese else name for name in columns],
        driver=driver,
        geometry_type="Polygon",
        crs="EPSG:4549",
        **({"encoding": "GBK"} if driver == "ESRI Shapefile" else {}),
    )
    return path


@pytest.mark.parametrize(("driver", "chinese"), [("ESRI Shapefile", False), ("GPKG", True)])
def test_a_survey_of_the_land_is_known_for_what_it_is(tmp_path: Path, driver: str, chinese: bool) -> None:
    path = dltb(tmp_path, driver, chinese=chinese)
    info = choose_reader(ReadRequest(path, (), storage_srid=4549)).inspect()
    (proposal,) = propose(path.name, info, TYPES, [])
    best = proposal.guesses[0]
    assert (best.feature_type, best.confidence >= 0.9) == ("land_survey_plot", True)
    assert [e for e in proposal.understanding.units if e.gainsays] == []


@pytest.mark.parametrize(("driver", "chinese"), [("ESRI Shapefile", False), ("GPKG", True)])
def test_every_plot_is_taken_with_its_class_and_the_name_it_was_given(tmp_path: Path, driver: str, chinese: bool) -> None:
    request = ReadRequest(
        dltb(tmp_path, driver, chinese=chinese), (PartRequest(None, TYPES["land_survey_plot"], "d", PartReading()),), 4549, limits=Limits()
    )
    header, *batches, end = read_parts(choose_reader(request), request)
    assert isinstance(header, PartHeader)
    assert isinstance(end, PartEnd)
    assert (end.rows, end.accepted) == (len(CLASSES), len(CLASSES))
    rows = [row for batch in batches if isinstance(batch, PartBatch) for row in batch.table.to_pylist()]
    assert [f for batch in batches if isinstance(batch, PartBatch) for f in batch.findings] == []
    assert {row["survey_class_name"]: row["land_use_code"] for row in rows} == dict(CLASSES.values())
    assert rows[0]["natural_key"] == f"{VILLAGE}\x1f0001"
    assert (rows[0]["area_m2"], rows[0]["settlement"], rows[0]["survey_year"]) == (400.0, "203", 2023)
    assert [f for f in header.findings if "holds codes of the Working classes of the third national land survey" in f.message.en]


def test_a_year_of_0_is_none_and_a_share_in_per_cent_is_told_and_taken(tmp_path: Path) -> None:
    """ArcGIS writes 0 for NULL of a number into a DBF; TKXS of the second survey may be 8.5 for 0.085."""
    count = 4
    columns = {
        "ZLDWDM": np.array([VILLAGE] * count, dtype=object),
        "TBBH": np.array(["0001", "0002", "0003", "0004"], dtype=object),
        "DLBM": np.array(["0101"] * count, dtype=object),
        "TKXS": np.array([8.5, 0.085, 0.0, 0.0]),
        "SJNF": np.array([0, 0, 2023, 1900], dtype=np.int32),
    }
    path = tmp_path / "DLTB.shp"
    squares = shapely.to_wkb([shapely.box(497_538 + 20 * i, 3_520_895, 497_558 + 20 * i, 3_520_915) for i in range(count)])
    pyogrio.raw.write(path, geometry=squares, field_data=[*columns.values()], fields=[*columns], geometry_type="Polygon", crs="EPSG:4549")
    request = ReadRequest(path, (PartRequest(None, TYPES["land_survey_plot"], "d", PartReading()),), 4549, limits=Limits())
    _, *batches, end = read_parts(choose_reader(request), request)
    assert isinstance(end, PartEnd)
    assert (end.rows, end.accepted) == (count, count)
    tables = [batch for batch in batches if isinstance(batch, PartBatch)]
    rows = [row for batch in tables for row in batch.table.to_pylist()]
    assert [row["survey_year"] for row in rows] == [None, None, 2023, 1900]
    told = [(f.rule, f.severity.value, f.field, f.value) for batch in tables for f in batch.findings if f.rule == "range"]
    assert sorted(told) == [("range", "warning", "deducted_share", "8.5"), ("range", "warning", "survey_year", "1900")]
