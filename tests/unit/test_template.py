"""Readers are forked from one warm process: nothing of one reaches the next, and whatever becomes of that process, files are read."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ingest import warm_template
from ingest.protocol import FileChunk, Limits, Message, PartRequest, ReadRequest
from ingest.sandbox import inspect_file, read_file
from ingest.warm_template import BOOT, Forked, Template
from tests.unit.test_sandbox_walls import PROBES, REPOSITORY, assert_confined
from twin.errors import Text, TwinError, UnavailableError
from twin.featuretypes.plain import plain_areas

POINTS = '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{},"geometry":{"type":"Point","coordinates":[120,31]}}]}'


def booting(read: str, before: str = "", prepare: str = "pass") -> str:
    """Return the program of a template whose children do ``read`` instead of reading, and that does ``prepare`` for a ``kind``."""
    head = "import os, sys; sys.path.insert(0, sys.argv[1])"
    done, prepared = (textwrap.indent(textwrap.dedent(code), "    ") for code in (read, prepare))
    functions = f"def read():\n{done}\ndef prepare(kind):\n{prepared}"
    return f"{head}\nimport ingest.template\n{before}\n{functions}\ningest.template.serve(int(sys.argv[2]), read, prepare)"


def answer_of(template: Template) -> bytes:
    """Return what a child without a request writes."""
    forked = template.fork()
    os.close(forked.request)
    with os.fdopen(os.dup(forked.output), "rb") as output:
        answer = output.read()
    forked.end()
    forked.close()
    return answer


def end_unasked(forked: Forked) -> None:
    os.close(forked.request)
    forked.end()
    forked.close()


def messages(path: Path, template: Template, limits: Limits | None = None) -> Generator[Message]:
    part = PartRequest(None, plain_areas("area", Text("范围", "Area"), has_z=False), "d")
    yield from read_file(ReadRequest(path, (part,), storage_srid=4549, limits=limits or Limits()), template)


def refused(path: Path, template: Template, limits: Limits | None = None) -> str:
    with pytest.raises(TwinError) as caught:
        list(messages(path, template, limits))
    return caught.value.code


def template_processes(parent: int | str = "self") -> list[int]:
    children = Path(f"/proc/{parent}/task").glob("*/children")
    return [
        int(c) for listed in children for c in listed.read_text().split() if b"ingest.template" in Path(f"/proc/{c}/cmdline").read_bytes()
    ]


def eventually(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + 60
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    return true()


@pytest.fixture
def points(tmp_path: Path) -> Path:
    path = tmp_path / "points.geojson"
    path.write_text(POINTS)
    return path


def test_one_template_serves_file_after_file_and_ends_with_its_owner(points: Path) -> None:
    before = set(template_processes())
    with Template() as template:
        assert not set(template_processes()) - before, "it is started by the first file"
        for _ in range(3):
            assert inspect_file(points, template=template).format == "GeoJSON"
            assert len(set(template_processes()) - before) == 1
        [process] = set(template_processes()) - before
        os.kill(process, signal.SIGKILL)  # out of memory, say
        assert inspect_file(points, template=template).format == "GeoJSON"
    assert not set(template_processes()) - before


def test_one_that_nobody_needs_ends_and_is_started_again() -> None:
    before = set(template_processes())
    with Template(booting("os.write(1, b'read')", "ingest.template._IDLE_MS = 1")) as template:
        assert answer_of(template) == b"read"
        assert eventually(lambda: not set(template_processes()) - before)
        assert answer_of(template) == b"read"


def test_what_reaches_the_network_is_not_there_for_libraries_to_find() -> None:
    """rasterio takes boto3 along where it is installed: 9 MiB in every reader."""
    stub = "import types, ingest; child = ingest.child = types.ModuleType('child'); child.main = read"
    stub += "; child.prepare = child.prepare_for = lambda *_: None"
    boot = booting("try:\n    import boto3\nexcept ImportError:\n    os.write(1, b'none')").rpartition("\n")[0]
    with Template(f"{boot}\n{stub}\ningest.template.main()") as template:
        assert answer_of(template) == b"none"


def test_one_that_has_ended_is_nobodys_zombie() -> None:
    with Template(booting("os.write(1, b'read')")) as template:
        before = set(template_processes())
        answer_of(template)
        [process] = set(template_processes()) - before
        os.kill(process, signal.SIGKILL)
        assert eventually(lambda: not Path(f"/proc/{process}").exists()), "although no other reader is asked for"


def test_a_process_that_ends_amid_a_file_ends(points: Path) -> None:
    """An error that somebody holds (a load's lost database) keeps what reads the file to the very end, when threads run no more."""
    amid = f"""
        from pathlib import Path
        from ingest.protocol import PartRequest, ReadRequest
        from ingest.sandbox import read_file
        from twin.errors import Text
        from twin.featuretypes.plain import plain_areas
        part = PartRequest(None, plain_areas("area", Text("范围", "Area"), has_z=False), "d")
        held = read_file(ReadRequest(Path({str(points)!r}), (part,), storage_srid=4549))
        print(next(held).dataset)
    """
    command = [sys.executable, "-c", textwrap.dedent(amid)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=REPOSITORY, check=True)
    assert ended.stdout == "d\n"


@pytest.mark.parametrize(
    ("read", "code"),
    [
        ("os.kill(os.getpid(), 11)", "parser-crash"),
        ("os._exit(1)", "parser-crash"),
        (f"os.write(1, {b'?' + bytes(8)!r})", "parser-nonsense"),
        (f"os.write(1, {b'B' + struct.pack('<Q', 4) + b'junk'!r})", "parser-nonsense"),
        ("import time; time.sleep(600)", "parser-timeout"),
    ],
)
def test_what_gave_no_proper_answer_is_the_last_of_its_template(points: Path, read: str, code: str) -> None:
    with Template(booting(read)) as template:
        before = set(template_processes())
        end_unasked(template.fork())
        suspect = set(template_processes()) - before
        assert refused(points, template, Limits(wall_s=0.5)) == code
        end_unasked(template.fork())
        assert eventually(lambda: not set(template_processes()) & suspect), "its children's addresses may be known"


def test_what_was_not_wanted_to_its_end_is_the_last_of_its_template(points: Path) -> None:
    chunk = b"A" + struct.pack("<Q", 3) + b"\1dx"
    with Template(booting(f"os.write(1, {chunk!r}); import time; time.sleep(600)")) as template:
        before = set(template_processes())
        answers = messages(points, template)
        assert next(answers) == FileChunk("d", b"x")
        suspect = set(template_processes()) - before
        answers.close()  # as those do to whom it tells nonsense in proper frames
        end_unasked(template.fork())
        assert eventually(lambda: not set(template_processes()) & suspect)


def test_a_template_is_worn_by_as_many_as_ask_at_once_and_replaced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm_template, "_MOST_FORKS", 2)
    with Template(booting("pass")) as template, ThreadPoolExecutor(8) as threads:
        forked = list(threads.map(lambda _: template.fork(), range(16)))
        of_each = Counter(id(one.template) for one in forked)
        for one in forked:
            end_unasked(one)
    assert sorted(of_each.values()) == [2] * 8


