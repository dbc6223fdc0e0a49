"""The template imports what files of a kind have needed: for the next of them only, and whatever that does, readers at work go on."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.frames import BrokenFrameError, Kind, encode_request, frame
from ingest.protocol import ReadRequest
from ingest.readers import choice
from ingest.readers.choice import FILES
from ingest.running_reader import RunningReader
from ingest.sandbox import inspect_file
from ingest.warm_template import Forked, Template
from tests.unit.test_template import POINTS, booting, end_unasked, eventually, template_processes

READING = "import ingest.child; ingest.child.main()"
PREPARED = "import ingest.child; ingest.child.prepare()"
KINDS = [number for number, kind in enumerate(FILES) if kind.modules]


@pytest.fixture
def points(tmp_path: Path) -> Path:
    path = tmp_path / "points.geojson"
    path.write_text(POINTS)
    return path


@pytest.fixture
def places(tmp_path: Path) -> Path:
    path = tmp_path / "places.kml"
    point = "<Placemark><Point><coordinates>120,31</coordinates></Point></Placemark>"
    path.write_text(f'<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{point}</Document></kml>')
    return path


def reader_of(path: Path, template: Template) -> RunningReader:
    return RunningReader(template.fork(), ReadRequest(path, (), storage_srid=0))


def imported_for(path: Path, template: Template) -> int | None:
    """Return the kind of files that a reader of ``path`` had to import something for."""
    reader = reader_of(path, template)
    try:
        assert Kind.INFO in [kind for kind, _ in reader.frames()]
    finally:
        reader.end()
    return reader.imported


def noting(path: Path) -> str:
    """Return what notes in a file that something is imported."""
    return f"open({str(path)!r}, 'a').write(f'{{kind}} ')"


def sending(*frames: list[bytes | memoryview]) -> str:
    return f"os.write(1, {b''.join(bytes(part) for parts in frames for part in parts)!r})"


def test_what_one_file_needed_is_at_hand_for_the_next_of_its_kind(points: Path, places: Path) -> None:
    with Template() as template:

        def imported_in_a_quiet_moment() -> bool:
            time.sleep(0.5)
            return imported_for(places, template) is None

        before = set(template_processes())
        assert imported_for(points, template) is None, "what every file needs is there"
        [process] = set(template_processes()) - before
        assert imported_for(places, template) is not None
        assert eventually(imported_in_a_quiet_moment), "and not while readers are asked for"
        assert set(template_processes()) - before == {process}


def test_what_any_kind_of_files_needs_leaves_a_template_fit_to_fork(points: Path) -> None:
    """Neither threads, which a fork would leave behind, nor descriptors of what is no file; and an unknown kind is let be."""
    asks = f"[ingest.child.prepare_for(k) for k in {[*KINDS, 255]}]"
    assert len(KINDS) > 5
    with Template(booting(READING, f"{PREPARED}; {asks}")) as template:
        assert inspect_file(points, template=template).format == "GeoJSON"


def test_readers_at_work_and_the_next_go_on_while_something_is_imported(tmp_path: Path) -> None:
    noted = tmp_path / "imported"
    boot = booting("os.read(0, 1); os.write(1, b'read'); os._exit(0)", "ingest.template._QUIET_MS = 1", noting(noted))
    with Template(boot) as template:
        at_work = [template.fork(), template.fork()]
        at_work[1].have_imported(3)
        assert eventually(noted.exists)
        forked = [*at_work, template.fork()]
        assert len({id(one.template) for one in forked}) == 1
        for one in forked:
            os.close(one.request)
            assert os.read(one.output, 9) == b"read"
            assert one.wait(60) == 0
            one.end()
            one.close()


@pytest.mark.parametrize(
    "prepare",
    [
        "raise ImportError('it was exchanged')",
        "import threading, time; threading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
        "import socket, sys; sys.kept = socket.socketpair()",
    ],
    ids=["error", "thread", "socket"],
)
def test_readers_at_work_do_not_hear_of_an_import_that_fails(capfd: pytest.CaptureFixture[str], prepare: str) -> None:
    boot = booting("os.read(0, 1); os.kill(os.getpid(), 11)", "ingest.template._QUIET_MS = 1", prepare)
    said: list[str] = []

    def failed() -> bool:
        said.append(capfd.readouterr().err)
        return "Error: " in "".join(said)

    with Template(boot) as template:
        at_work = [template.fork(), template.fork()]
        at_work[1].have_imported(3)
        assert eventually(failed), "somebody is told"
        after = template.fork()
        assert after.template is not at_work[0].template, "and nobody is forked from what it left"
        end_unasked(after)
        for one in at_work:
            os.close(one.request)
            assert one.wait(60) == -11
            one.end()
            one.close()


def answer_to(path: Path, template: Template) -> bytes:
    """Return the first bytes that a reader of ``path`` sends."""
    forked = template.fork()
    with os.fdopen(forked.request, "wb") as request:
        request.write(encode_request(ReadRequest(path, (), storage_srid=0)))
    answer = os.read(forked.output, 64)
    forked.end()
    forked.close()
    return answer


def test_a_reader_says_what_it_imported_before_anything_can_speak_in_its_place(points: Path) -> None:
    with Template() as template:
        assert answer_to(points, template).startswith(b"".join(bytes(part) for part in frame(Kind.IMPORTED, b"")))


@pytest.mark.parametrize(
    "answer",
    [
        sending(frame(Kind.IMPORTED), frame(Kind.IMPORTED, b"\3")),
        sending(frame(Kind.IMPORTED, b"\3"), frame(Kind.HEADER, b"{}"), frame(Kind.IMPORTED, b"\3")),
        sending(frame(Kind.HEADER, b"{}"), frame(Kind.IMPORTED, b"\3")),
        sending(frame(Kind.IMPORTED, b"\3\3")),
    ],
    ids=["twice", "again", "late", "two"],
)
def test_what_is_imported_is_said_once_and_first(points: Path, answer: str) -> None:
    with Template(booting(answer)) as template:
        reader = reader_of(points, template)
        with pytest.raises(BrokenFrameError):
            list(reader.frames())
        reader.end()


@pytest.mark.parametrize("ending", ["os.kill(os.getpid(), 11)", sending(frame(Kind.IMPORTED, b"\3"))], ids=["crash", "nonsense"])
def test_nothing_is_imported_at_the_word_of_a_reader_that_is_not_trusted(points: Path, tmp_path: Path, ending: str) -> None:
    noted = tmp_path / "imported"
    boot = booting(f"{sending(frame(Kind.IMPORTED, bytes([3])))}\n{ending}", "ingest.template._QUIET_MS = 1", noting(noted))
    with Template(boot) as template:
        beside = template.fork()  # keeps the template, which is worn, at work
        with pytest.raises(Exception, match=r"crashed|not of the protocol"):
            inspect_file(points, template=template)
        time.sleep(0.5)
        assert not noted.exists()
        end_unasked(beside)


def test_what_takes_long_is_not_left_to_the_process_for_which_all_files_wait(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels without a place to be kept in are compiled for minutes, by every process."""
    [kml] = [number for number, kind in enumerate(FILES) if kind.modules == ("ingest.readers.kml",)]

    def said() -> int | None:
        monkeypatch.setattr(choice, "_imported", set())
        return choice.import_for(places)

    assert said() == kml
    monkeypatch.setattr(choice, "_MOST_CPU_S", 0.0)
    assert said() is None
    assert choice.import_kind(kml) is False, "although it is at hand"


