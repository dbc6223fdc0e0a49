"""The memory that lines of a CityJSONSeq are cut into: no more than the largest block needs, and nothing is kept that is too large."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from ingest.protocol import Limits, PartRequest
from ingest.readers import cityjson_sequence
from ingest.readers.cityjson import CityJson
from ingest.readers.cityjson_sequence import CityJsonSequence, CitySequenceLayer
from ingest.readers.json_arrays import Room, cut_lines
from tests.unit.test_cityjson_sequence import BUILDING, ROOF, block, rows_in, rows_of, text_of, with_roof

MOST_BYTES = 1 << 20
"""What a room keeps is for that much text."""


def most_bytes_while(work: Callable[[], object]) -> int:
    """Return how much memory ``work`` has had at once, with what was there before and is traced."""
    tracemalloc.reset_peak()
    work()
    return tracemalloc.get_traced_memory()[1]


@pytest.fixture
def traced() -> Iterator[None]:
    cut_lines([with_roof(ROOF)])  # what the kernels are loaded into does not count
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("size", [MOST_BYTES, 4 * MOST_BYTES], ids=["kept", "too large to keep"])
def test_a_room_grows_into_the_memory_that_it_had(size: int) -> None:
    """Nobody has both at once, so that a line may be as large behind others as alone."""
    alone = most_bytes_while(lambda: cut_lines([b" " * size]))
    assert alone < 35 * size, "31 times as much, the line itself and what is left of it"
    room = Room(MOST_BYTES)
    room.of(MOST_BYTES - 1)
    assert most_bytes_while(lambda: cut_lines([b" " * size], into=room)) < 1.01 * alone


@pytest.mark.usefixtures("traced")
def test_a_room_keeps_nothing_larger_than_it_was_told() -> None:
    room = Room(MOST_BYTES)
    room.of(MOST_BYTES)
    kept = tracemalloc.get_traced_memory()[0]
    assert kept > 10 * MOST_BYTES
    room.of(MOST_BYTES + 1)
    assert tracemalloc.get_traced_memory()[0] < 0.01 * kept


def test_a_room_that_could_not_grow_says_so_again_and_then_serves_what_fits() -> None:
    lines = [json.dumps(block("a")).encode()]
    room = Room(2**62)
    room.of(len(lines[0]) // 2)
    for _ in range(2):
        with pytest.raises(MemoryError):
            room.of(2**58)
    assert len(room.of(len(lines[0])).found.numbers) > len(lines[0]) // 2
    assert cut_lines(lines, into=room).skeletons == cut_lines(lines).skeletons


@pytest.mark.usefixtures("traced")
def test_lines_with_a_number_spelled_otherwise_are_cut_twice_into_the_same_memory() -> None:
    filler = b" " * MOST_BYTES
    plain, other = (with_roof(ROOF.replace("3.25", number)) + filler for number in ("0.1", "0.10000000000000001"))
    assert cut_lines([plain]).cuts_surfaces
    assert not cut_lines([other]).cuts_surfaces
    once = most_bytes_while(lambda: cut_lines([plain], into=Room(0)))
    assert most_bytes_while(lambda: cut_lines([other], into=Room(0))) < 1.01 * once


def test_a_long_line_behind_short_ones_is_read_as_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of two lines, each cut while the one before is used; the room grows amid the layer, and not for the longest."""
    monkeypatch.setattr(cityjson_sequence, "_BATCH_BYTES", 4 * len(json.dumps(block())))
    features = [block(f"b{i}") for i in range(9)]
    for i, corners in ((3, 1_000), (6, 30_000)):
        features[i]["vertices"] += [[x, -x, x] for x in range(corners)]
    text = text_of(features)
    layer = CityJsonSequence(text, Limits(rows_per_batch=2)).open(PartRequest(None, BUILDING, "d"))
    batches = list(layer.batches())
    assert len(batches) >= 5
    ours = [row for batch in batches for row in rows_in(batch)]
    assert ours == list(rows_of(text, CityJson))
    assert sum(len(batch.representations) for batch in batches) == 2 * len(features)


@pytest.mark.usefixtures("traced")
def test_a_layer_keeps_no_memory_when_its_batches_are_out() -> None:
    """What lines are cut into is of one iteration: two of a layer never share it."""
    text = text_of([block(f"b{i}") for i in range(200)])
    layer = CityJsonSequence(text, Limits()).open(PartRequest(None, BUILDING, "d"))
    assert isinstance(layer, CitySequenceLayer)
    before = tracemalloc.get_traced_memory()[0]
    assert sum(len(batch.rows) for batch in layer.batches_here()) == 200
    assert tracemalloc.get_traced_memory()[0] - before < 2 * len(text)
