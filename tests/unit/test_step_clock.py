"""A step that takes long is told again and again until something else is told."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import pytest

from ingest.request import Workplace
from ingest.step_clock import clocked
from twin.errors import Text, UnavailableError


@dataclass
class _Listener:
    """Keeps what it is told; what it is told second it cannot take."""

    told: list[str] = field(default_factory=list)
    fourth: threading.Event = field(default_factory=threading.Event)

    def step(self, step: Text) -> None:
        self.told.append(step.en)
        if len(self.told) == 2:
            raise UnavailableError("not now", zh="暂不可用")
        if len(self.told) >= 4:
            self.fourth.set()


def test_a_long_step_is_told_again_and_again_whoever_cannot_listen_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.step_clock.EVERY_S", 0.01)
    listener = _Listener()
    rows: list[int] = []
    with clocked(_place(listener, rows)) as place:
        place.progress("x", 3, None)
        place.step(Text(zh="比对", en="comparing"))
        assert listener.fourth.wait(30)
    assert rows == [3]
    assert listener.told[0] == "comparing"
    assert set(listener.told[1:]) <= {f"comparing, {s} s" for s in range(31)}


def test_rows_that_come_after_a_pause_are_told_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.step_clock.EVERY_S", 0.01)
    listener = _Listener()
    rows: list[int] = []
    with clocked(_place(listener, rows)) as place:
        place.step(Text(zh="读取文件", en="reading"))
        assert listener.fourth.wait(30)
        with monkeypatch.context() as patched:
            patched.setattr("ingest.step_clock.EVERY_S", 30.0)
            place.progress("x", 3, None)
            assert listener.told[-1] == "reading"
            told = len(listener.told)
            place.progress("x", 4, None)
            assert (rows, listener.told[told:]) == ([3, 4], [])


def _place(listener: _Listener, rows: list[int]) -> Workplace:
    unused = cast("object", SimpleNamespace())
    return Workplace(
        catalogue=unused, store=unused, read=unused, make_request=unused, ground=unused, to_degrees=unused,  # type: ignore[arg-type]
        progress=lambda _, done, __: rows.append(done), step=listener.step,
    )  # fmt: skip
