"""Reference systems of a GML are found piece by piece as they are in the whole, wherever a piece ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.readers import gml

_FIRST, _SECOND = '<gml:Point srsName="urn:ogc:def:crs:EPSG::4549"/>', "<gml:Point srsName='http://www.opengis.net/def/crs/EPSG/0/4490'/>"
_PIECE_BYTES = 2_048


def test_a_system_named_over_the_end_of_a_piece_is_found_as_in_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gml, "_PIECE_BYTES", _PIECE_BYTES)
    path = tmp_path / "points.gml"
    for before in range(len(_SECOND) + 2):
        text = _FIRST.ljust(2 * _PIECE_BYTES - before) + _SECOND.ljust(2 * _PIECE_BYTES)
        path.write_text(text, encoding="utf-8")
        assert sorted(gml._systems(path)) == sorted(gml._systems(text.encode())) == ["EPSG:4490", "EPSG:4549"]