ROOM = """
    import mmap, ingest.child
    def room(request, scratch):
        kept = []
        for size in (1 << shift for shift in range(30, 19, -1)):
            try:
                while True:
                    kept.append(mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
            except OSError:
                pass
        os.write(1, sum(map(len, kept)).to_bytes(8, 'little'))
        os._exit(0)
    ingest.child._answer = room
    ingest.child.main()
"""


def test_what_a_file_may_take_of_memory_does_not_hang_on_those_before_it(points: Path, places: Path) -> None:
    def rooms(template: Template) -> list[int]:
        return [room_mib(path, template) for path in (points, places)]

    def room_mib(path: Path, template: Template) -> int:
        reader = reader_of(path, template)
        with os.fdopen(os.dup(reader._process.output), "rb") as output:
            answer = output.read()
        reader.end()
        return int.from_bytes(answer[-8:], "little") >> 20

    with Template(booting(ROOM, PREPARED)) as fresh:
        first = rooms(fresh)
    with Template(booting(ROOM, f"{PREPARED}; [ingest.child.prepare_for(k) for k in {KINDS}]")) as worn:
        later = rooms(worn)
    assert min(first) > 1024
    assert max(*first, *later) - min(*first, *later) <= 16, (first, later)


class _Slow(socket.socket):
    """A socket that waits between the look at its number and the writing to it, as a thread may that another overtakes."""

    def __init__(self, given: socket.socket, meanwhile: Callable[[], None]) -> None:
        super().__init__(fileno=given.detach())
        self._meanwhile = meanwhile

    def send(self, data: bytes, _flags: int = 0, /) -> int:  # type: ignore[override]
        number = self.fileno()
        self._meanwhile()
        return os.write(number, data)


def test_what_is_sent_to_a_template_reaches_nobody_else_when_it_is_let_go_meanwhile() -> None:
    opened: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def meanwhile() -> None:
        letting_go = threading.Thread(target=forked.template.let_go)
        threads.append(letting_go)
        letting_go.start()
        letting_go.join(0.5)  # it waits for us, or is done with it
        opened.extend(end for _ in range(8) for end in socket.socketpair())  # take the lowest numbers that are free

    def forked_of(template: Template) -> Forked:
        forked = template.fork()
        forked.template._control = _Slow(forked.template._control, meanwhile)
        return forked

    with Template(booting("os.read(0, 1)")) as template:
        forked = forked_of(template)
        forked.have_imported(3)
        threads[0].join()
        assert not select.select(opened, [], [], 0)[0]
        for end in opened:
            end.close()
        end_unasked(forked)
