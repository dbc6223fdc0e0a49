"""The parts of the embedded cluster that need no server."""

import math
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.embedded.binaries import find_binaries
from twin.embedded.configuration import Machine, configuration_text, memory_limit_bytes, settings
from twin.embedded.failures import PostgisMissingError, told_plainly
from twin.embedded.layout import PORT, Layout, fits
from twin.embedded.postmaster import running
from twin.errors import StorageFullError, TwinError

HERE = Machine(memory_mib=8000, processors=4, shared_memory_mib=4000)


@given(st.text(alphabet="abc/城市 é", min_size=1, max_size=120))
def test_socket_path_always_fits_the_kernels_limit(text: str) -> None:
    layout = Layout(Path("/" + text))
    socket = layout.socket_folder(1000, Path("/tmp")) / f".s.PGSQL.{PORT}"
    assert len(os.fsencode(socket)) <= 107


def test_socket_stays_in_the_data_folder_up_to_the_last_byte() -> None:
    room = 107 - len(f"/.s.PGSQL.{PORT}")
    assert fits(Path("/" + "d" * (room - 1)))
    assert not fits(Path("/" + "d" * room))


def test_two_data_folders_never_share_a_socket_folder() -> None:
    long = "/" + "x" * 100
    assert Layout(Path(long + "a")).socket_folder(0, Path("/t")) != Layout(Path(long + "b")).socket_folder(0, Path("/t"))


@pytest.mark.parametrize(("memory", "buffers"), [(512, "128MB"), (8000, "1000MB"), (256_000, "2048MB")])
def test_buffers_follow_the_memory_within_bounds(memory: int, buffers: str) -> None:
    assert settings(Machine(memory, 2, 4000), Path("/s"), "n")["shared_buffers"] == buffers


def test_small_shared_memory_of_a_container_is_not_relied_on() -> None:
    assert settings(Machine(8000, 2, 64), Path("/s"), "n")["dynamic_shared_memory_type"] == "mmap"


@pytest.mark.parametrize(("text", "limit"), [("2147483648\n", 2 << 30), ("max\n", math.inf), (None, math.inf)])
def test_a_containers_memory_limit_counts(tmp_path: Path, text: str | None, limit: float) -> None:
    file = tmp_path / "memory.max"
    if text is not None:
        file.write_text(text)
    assert memory_limit_bytes(file) == limit


def test_durability_is_never_switched_off() -> None:
    values = settings(HERE, Path("/s"), "n")
    assert values.get("fsync", "on") == values.get("synchronous_commit", "on") == values.get("full_page_writes", "on") == "on"


def test_a_quote_in_a_path_cannot_end_the_setting() -> None:
    text = configuration_text(settings(HERE, Path("/o'brien"), "n"))
    assert "unix_socket_directories = '/o''brien'\n" in text


def _installation(root: Path, major: int, *, postgis: bool) -> None:
    folder = root / str(major) / "bin"
    folder.mkdir(parents=True)
    for program in ("initdb", "pg_ctl", "postgres"):
        (folder / program).write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {major}.3 (Debian)'\n")
        (folder / program).chmod(0o755)
    extensions = folder.parent / "share" / "extension"
    extensions.mkdir(parents=True)
    if postgis:
        (extensions / "postgis.control").touch()


def test_newest_installation_with_postgis_is_taken(tmp_path: Path) -> None:
    for major, postgis in ((91, True), (92, True), (93, False), (100, False)):
        _installation(tmp_path, major, postgis=postgis)
    assert find_binaries(roots=(str(tmp_path),), ask_pg_config=False).major == 92
    assert find_binaries(91, roots=(str(tmp_path),), ask_pg_config=False).major == 91


def test_missing_postgis_names_the_package_of_the_clusters_own_version(tmp_path: Path) -> None:
    with pytest.raises(PostgisMissingError, match=r"apt install postgresql-13-postgis-3$") as raised:
        find_binaries(13, roots=(str(tmp_path),), ask_pg_config=False)
    assert "未安装" in raised.value.text.zh
    assert raised.value.exit_code == 3


def test_missing_postgis_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(PostgisMissingError) as raised:
        find_binaries(roots=(str(tmp_path),), ask_pg_config=False)
    assert "\n" not in raised.value.text.en + raised.value.text.zh
    assert "postgresql-17-postgis-3" in str(raised.value) or "17 on Debian 13" in str(raised.value)


@pytest.mark.parametrize("content", ["", "x\n", "\n\n\n", "999999999\n/d\n1\n5432\n/s\n\n1 2\nready\n"])
def test_a_pid_file_alone_is_no_running_server(tmp_path: Path, content: str) -> None:
    (tmp_path / "pg").mkdir()
    (tmp_path / "pg" / "postmaster.pid").write_text(content)
    assert running(Layout(tmp_path)) is None


def test_a_pid_file_with_another_programs_number_is_no_running_server(tmp_path: Path) -> None:
    (tmp_path / "pg").mkdir()
    (tmp_path / "pg" / "postmaster.pid").write_text(f"{os.getpid()}\n{tmp_path}/pg\n1\n5432\n/s\n\n1 2\nready\n")
    assert running(Layout(tmp_path)) is None


@pytest.mark.parametrize(
    ("number", "code"), [(28, "disk-full"), (122, "disk-full"), (13, "data-folder-not-ours"), (30, "data-folder-not-ours")]
)
def test_the_systems_refusals_become_plain_errors(number: int, code: str) -> None:
    with pytest.raises(TwinError) as raised, told_plainly(Path("/d"), "me"):
        raise OSError(number, "no")
    assert raised.value.code == code


def test_other_system_errors_pass_unchanged() -> None:
    with pytest.raises(FileNotFoundError), told_plainly(Path("/d"), "me"):
        Path("/nonexistent/file").read_bytes()
    assert StorageFullError.status == 507
