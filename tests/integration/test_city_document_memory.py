"""What a check of a CityJSON document holds in memory grows by its vertices, not by its text."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.load_cityjson import write_city
from tests.integration.test_load_memory import peaks_of
from tests.merged_city import merge_city

_MOST_MIB = 600
"""Of the larger one: as much as a sequence takes, and its vertices."""
_MOST_GROWTH_MIB = 75
"""Beside vertices and objects: of the smaller one fewer batches are on their way at once."""
_BYTES_OF_VERTEX, _OBJECTS_A_BUILDING, _BYTES_OF_OBJECT = 12, 2, 64


@pytest.mark.slow
@pytest.mark.usefixtures("real_data")
def test_eight_times_the_buildings_of_a_document_take_more_by_their_vertices_only(tmp_path: Path) -> None:
    """Of 31 and 263 MB; parsed whole, 48 MB took 893 MiB and 190 were refused."""
    held, peaks = [], []
    for copies in (16, 128):
        sequence, path = tmp_path / "city.jsonl", tmp_path / f"{copies}.city.json"
        write_city(sequence, copies)
        buildings = sequence.read_bytes().count(b"\n") - 1
        vertices = merge_city(sequence, path)
        sequence.unlink()
        held.append(vertices * _BYTES_OF_VERTEX + buildings * _OBJECTS_A_BUILDING * _BYTES_OF_OBJECT)
        peaks.append(peaks_of(path, (None, "building", "b")))
    assert peaks[1].of_data_mib - peaks[0].of_data_mib < _MOST_GROWTH_MIB + (held[1] - held[0]) / 2**20, (peaks, held)
    assert peaks[1].whole_mib < _MOST_MIB
