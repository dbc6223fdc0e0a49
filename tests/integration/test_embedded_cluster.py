"""The embedded cluster with real servers: shared, crashed, interrupted, raced, refused."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from twin.embedded import ClusterError, EmbeddedCluster, ForeignClusterError, PostgisMissingError
from twin.embedded.account import cluster_account
from twin.embedded.cluster import server_of
from twin.embedded.databases import ensure_database
from twin.embedded.failures import postgis_missing
from twin.embedded.postmaster import orphans
from twin.errors import StorageFullError

REPOSITORY = Path(__file__).parents[2]
USER = """
import signal
import sys
from pathlib import Path
from twin.embedded import EmbeddedCluster
from twin.embedded.cluster import server_of
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the test run was started in the background
cluster = EmbeddedCluster(Path(sys.argv[1]))
with cluster.use():
    print(server_of(cluster).pid, flush=True)
    sys.stdin.read()
"""
CHURN = """
import sys, psycopg
from pathlib import Path
from twin.embedded import EmbeddedCluster
for _ in range(5):
    with EmbeddedCluster(Path(sys.argv[1])).use() as cluster:
        psycopg.connect(cluster.dsn("postgres")).close()
print("well")
"""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: another account runs the cluster only then")


@pytest.fixture(scope="session")
def made(run_folder: Path) -> Path:
    """A cluster folder made once; tests copy it instead of making their own."""
    folder = run_folder / f"made-{os.getpid()}"
    with EmbeddedCluster(folder).use() as cluster, psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (n integer)")
    return folder


@pytest.fixture
def folder(made: Path, open_folder: Path) -> Path:
    """A data folder of this test's own with a stopped cluster in it."""
    subprocess.run(["cp", "-a", str(made / "pg"), str(open_folder / "pg")], check=True)
    return open_folder


