"""A city object of CityGML that cannot be read is told in words of the file, never in those of the program; those beside it come in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ingest.protocol import Limits, PartRequest, ReadRequest
from ingest.readers.choice import choose_reader
from ingest.readers.citygml import CityGml
from ingest.readers.source import Fault
from tests.textured_city import SRID, citygml
from twin.featuretypes.loader import load_feature_types

_POSITIONS = re.compile(rb'(<gml:posList srsDimension=")3(">)([^<]+)<')


@pytest.mark.parametrize(
    ("old", "new", "zh", "en"),
    [
        (_POSITIONS, rb"\g<1>3\g<2>12,5x \g<3><", "坐标“5x”不是数", "'5x' stands where a coordinate should"),
        (
            _POSITIONS,
            rb"\g<1>3\g<2>1 \g<3><",
            "坐标串有 16 个数，不是每点 3 个数的整数倍",
            "16 numbers are no whole number of positions of 3",
        ),
        (_POSITIONS, rb"\g<1>4\g<2>\g<3><", "srsDimension 为 4，应为 2 或 3", "srsDimension is 4, not 2 or 3"),
        (_POSITIONS, rb"\g<1>drei\g<2>\g<3><", "不是数", "what is no number"),
        (_POSITIONS, rb"\g<1>3\g<2>NaN 0 0 \g<3><", "NaN 或无穷大", "NaN or infinite"),
        (re.compile(rb'<gml:Polygon gml:id="p00">.*?</gml:Polygon>'), b"", "", ""),
        (
            re.compile(rb'<gml:surfaceMember><gml:Polygon gml:id="p00">.*?</gml:surfaceMember>'),
            b'<gml:surfaceMember xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="#gone"/>',
            "引用的 #gone 在文件中没有",
            "names #gone, which is the gml:id of no element",
        ),
        (
            re.compile(rb"<bldg:lod2Solid>"),
            b'<bldg:consistsOfBuildingPart><bldg:BuildingPart gml:id="house-0"/></bldg:consistsOfBuildingPart><bldg:lod2Solid>',
            "gml:id house-0 重复",
            "the gml:id house-0 is there twice",
        ),
        (
            re.compile(rb"<bldg:lod2Solid>"),
            b"<bldg:lod2ImplicitRepresentation><core:ImplicitGeometry/></bldg:lod2ImplicitRepresentation><bldg:lod2Solid>",
            "缺少参考点 referencePoint",
            "has no referencePoint",
        ),
    ],
)
def test_what_is_wrong_is_told_of_the_first_house_alone(tmp_path: Path, old: re.Pattern[bytes], new: bytes, zh: str, en: str) -> None:
    (path := tmp_path / "city.gml").write_bytes(old.sub(new, citygml("2.0"), count=1))
    faults = _faults(path)
    assert len(faults) == bool(zh)
    for fault in faults:
        assert fault.message.zh.startswith("house-0：")
        assert fault.message.en.startswith("house-0: ")
        assert (zh in fault.message.zh, en in fault.message.en) == (True, True)


def _faults(path: Path) -> list[Fault]:
    request = ReadRequest(path, (), storage_srid=SRID, limits=Limits())
    reader = choose_reader(request)
    assert isinstance(reader, CityGml)
    layer = reader.open(PartRequest(None, load_feature_types()["building"], "houses"))
    return [fault for batch in layer.batches() for fault in batch.faults]
