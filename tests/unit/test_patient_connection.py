"""Pieces of an answer that are there already are read without another turn of the event loop; what is not is waited for in it."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Generator

import pytest
from psycopg.waiting import READY_NONE, READY_R, WAIT_R, WAIT_RW, Ready, Wait, wait_async

from tests.event_loop import run_alone
from twin.query import patient_connection
from twin.query.patient_connection import patiently


def _reader(source: socket.socket, pieces: int) -> Generator[object, object, bytes]:
    """Read so many pieces, waiting for each."""
    found = b""
    for _ in range(pieces):
        assert (yield WAIT_R) == READY_R
        found += source.recv(4)
    return found


def _waits(driven: Generator[object, object, bytes], feed: socket.socket | None = None) -> tuple[int, bytes]:
    """Return how often the caller waited, and the result; before each wait of his a piece is fed where there is a feed."""
    waits, wanted = 0, next(driven)
    while True:
        assert wanted == WAIT_R
        waits += 1
        if feed is not None:
            feed.send(b"abcd")
        try:
            wanted = driven.send(READY_R)
        except StopIteration as end:
            return waits, end.value


def _be_patient(monkeypatch: pytest.MonkeyPatch, in_all_s: float = 60.0, soon_s: float = 60.0) -> None:
    """Wait for so long, however slow this machine is."""
    monkeypatch.setattr(patient_connection, "PATIENCE_S", in_all_s)
    monkeypatch.setattr(patient_connection, "SOON_S", soon_s)


@pytest.fixture
def pair() -> Generator[tuple[socket.socket, socket.socket]]:
    here, there = socket.socketpair()
    with here, there:
        yield here, there


def test_what_is_there_is_read_in_one_wait(pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch) -> None:
    _be_patient(monkeypatch)
    pair[0].send(b"abcd" * 30)
    assert _waits(patiently(_reader(pair[1], 30), pair[1].fileno())) == (1, b"abcd" * 30)


def test_what_is_late_is_waited_for_by_the_caller(pair: tuple[socket.socket, socket.socket]) -> None:
    assert _waits(patiently(_reader(pair[1], 3), pair[1].fileno()), pair[0]) == (3, b"abcd" * 3)


def test_an_answer_that_made_others_wait_once_is_not_waited_for_again(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    # One budget an answer, not one a turn: pieces 1.5 ms apart made all others wait for a millisecond each.
    _be_patient(monkeypatch, soon_s=0.0)
    driven = patiently(_reader(pair[1], 5), pair[1].fileno())
    assert next(driven) == WAIT_R
    pair[0].send(b"abcd")
    assert driven.send(READY_R) == WAIT_R  # nothing came: the patience of this answer is at an end
    pair[0].send(b"abcd" * 4)
    for _ in range(3):
        assert driven.send(READY_R) == WAIT_R
    with pytest.raises(StopIteration) as end:
        driven.send(READY_R)
    assert end.value.value == b"abcd" * 5


def test_reading_what_comes_without_end_uses_patience_up(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    _be_patient(monkeypatch, in_all_s=0.004)

    def slow_reader() -> Generator[object, object, bytes]:
        for _ in range(12):
            assert (yield WAIT_R) == READY_R
            pair[1].recv(4)
            time.sleep(0.003)
        return b""

    pair[0].send(b"abcd" * 12)
    waits, _ = _waits(patiently(slow_reader(), pair[1].fileno()))
    assert waits >= 11  # two pieces in the first turn at most, and no more than one in each that follows


def test_a_look_for_interrupts_is_no_reason_to_wait(pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch) -> None:
    # psycopg sends READY_NONE every 0.1 s to what still waits for its first byte.
    _be_patient(monkeypatch)
    asked: list[int] = []

    def noticed(descriptor: int, _within_s: float) -> bool:
        asked.append(descriptor)
        return False

    monkeypatch.setattr(patient_connection, "_is_readable", noticed)

    def silent() -> Generator[object, object, bytes]:
        while not (yield WAIT_R):
            pass
        return pair[1].recv(4)

    driven = patiently(silent(), pair[1].fileno())
    assert next(driven) == WAIT_R
    for _ in range(9):
        assert driven.send(READY_NONE) == WAIT_R
    assert asked == []
    pair[0].send(b"abcd")
    with pytest.raises(StopIteration) as end:
        driven.send(READY_R)
    assert end.value.value == b"abcd"


def test_an_answer_whose_reader_was_cancelled_is_read_to_its_end(pair: tuple[socket.socket, socket.socket]) -> None:
    # As psycopg does after it has told the server to cancel: it drives the same generator, by `next`, in its own wait.
    async def cancelled_and_read() -> bytes:
        driven = patiently(_reader_of_any_turn(pair[1]), pair[1].fileno())
        task = asyncio.create_task(wait_async(driven, pair[1].fileno()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        pair[0].send(b"abcd")
        return await wait_async(driven, pair[1].fileno())

    assert run_alone(cancelled_and_read()) == b"abcd"


def _reader_of_any_turn(source: socket.socket) -> Generator[Wait, Ready, bytes]:
    """Wait until something is there, however often the wait is broken off."""
    while (yield WAIT_R) != READY_R:
        pass
    return source.recv(4)


def test_who_also_writes_is_left_to_the_caller() -> None:
    def writer() -> Generator[object, object, str]:
        assert (yield WAIT_RW) == READY_R
        assert (yield WAIT_RW) == READY_R
        return "done"

    driven = patiently(writer(), -1)
    assert next(driven) == WAIT_RW
    assert driven.send(READY_R) == WAIT_RW
    with pytest.raises(StopIteration) as end:
        driven.send(READY_R)
    assert end.value.value == "done"


def test_what_needs_no_wait_and_what_fails_pass_through() -> None:
    def immediate() -> Generator[object, object, int]:
        if False:
            yield
        return 7

    def failing() -> Generator[object, object, int]:
        yield WAIT_R
        raise ValueError("broken")

    with pytest.raises(StopIteration) as end:
        next(patiently(immediate(), -1))
    assert end.value.value == 7
    driven = patiently(failing(), -1)
    next(driven)
    with pytest.raises(ValueError, match="broken"):
        driven.send(READY_R)