@pytest.mark.parametrize(
    "answer", [b"?" + bytes(8), b"H" + struct.pack("<Q", 2) + b"{}", b"B" + struct.pack("<Q", 4) + b"junk", b"H" + b"\xff" * 8]
)
def test_an_answer_outside_the_protocol_is_not_believed(points: Path, answer: bytes) -> None:
    with Template(booting(f"os.write(1, {answer!r})")) as template:
        assert refused(points, template) == "parser-nonsense"


def test_without_walls_nothing_is_read(points: Path) -> None:
    boot = BOOT.replace("from ingest", "from ingest.confinement import landlock; landlock.abi = lambda: 0; from ingest", 1)
    with Template(boot) as template, pytest.raises(UnavailableError) as caught:
        inspect_file(points, template=template)
    assert (caught.value.code, caught.value.status) == ("sandbox-unavailable", 503)


THREAD = "import threading, time; threading.Thread(target=time.sleep, args=(9,), daemon=True).start()"


@pytest.mark.parametrize("boot", ["raise SystemExit(1)", booting("pass", THREAD)])
def test_without_a_template_nothing_is_read(points: Path, boot: str) -> None:
    with Template(boot) as template, pytest.raises(UnavailableError) as caught:
        inspect_file(points, template=template)
    assert caught.value.code == "sandbox-unavailable"


