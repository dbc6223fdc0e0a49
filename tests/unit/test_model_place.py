"""metadata.xml as programs and people write it: separators, spaces, encodings, and what cannot be understood."""

from __future__ import annotations

import pytest

from ingest.readers.model_place import model_place
from twin.errors import RejectedError


def metadata(srs: str, origin: str, encoding: str = "utf-8") -> bytes:
    text = f'<?xml version="1.0" encoding="{encoding}"?>\n<ModelMetadata version="1"><!-- 倾斜摄影 -->\n<SRS>{srs}</SRS>'
    return f"{text}<SRSOrigin>{origin}</SRSOrigin></ModelMetadata>".encode(encoding)


@pytest.mark.parametrize("parted", [",", " , ", ";", " ", "，"])
@pytest.mark.parametrize("encoding", ["utf-8", "gbk", "gb2312", "gb18030", "utf-16"])
def test_an_origin_is_three_numbers_however_they_are_parted(parted: str, encoding: str) -> None:
    place = model_place(metadata("EPSG:4549", parted.join(("497000.5", "3520000", "10")), encoding))
    assert place is not None
    assert (place.crs, place.origin) == ("EPSG:4549", (497000.5, 3520000.0, 10.0))


@pytest.mark.parametrize("srs", ["ENU:31.8,119.9", "ENU: 31.8 , 119.9", "enu：31.8，119.9"])
def test_a_plane_is_known_by_its_latitude_and_longitude(srs: str) -> None:
    place = model_place(metadata(srs, "0,0,0"))
    assert place is not None
    assert place.plane_deg == (31.8, 119.9)


def test_metadata_without_a_crs_leave_it_to_be_declared_and_keep_their_origin() -> None:
    place = model_place(metadata("", "497000,3520000,0"))
    assert place is not None
    assert (place.crs, place.origin) == (None, (497000.0, 3520000.0, 0.0))


@pytest.mark.parametrize(
    ("srs", "origin", "said"),
    [
        ("EPSG:4549", "497000,3520000", "is not three numbers"),
        ("EPSG:4549", "497,000.5,3520000,0", "is not three numbers"),
        ("EPSG:4549", "1,2,inf", "not finite"),
        ("ENU:119.9,31.8", "0,0,0", "latitude comes first"),
        ("ENU:31.7.4,119.9", "0,0,0", "is not two numbers"),
        ("ENU:-,+", "0,0,0", "is not two numbers"),
        ("Local", "0,0,0", "SRS 'Local'"),
    ],
)
def test_what_cannot_be_understood_is_told_by_what_stands_there(srs: str, origin: str, said: str) -> None:
    with pytest.raises(RejectedError, match=said) as refused:
        model_place(metadata(srs, origin))
    assert refused.value.code == "model-metadata"
