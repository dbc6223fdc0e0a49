"""GML that says of a value that there is none: GDAL then gives every value of that column as a list."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest import gdal_policy
from tests.vector_layers import Layer

_HEAD = (
    '<ogr:FeatureCollection xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:ogr="http://ogr.maptools.org/" '
    'xmlns:gml="http://www.opengis.net/gml/3.2">'
)
_PLACE = '<ogr:geom><gml:Point srsName="urn:ogc:def:crs:EPSG::4549" gml:id="p{i}"><gml:pos>3519586 497209</gml:pos></gml:Point></ogr:geom>'
_NIL = '<ogr:height xsi:nil="true"/>'


def column(folder: Path, *elements: str) -> list[object]:
    """Read what features with these elements have as height."""
    features = (
        f'<ogr:featureMember><ogr:house gml:id="h.{i}">{_PLACE.format(i=i)}{element}</ogr:house></ogr:featureMember>'
        for i, element in enumerate(elements)
    )
    path = folder / "houses.gml"
    path.write_text(_HEAD + "".join(features) + "</ogr:FeatureCollection>", encoding="utf-8")
    return list(Layer(path).columns["height"])


def height(text: str) -> str:
    return f"<ogr:height>{text}</ogr:height>"


@pytest.fixture(autouse=True)
def _environment_of_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in gdal_policy.ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("order", [(height("08.4"), _NIL), (_NIL, height("08.4")), (_NIL, _NIL, height("08.4"), height("9"))])
def test_a_value_beside_nothings_is_its_text(tmp_path: Path, order: tuple[str, ...]) -> None:
    assert column(tmp_path, *order) == [None if e == _NIL else e.removeprefix("<ogr:height>").split("<")[0] for e in order]


def test_a_value_that_is_there_twice_is_a_list_and_one_beside_it_is_not(tmp_path: Path) -> None:
    assert column(tmp_path, height("8") + height("9"), height("7"), _NIL) == ['["8","9"]', "7", None]
