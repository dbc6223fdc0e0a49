"""Batches of a first load, some with 3D beside them: their features are numbered in the order in which they came."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from dataclasses import replace

import pyarrow as pa
import pytest

from ingest import receiving
from ingest.fids import FidSource
from ingest.load import load
from ingest.protocol import REPRESENTATIONS, Message, PartBatch, ReadRequest
from ingest.request import Reader
from ingest.staging import Staging
from tests.integration.surveys import Row, Surveys, square
from tests.unit.test_representation import cube
from twin.representation import encode


class LateBesideOthers(FidSource):
    """Draws late in any thread but that which hands the batches over."""

    def draw(self, staging: Staging, count: int) -> pa.Array:
        if threading.current_thread() is not threading.main_thread():
            time.sleep(0.3)
        return super().draw(staging, count)


def some_with_3d(read: Reader, size: int) -> Reader:
    """Give what a reader gives in batches of so many rows, every other of them with 3D."""

    def pieces(request: ReadRequest) -> Generator[Message]:
        for message in read(request):
            if not isinstance(message, PartBatch):
                yield message
                continue
            for start in range(0, message.table.num_rows, size):
                table = message.table.slice(start, size)
                bodies = [{"row": row, "lod": "2.2", "faces": encode(cube())} for row in table.column("row").to_pylist()]
                beside = pa.RecordBatch.from_pylist(bodies, schema=REPRESENTATIONS) if start // size % 2 == 0 else None
                yield replace(message, table=table, findings=(), representations=beside)

    return pieces


def test_fids_rise_in_the_order_of_rows_though_some_batches_have_3d(surveys: Surveys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "FidSource", LateBesideOthers)
    rows = [Row(square(20.0 * i, 0.0), {"building_id": f"{i:02}", "height_m": 3.0, "base_height_m": 0.0}) for i in range(12)]
    parts = {"buildings": ("building", rows)}
    place = surveys.place(parts)
    load(replace(place, read=some_with_3d(place.read, 2)), surveys.request(parts))
    fids = [state[0] for _, state in sorted(surveys.state("buildings").items())]
    assert fids == list(range(1, 13))
    dataset = surveys.catalogue.dataset("buildings").id
    with surveys.catalogue.pool.connection() as connection:
        bodies = connection.execute("SELECT fid FROM city.representation WHERE dataset = %s ORDER BY fid", (dataset,)).fetchall()
    assert [fid for (fid,) in bodies] == [1, 2, 5, 6, 9, 10]


def test_3d_of_rows_that_a_rule_over_all_rows_rejects_goes_with_them(surveys: Surveys) -> None:
    names = ["00", "01", "02", "03", "01", "05"]
    rows = [Row(square(20.0 * i, 0.0), {"building_id": n, "height_m": 3.0, "base_height_m": 0.0}) for i, n in enumerate(names)]
    parts = {"buildings": ("building", rows)}
    place = surveys.place(parts)
    result = load(replace(place, read=some_with_3d(place.read, 6)), replace(surveys.request(parts), max_rejected=1.0))
    assert result.rejected > 0
    left = {state[0] for state in surveys.state("buildings").values()}
    with surveys.catalogue.pool.connection() as connection:
        bodies = connection.execute("SELECT fid FROM city.representation").fetchall()
    assert {fid for (fid,) in bodies} == left
    assert len(left) == result.read - result.rejected
