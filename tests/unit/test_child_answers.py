"""What the child sends arrives whole and in order, however many buffers it is and however little the pipe takes at once."""

from __future__ import annotations

import itertools
import os
import threading

import numpy as np
import pytest

from ingest import child


@pytest.mark.parametrize("sizes", [(), (0,), (3, 0, 1), (1,) * 5000, (200_000, 1, 300_000), (70_000,) * 40])
def test_buffers_arrive_whole_and_in_order(sizes: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    content = np.random.default_rng(1).integers(0, 256, sum(sizes), dtype=np.uint8).tobytes()
    ends = np.cumsum((0, *sizes))
    reading, writing = os.pipe()
    monkeypatch.setattr(child, "_OUTPUT", writing)
    arrived: list[bytes] = []

    def receive() -> None:
        while piece := os.read(reading, 5000):
            arrived.append(piece)

    receiver = threading.Thread(target=receive)
    receiver.start()
    try:
        child._send(memoryview(content)[a:b] for a, b in itertools.pairwise(ends))
    finally:
        os.close(writing)
        receiver.join()
        os.close(reading)
    assert b"".join(arrived) == content