def test_a_child_is_confined_as_one_that_was_started_alone(open_folder: Path) -> None:
    allowed, secret = open_folder / "allowed.txt", open_folder / "secret.txt"
    for path in (allowed, secret):
        path.write_text("content")
        path.chmod(0o644)
    probing = f"""
        libc = ctypes.CDLL(None, use_errno=True)
        allowed, secret, results = {str(allowed)!r}, {str(secret)!r}, {{}}
        def syscall(number, *arguments):
            if libc.syscall(ctypes.c_long(number), *arguments) < 0:
                raise OSError(ctypes.get_errno(), "refused")
        confine([Path(allowed)], Limits(memory_bytes=2 << 30))
        scope = globals() | locals()
        for name, code in {PROBES!r}.items():
            try:
                eval(code, scope)
                results[name] = "done"
            except BaseException as error:
                results[name] = type(error).__name__
        thread = threading.Thread(target=results.setdefault, args=("thread", "done"))
        thread.start()
        thread.join()
        os.write(1, json.dumps(results).encode())
    """
    imports = "import ctypes, json, resource, socket, threading\nfrom pathlib import Path\n"
    imports += "from ingest.confinement.closing import confine\nfrom ingest.protocol import Limits\nimport ingest.child"
    with Template(booting(probing, imports)) as template:
        assert_confined(json.loads(answer_of(template)))


def test_children_share_no_descriptor_no_session_and_no_environment(tmp_path: Path) -> None:
    held = tmp_path / "held.db"
    held.write_bytes(bytes(range(100)))
    looking = """
        held = [fd for fd in range(3, 64) if os.path.lexists(f"/proc/self/fd/{fd}")]
        begins = os.read(held[0], 10)[0]
        known = {"held": len(held), "begins": begins, "leads": os.getsid(0) == os.getpid(), "environment": sorted(os.environ)}
        os.write(1, json.dumps(known).encode())
    """
    with Template(booting(looking, f"import json\nkept = open({str(held)!r}, 'rb', buffering=0)")) as template:
        first, second = json.loads(answer_of(template)), json.loads(answer_of(template))
    assert first == second
    assert (first["held"], first["begins"], first["leads"]) == (1, 0, True)
    assert not {"PATH", "USER", "TWIN_DATABASE_URL", "CITYTWIN_TEST_ROOT"} & set(first["environment"])


def test_template_and_children_are_gone_when_their_owner_is_killed() -> None:
    boot = booting("import time; os.write(1, str(os.getpid()).encode()); time.sleep(60)")
    owner = f"""
        import os, sys, time
        sys.path.insert(0, {str(REPOSITORY)!r})
        from ingest.warm_template import Template
        forked = Template({boot!r}).fork()
        print(os.read(forked.output, 20).decode(), flush=True)
        time.sleep(60)
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(owner)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        reader = int(process.stdout.readline())
        [template] = template_processes(process.pid)
        process.kill()
        process.stdout.close()
    assert eventually(lambda: not Path(f"/proc/{reader}").exists() and not Path(f"/proc/{template}").exists())