@contextlib.contextmanager
def another_user(folder: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Another process that uses the cluster; yields it with the server's pid."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", USER, str(folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            yield process, int(process.stdout.readline() or "-1")
        finally:
            with contextlib.suppress(BrokenPipeError):
                process.communicate(timeout=60)


def eventually(condition: Callable[[], bool], seconds: float = 30) -> bool:
    """Return whether the condition comes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def pid_of(cluster: EmbeddedCluster) -> int:
    server = server_of(cluster)
    assert server is not None
    return server.pid


def ask(dsn: str, question: str) -> object:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(question).fetchone()  # type: ignore[call-overload]
        return row and row[0]


def test_from_nothing_to_postgis_and_gone_again(open_folder: Path) -> None:
    cluster = EmbeddedCluster(open_folder / "new" / "data")
    with cluster.use():
        assert ensure_database(cluster.dsn("postgres"), "twin")
        assert not ensure_database(cluster.dsn("postgres"), "twin")
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            connection.execute("CREATE SCHEMA postgis")
            connection.execute("CREATE EXTENSION postgis SCHEMA postgis")
        assert ask(cluster.dsn(), "SELECT postgis.ST_AsText('POINT(1 2)'::postgis.geometry)") == "POINT(1 2)"
        shown = {
            name: ask(cluster.dsn(), f"SHOW {name}") for name in ("listen_addresses", "data_checksums", "fsync", "jit", "server_encoding")
        }
    assert shown == {"listen_addresses": "", "data_checksums": "on", "fsync": "on", "jit": "off", "server_encoding": "UTF8"}
    assert not cluster.is_running()
    assert eventually(lambda: not orphans(cluster.layout))


def test_pages_in_the_log_are_compressed_by_lz4_where_the_server_has_it(folder: Path) -> None:
    with EmbeddedCluster(folder).use() as cluster, psycopg.connect(cluster.dsn("postgres")) as connection:
        row = connection.execute("SELECT setting, 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'wal_compression'").fetchone()
        assert row in (("lz4", True), ("pglz", False))


def test_setting_that_the_server_does_not_know_is_not_taken(folder: Path) -> None:
    cluster = EmbeddedCluster(folder)
    assert cluster._takes("wal_compression", "on", cluster_account(cluster.layout.cluster))
    assert not cluster._takes("wal_compression", "lz9", cluster_account(cluster.layout.cluster))


def test_the_last_of_two_processes_stops_it(folder: Path) -> None:
    cluster = EmbeddedCluster(folder)
    with another_user(folder) as (_, theirs):
        with cluster.use():
            assert pid_of(cluster) == theirs
        assert cluster.is_running()
    assert not cluster.is_running()


def test_two_uses_in_one_process_count_as_two(folder: Path) -> None:
    cluster = EmbeddedCluster(folder)
    with cluster.use():
        with cluster.use():
            pass
        assert cluster.is_running()
    assert not cluster.is_running()


def test_killed_user_leaves_no_server_behind(folder: Path) -> None:
    cluster = EmbeddedCluster(folder)
    with another_user(folder) as (process, _):
        assert cluster.is_running()
        process.kill()
        assert eventually(lambda: not cluster.is_running())


def test_killed_user_does_not_take_the_others_server(folder: Path) -> None:
    cluster = EmbeddedCluster(folder)
    with another_user(folder) as (process, _):
        with cluster.use():
            process.kill()
            process.wait()
            time.sleep(0.3)
            assert ask(cluster.dsn("postgres"), "SELECT 1") == 1
        assert eventually(lambda: not cluster.is_running())


def test_ctrl_c_ends_what_it_started_and_nothing_else(folder: Path) -> None:
    cluster = EmbeddedCluster(folder)
    with another_user(folder) as (first, server), another_user(folder) as (second, _):
        os.killpg(first.pid, signal.SIGINT)
        first.wait(timeout=30)
        assert pid_of(cluster) == server
        os.killpg(second.pid, signal.SIGINT)
        second.wait(timeout=30)
        assert not cluster.is_running()


def test_server_killed_hard_starts_again_with_what_was_committed(folder: Path) -> None:
    cluster = EmbeddedCluster(folder)
    with cluster.use():
        with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
            connection.execute("INSERT INTO kept VALUES (7)")
        os.kill(pid_of(cluster), signal.SIGKILL)
        assert eventually(lambda: not cluster.is_running())
        assert (folder / "pg" / "postmaster.pid").exists()
        with cluster.use():
            assert ask(cluster.dsn("postgres"), "SELECT n FROM kept") == 7
    assert not cluster.is_running()


def test_pid_file_that_names_a_living_stranger_does_not_stop_the_start(folder: Path) -> None:
    """After a reboot the old number is soon somebody else's; PostgreSQL itself then says another postmaster is running."""
    owner = (folder / "pg").stat()
    identity = {"user": owner.st_uid, "group": owner.st_gid} if os.geteuid() == 0 else {}
    with subprocess.Popen(["sleep", "600"], cwd="/", **identity) as stranger:
        (folder / "pg" / "postmaster.pid").write_text(f"{stranger.pid}\n{folder}/pg\n1\n5432\n{folder}/run/s\n\n1 2\nready\n")
        with EmbeddedCluster(folder).use() as cluster:
            assert ask(cluster.dsn("postgres"), "SELECT 1") == 1
        stranger.kill()


def test_commands_that_start_at_once_from_nothing_share_one_server(open_folder: Path) -> None:
    with contextlib.ExitStack() as stack:
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        command = [sys.executable, "-c", USER, str(open_folder)]
        pipe = subprocess.PIPE
        users = [stack.enter_context(subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)) for _ in range(4)]
        servers = {user.stdout.readline() for user in users if user.stdout}
        for user in users:
            user.communicate(timeout=60)
    assert len(servers) == 1
    assert servers != {""}
    assert not EmbeddedCluster(open_folder).is_running()


def test_starting_while_the_last_one_stops(folder: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", CHURN, str(folder)]
    pipe = subprocess.PIPE
    churners = [subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment) for _ in range(3)]
    said = [churner.communicate(timeout=120) for churner in churners]
    assert said == [("well\n", "")] * 3
    assert not EmbeddedCluster(folder).is_running()


def test_path_too_long_for_a_socket(made: Path, open_folder: Path) -> None:
    deep = open_folder / ("很长的目录名" * 6)
    deep.mkdir()
    subprocess.run(["cp", "-a", str(made / "pg"), str(deep / "pg")], check=True)
    with EmbeddedCluster(deep).use() as cluster:
        server = server_of(cluster)
        assert server is not None
        assert deep not in server.socket_folder.parents
        assert server.socket_folder.stat().st_mode & 0o777 == 0o700
        assert ask(cluster.dsn("postgres"), "SELECT 1") == 1
    shutil.rmtree(server.socket_folder)


@as_root
def test_other_users_of_the_machine_do_not_get_in(folder: Path) -> None:
    with EmbeddedCluster(folder).use() as cluster:
        attempt = "import psycopg,sys; psycopg.connect(sys.argv[1])"
        arguments = ["/usr/bin/env", "psql", cluster.dsn("postgres"), "-c", "SELECT 1"] if shutil.which("psql") else []
        command = arguments or [sys.executable, "-c", attempt, cluster.dsn("postgres")]
        done = subprocess.run(command, cwd="/", user=65534, group=65534, extra_groups=[], capture_output=True, check=False)
        assert done.returncode != 0
        assert b"ermission denied" in done.stderr


