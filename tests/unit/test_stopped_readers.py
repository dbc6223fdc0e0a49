"""A reader that nobody wants any more ends, though it says nothing itself."""

from __future__ import annotations

import os
import select
import signal
from pathlib import Path

import pytest

from ingest.protocol import ReadRequest
from ingest.running_reader import RunningReader
from ingest.warm_template import Template
from twin.errors import ConflictError


def test_a_reader_that_says_nothing_ends_once_it_is_stopped(tmp_path: Path) -> None:
    path = tmp_path / "nothing.geojson"
    path.write_text('{"type": "FeatureCollection", "features": []}')
    asked: list[None] = []

    def is_stopped() -> bool:
        asked.append(None)
        return len(asked) > 2

    with Template() as template:
        forked = template.fork()
        signal.pidfd_send_signal(forked.process, signal.SIGSTOP)
        process = os.dup(forked.process)
        reader = RunningReader(forked, ReadRequest(path, (), storage_srid=0), is_stopped)
        with pytest.raises(ConflictError) as stopped:
            list(reader.frames())
        reader.end()
        assert stopped.value.code == "withdrawn"
        assert select.select([process], [], [], 0)[0], "the process is gone"
        os.close(process)
