"""Archives are unpacked into a file without a name: the same bytes as in memory, under the same limits, and no memory of the reader."""

from __future__ import annotations

import gzip
import io
import json
import mmap
import os
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.process_memory import memory_kib
from ingest.frames import HEADER, decode_refusal, encode_refusal
from ingest.gdal_policy import MemoryFile
from ingest.protocol import Limits
from ingest.readers.archive import Archive, read_gzip
from ingest.readers.unpacked import Scratch
from ingest.work_files import disk_is_full
from twin.errors import StorageFullError, TwinError

_ROOT = Path(__file__).parents[2]
FILES = {"a.bin": os.urandom(300_000), "empty.bin": b"", "b.bin": b"b" * 3_000_000, "c.bin": os.urandom(4096)}


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    with Scratch(tmp_path / "work") as opened:
        yield opened


def archive_of(folder: Path, scratch: Scratch | None, limits: Limits | None = None) -> Archive:
    path = folder / "files.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
    return Archive(path, limits or Limits(), scratch)


def test_files_of_an_archive_are_mapped_as_they_are(tmp_path: Path, scratch: Scratch) -> None:
    archive = archive_of(tmp_path, scratch)
    for names in (["b.bin", "a.bin"], ["empty.bin"], ["c.bin", "empty.bin"]):  # the second begins on no page of its own
        mapped = archive.mapped(names)
        assert {name: bytes(content) for name, content in mapped.items()} == {name: FILES[name] for name in names}
    assert not [*(tmp_path / "work").iterdir()]


def test_the_first_file_is_had_by_path_and_others_in_memory(tmp_path: Path, scratch: Scratch) -> None:
    archive = archive_of(tmp_path, scratch)
    first, other = archive.placed("a.bin"), archive.placed("c.bin")
    assert isinstance(first, Path)
    assert first.read_bytes() == FILES["a.bin"]
    assert other == FILES["c.bin"]
    assert archive_of(tmp_path, None).placed("a.bin") == FILES["a.bin"]


def test_an_empty_file_is_nothing(tmp_path: Path, scratch: Scratch) -> None:
    assert archive_of(tmp_path, scratch).placed("empty.bin") == b""


@pytest.mark.parametrize("unpack", [lambda a: a.mapped(["a.bin", "b.bin"]), lambda a: [a.placed("a.bin"), a.placed("b.bin")]])
def test_what_is_unpacked_shares_one_limit(tmp_path: Path, scratch: Scratch, unpack: Callable[[Archive], object]) -> None:
    limits = Limits(unpacked_bytes=3_299_999)
    with pytest.raises(TwinError) as caught:
        unpack(archive_of(tmp_path, scratch, limits))
    assert caught.value.code == "zip-bomb"


def test_a_gzip_file_is_had_by_path(tmp_path: Path, scratch: Scratch) -> None:
    path = tmp_path / "b.gz"
    path.write_bytes(gzip.compress(FILES["b.bin"]))
    placed = read_gzip(path, Limits(), scratch)
    assert isinstance(placed, Path)
    assert placed.read_bytes() == read_gzip(path, Limits()) == FILES["b.bin"]


def test_a_gzip_file_is_unpacked_within_its_limit(tmp_path: Path, scratch: Scratch) -> None:
    path = tmp_path / "b.gz"
    path.write_bytes(gzip.compress(FILES["b.bin"]))
    with pytest.raises(TwinError) as caught:
        read_gzip(path, Limits(unpacked_bytes=2_000_000), scratch)
    assert caught.value.code == "gzip-bomb"


def test_a_fault_of_the_disk_is_ours_and_not_the_files(tmp_path: Path) -> None:
    (tmp_path / "occupied").write_bytes(b"")
    with pytest.raises(TwinError) as caught:
        Scratch(tmp_path / "occupied")
    assert (caught.value.code, caught.value.status) == ("sandbox-unavailable", 503)
    with Scratch(tmp_path) as full:
        full._file.close()
        full._file = io.FileIO("/dev/full", "r+")
        with pytest.raises(TwinError) as caught:
            full.append([b"x"])
    assert caught.value.code == "disk-full"


def test_a_fault_while_a_gzip_file_is_unpacked_is_ours(tmp_path: Path, scratch: Scratch) -> None:
    path = tmp_path / "b.gz"
    path.write_bytes(gzip.compress(FILES["b.bin"]))
    reading = io.FileIO(path)
    scratch._file.close()
    scratch._file = reading  # as a disk that takes nothing any more
    with pytest.raises(TwinError) as caught:
        read_gzip(path, Limits(), scratch)
    assert caught.value.code == "sandbox-unavailable"


def test_pages_that_were_looked_at_are_given_back(tmp_path: Path, scratch: Scratch) -> None:
    content = archive_of(tmp_path, scratch).mapped(["b.bin"])["b.bin"]
    held = MemoryFile("given/back.bin", content)
    assert held.mapping is not None
    before = memory_kib([os.getpid()])[1]
    assert sum(content[:: mmap.PAGESIZE]) > 0
    looked_at = memory_kib([os.getpid()])[1]
    held.mapping.madvise(mmap.MADV_DONTNEED)
    assert looked_at - before > 2_500
    assert memory_kib([os.getpid()])[1] - before < 300
    assert bytes(content) == FILES["b.bin"]


def test_a_confined_process_writes_so_much_there_and_nowhere_else(tmp_path: Path) -> None:
    script = """
        import json, os, sys
        sys.path.append(sys.argv[1])
        from pathlib import Path
        from ingest.confinement.closing import confine
        from ingest.protocol import Limits
        from ingest.readers.unpacked import Scratch
        from twin.errors import TwinError
        scratch, folder = Scratch(Path(sys.argv[2])), Path(sys.argv[2])
        confine([scratch.path], Limits(), 1 << 20)
        def outcome(act):
            try:
                return act()
            except OSError as error:
                return type(error).__name__
            except TwinError as error:
                return error.text.en
        print(json.dumps([
            outcome(lambda: scratch.append([b"x" * (1 << 20)])),
            outcome(lambda: len(scratch.path.read_bytes())),
            outcome(lambda: scratch.append([b"x"])),
            outcome(lambda: len(scratch.mapped([1 << 20])[0])),
            outcome(lambda: scratch.path.write_bytes(b"")),
            outcome(lambda: (folder / "other").write_bytes(b"x")),
            outcome(lambda: os.listdir(folder)),
        ]))
    """
    environment = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
    command = [sys.executable, "-I", "-B", "-c", textwrap.dedent(script), str(_ROOT), str(tmp_path)]
    run = subprocess.run(command, capture_output=True, env=environment, cwd="/", timeout=60, check=True)
    written, read, too_much, mapped, *others = json.loads(run.stdout)
    assert (written, read, mapped) == (1 << 20, 1 << 20, 1 << 20)
    assert "File too large" in too_much
    assert others == ["PermissionError"] * 3


def test_a_full_disk_is_told_by_the_reader_as_what_it_is() -> None:
    told = decode_refusal(b"".join(bytes(part) for part in encode_refusal(disk_is_full()))[HEADER.size :])
    assert isinstance(told, StorageFullError)
    assert (told.code, told.status) == ("disk-full", 507)