@as_root
def test_root_helps_out_in_a_users_folder_and_the_user_can_go_on(folder: Path) -> None:
    owner = (folder / "pg").stat()
    os.chown(folder, owner.st_uid, owner.st_gid)
    with EmbeddedCluster(folder).use():
        pass
    strange = [path for path in folder.rglob("*") if path.lstat().st_uid != owner.st_uid]
    assert strange == []


@as_root
def test_folder_that_the_postgres_user_cannot_enter(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(ForeignClusterError, match="postgres cannot use the folder"), EmbeddedCluster(tmp_path / "data").use():
        pass


@as_root
def test_disk_that_fills_while_the_cluster_is_made(open_folder: Path) -> None:
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m,mode=711", "tmpfs", str(open_folder)], check=False).returncode != 0:
        pytest.skip("may not mount here")
    try:
        with pytest.raises(StorageFullError), EmbeddedCluster(open_folder / "data", min_free_mib=0).use():
            pass
        assert not (open_folder / "data" / "pg.new").exists()
    finally:
        subprocess.run(["umount", str(open_folder)], check=True)


def test_too_little_room_is_said_before_anything_is_made(open_folder: Path) -> None:
    cluster = EmbeddedCluster(open_folder, min_free_mib=1 << 40)
    with pytest.raises(StorageFullError, match="no room on the disk"), cluster.use():
        pass
    assert not (open_folder / "pg").exists()


def test_half_made_cluster_of_an_interrupted_first_run_is_made_anew(open_folder: Path) -> None:
    (open_folder / "pg.new" / "base").mkdir(parents=True)
    (open_folder / "pg.new" / "PG_VERSION").write_text("15\n")
    with EmbeddedCluster(open_folder).use() as cluster:
        assert ask(cluster.dsn("postgres"), "SELECT 1") == 1
    assert not (open_folder / "pg.new").exists()


def test_strange_folder_in_its_place_is_left_alone(open_folder: Path) -> None:
    (open_folder / "pg").mkdir()
    (open_folder / "pg" / "thesis.doc").write_text("mine")
    with pytest.raises(ForeignClusterError, match="not a database that we made"), EmbeddedCluster(open_folder).use():
        pass
    assert (open_folder / "pg" / "thesis.doc").read_text() == "mine"


def test_cluster_of_a_version_that_is_no_longer_installed(folder: Path) -> None:
    (folder / "pg" / "PG_VERSION").write_text("11\n")
    with pytest.raises(PostgisMissingError, match="postgresql-11-postgis-3"), EmbeddedCluster(folder).use():
        pass


def test_no_postgis_at_all(open_folder: Path) -> None:
    def nothing(major: int | None) -> None:
        raise postgis_missing(major)

    with pytest.raises(PostgisMissingError), EmbeddedCluster(open_folder, binaries=nothing).use():  # type: ignore[arg-type]
        pass


def test_bad_setting_of_the_administrator_is_told_with_postgresqls_own_words(folder: Path) -> None:
    (folder / "pg" / "conf.d" / "99-mine.conf").write_text("shared_buffers = 'many'\n")
    (folder / "pg" / "conf.d" / "99-mine.conf").chmod(0o644)
    with pytest.raises(ClusterError, match=r"shared_buffers|configuration file"), EmbeddedCluster(folder).use():
        pass
    assert not EmbeddedCluster(folder).is_running()


def test_archive_of_the_administrator_needs_the_log_level_that_the_error_names(folder: Path) -> None:
    mine = folder / "pg" / "conf.d" / "20-mine.conf"
    mine.write_text("archive_mode = on\narchive_command = '/bin/true'\nmax_wal_senders = 3\n")
    mine.chmod(0o644)
    with pytest.raises(ClusterError, match="wal_level = replica") as caught, EmbeddedCluster(folder).use():
        pass
    assert "wal_level = replica" in caught.value.text.zh
    mine.write_text(mine.read_text() + "wal_level = replica\n")
    with EmbeddedCluster(folder).use() as cluster, psycopg.connect(cluster.dsn("postgres")) as connection:
        assert connection.execute("SHOW archive_mode").fetchone() == ("on",)


def test_dsn_of_a_stopped_cluster_is_an_error(folder: Path) -> None:
    with pytest.raises(ClusterError, match="not running"):
        EmbeddedCluster(folder).dsn()
