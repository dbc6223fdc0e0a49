"""The embedded cluster: made when there is none, started by its first user, stopped by its last.

Two locks carry it. ``gate`` is held alone while somebody starts or stops the server, so those never overlap. ``users`` is held together
by everyone who uses it: whoever leaves tries to take it alone, and who gets it was the last. Both are the kernel's, so a killed process
lets go of them; the keeper (twin.embedded.keeper) then stops a server that nobody uses any more.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypedDict

from twin.embedded import locks
from twin.embedded.account import Account, cluster_account
from twin.embedded.binaries import Binaries, find_binaries
from twin.embedded.configuration import Machine, configuration_text, settings
from twin.embedded.failures import ClusterError, ForeignClusterError, disk_full, log_too_small, not_allowed, told_plainly
from twin.embedded.layout import PORT, Layout
from twin.embedded.postmaster import Postmaster, forget_stale, orphans, running

SUPERUSER = "twin"
MIN_FREE_MIB = 300
"""Room asked for before a cluster is made: initdb, PostGIS and the first WAL segments take about 150 MiB."""
LOG_LIMIT_BYTES = 16 << 20
LEAVE_RETRY_S = 0.1
"""How long a leaver tries to be the last: the keeper holds the lock for a moment when it wakes."""


class _Streams(TypedDict):
    stdin: int
    stdout: int
    stderr: int


class EmbeddedCluster:
    """The private PostGIS cluster in ``data_dir``/pg, reachable through a socket that only its account (and root) can enter."""

    def __init__(
        self,
        data_dir: Path,
        *,
        deadline_s: float = 90.0,
        min_free_mib: int = MIN_FREE_MIB,
        binaries: Callable[[int | None], Binaries] = find_binaries,
    ) -> None:
        """Describe the cluster; nothing is touched before ``use``.

        ``deadline_s`` bounds every wait. ``binaries`` finds the installation of a major version (None: the newest).
        """
        self.layout = Layout(data_dir.absolute())
        self._deadline_s = deadline_s
        self._min_free_mib = min_free_mib
        self._binaries = binaries

    # ------------------------------------------------------------------------------------------------------ using

    @contextlib.contextmanager
    def use(self) -> Iterator[EmbeddedCluster]:
        """Have the cluster running for the block; the last of all users, of whatever process, stops it.

        Raises PostgisMissingError, StorageFullError, ForeignClusterError or ClusterError, each one sentence.
        """
        place = self._enter()
        try:
            yield self
        finally:
            self._leave(place)

    def dsn(self, database: str = "twin") -> str:
        """Return the libpq connection string of ``database``; raises ClusterError while the cluster does not run."""
        server = running(self.layout)
        if server is None:
            raise ClusterError(f"the database in {self.layout.cluster} is not running", zh=f"{self.layout.cluster} 中的数据库未运行")
        parts = {"host": str(server.socket_folder), "port": str(PORT), "user": SUPERUSER, "dbname": database}
        return " ".join(f"{key}='{_escaped(value)}'" for key, value in parts.items())

    def is_running(self) -> bool:
        """Return whether the server runs now."""
        return running(self.layout) is not None

    def stop_if_unused(self) -> bool:
        """Stop the server unless somebody uses it; return whether it is stopped."""
        with self._gate():
            return self._stop_if_last()

    def _enter(self) -> int:
        account = cluster_account(self.layout.cluster)
        self._prepare_folders(account)
        with self._gate():
            place = locks.take(self.layout.users, shared=True, deadline_s=self._deadline_s)
            if place is None:
                raise self._failure("the database's users file is held")
            try:
                if running(self.layout) is None or not self._wait_ready():
                    self._start(account)
            except BaseException:  # Ctrl-C during the start must not leave a server behind
                os.close(place)
                self._stop_if_last()
                raise
            return place

    def _leave(self, place: int) -> None:
        with self._gate():
            os.close(place)
            self._stop_if_last()

    def _stop_if_last(self) -> bool:
        alone = locks.take(self.layout.users, shared=False, deadline_s=LEAVE_RETRY_S)
        if alone is None:
            return False
        try:
            self._stop()
        finally:
            os.close(alone)
        return True

    @contextlib.contextmanager
    def _gate(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            try:
                with told_plainly(self.layout.run, "this user"):
                    stack.enter_context(locks.exclusive(self.layout.gate, deadline_s=2 * self._deadline_s))
            except TimeoutError as error:
                raise self._failure("another command has been starting or stopping the database for too long") from error
            yield

    # ------------------------------------------------------------------------------------------- folders and making

    def _prepare_folders(self, account: Account) -> None:
        data, run = self.layout.data, self.layout.run
        locks_of_all = (self.layout.gate, self.layout.users, self.layout.keeper)
        with told_plainly(data, "root" if account.switch else account.name):
            data.mkdir(parents=True, exist_ok=True)
            run.mkdir(mode=0o711, exist_ok=True)
            for path in locks_of_all:
                path.touch(mode=0o600)
            if account.switch and data.stat().st_uid == 0:
                data.chmod(data.stat().st_mode | 0o011)  # the account passes through, it need not read
            elif account.switch and account.owns(data):
                for path in (run, *locks_of_all):  # root helps out in a user's folder: the user must be able to go on
                    account.give(path)
        account.must_reach(run)

    def _make(self, binaries: Binaries, account: Account) -> None:
        """Make the cluster beside its place and move it there whole, so that a half-made one is never taken for one."""
        if shutil.disk_usage(self.layout.data).free < self._min_free_mib << 20:
            raise disk_full(self.layout.data, self._min_free_mib)
        new = self.layout.half_made
        shutil.rmtree(new, ignore_errors=True)
        with told_plainly(self.layout.data, account.name):
            new.mkdir(mode=0o700)
            account.give(new)
            try:
                self._initdb(binaries, account)
                with (new / "postgresql.conf").open("a", encoding="utf-8") as conf:
                    conf.write("\ninclude_dir = 'conf.d'\n")
                (new / "conf.d").mkdir()
                account.give(new / "conf.d")
                new.rename(self.layout.cluster)
            except BaseException:
                shutil.rmtree(new, ignore_errors=True)
                raise

    def _initdb(self, binaries: Binaries, account: Account) -> None:
        # trust is safe here: the socket is the only way in, and its folder lets nobody in but the account and root
        encoding = ["--encoding=UTF8", "--locale=C.UTF-8", "--lc-collate=C", "--data-checksums"]
        access = [f"--username={SUPERUSER}", "--auth-local=trust", "--auth-host=reject"]
        command = [binaries["initdb"], "-D", str(self.layout.half_made), *encoding, *access, "--no-instructions"]
        code, said = _run(command, account, self._deadline_s)
        if code != 0:
            raise self._failure("the database could not be created", said)

    def _installed_for_cluster(self) -> Binaries:
        """Return the programs of the cluster's own major version; raises ForeignClusterError where the folder is no cluster of ours."""
        version = self.layout.cluster / "PG_VERSION"
        ours = version.is_file() and (self.layout.cluster / "conf.d").is_dir()
        if not ours or not version.read_text(encoding="ascii").strip().isdigit():
            raise ForeignClusterError(
                f"{self.layout.cluster} is not a database that we made: move it away or choose another --data-dir",
                zh=f"{self.layout.cluster} 不是本软件创建的数据库，请移走或用 --data-dir 另选目录",
            )
        return self._binaries(int(version.read_text(encoding="ascii")))

    # --------------------------------------------------------------------------------------------- starting, stopping

    def _start(self, account: Account) -> None:
        if not self.layout.cluster.exists():
            self._make(self._binaries(None), account)
        binaries = self._installed_for_cluster()
        if not account.owns(self.layout.cluster):
            raise not_allowed(self.layout.cluster, account.name)
        self._wait_for_orphans()
        with told_plainly(self.layout.data, account.name):
            socket_folder = self._private_socket_folder(account)
            forget_stale(self.layout, socket_folder)
            compression = "lz4" if self._takes("wal_compression", "lz4", account) else "on"
            text = configuration_text(settings(Machine.here(), socket_folder, self.layout.name, compression))
            conf = self.layout.cluster / "conf.d" / "10-citytwin.conf"
            conf.write_text(text, encoding="utf-8")
            account.give(conf)
            self._fresh_log(account)
        self._launch_keeper()
        wait = ["-w", "-t", str(round(self._deadline_s)), "-s"]
        command = [binaries["pg_ctl"], "start", "-D", str(self.layout.cluster), "-l", str(self.layout.log), *wait]
        code, said = _run(command, account, self._deadline_s + 10)
        if code != 0 or not self._wait_ready():
            raise self._failure("the database could not be started", said)

    def _takes(self, name: str, value: str, account: Account) -> bool:
        """Return whether the server knows ``value`` of a setting: what it was built with is asked of itself, which starts nothing."""
        command = [self._installed_for_cluster()["postgres"], "-D", str(self.layout.cluster), "-C", name, "-c", f"{name}={value}"]
        return _run(command, account, self._deadline_s)[0] == 0

    def _stop(self) -> None:
        server = running(self.layout)
        if server is None:
            return
        account = cluster_account(self.layout.cluster)
        pg_ctl = [self._installed_for_cluster()["pg_ctl"], "stop", "-D", str(self.layout.cluster), "-w", "-s"]
        said = ""
        for mode, seconds in (("fast", self._deadline_s), ("immediate", 10.0)):
            _, said = _run([*pg_ctl, "-m", mode, "-t", str(round(seconds))], account, seconds + 10)
            if running(self.layout) is None:
                return
        raise self._failure("the database could not be stopped", said)

    def _wait_ready(self) -> bool:
        """Return True once the server answers, False when there is none (any more); raises ClusterError at the deadline."""
        end = time.monotonic() + self._deadline_s
        while (server := running(self.layout)) is not None:
            if server.status == "ready":
                return True
            if time.monotonic() > end:
                raise self._failure(f"the database is still {server.status}")
            time.sleep(locks.POLL_S)
        return False

    def _wait_for_orphans(self) -> None:
        """Wait for the backends of a postmaster that was killed: they end by themselves once they notice."""
        end = time.monotonic() + self._deadline_s
        while left := orphans(self.layout):
            if time.monotonic() > end:
                raise self._failure(f"processes of the former database server are still there: {left}")
            time.sleep(locks.POLL_S)

    def _private_socket_folder(self, account: Account) -> Path:
        folder = self.layout.socket_folder(account.uid, Path(tempfile.gettempdir()))
        if not folder.exists() and not folder.is_symlink():
            folder.mkdir(mode=0o700)
            account.give(folder)
        state = folder.lstat()  # in a shared folder somebody may have been there before us
        if not folder.is_dir() or folder.is_symlink() or state.st_uid != account.uid or state.st_mode & 0o077:
            raise not_allowed(folder, account.name)
        return folder

    def _fresh_log(self, account: Account) -> None:
        log = self.layout.log
        if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
            log.replace(log.with_suffix(".log.1"))
        log.touch(mode=0o600)
        account.give(log)

    def _launch_keeper(self) -> None:
        """Start the keeper in a session of its own; it comes back at once and stays in the background."""
        # it finds this very package, however we were imported, and sees nothing else of our environment
        environment = {"PATH": os.defpath, "PYTHONPATH": str(Path(__file__).parents[2])}
        command = [sys.executable, "-m", "twin.embedded.keeper", str(self.layout.data)]
        silent: _Streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(command, check=False, cwd="/", env=environment, start_new_session=True, timeout=30, **silent)

    def _failure(self, what: str, said: str = "") -> Exception:
        """Return the error for ``what``, with PostgreSQL's last words, or the one that says what to do where they tell of that."""
        words = _last_words(said, self.layout.log)
        if "No space left on device" in words:
            return disk_full(self.layout.data)
        if "wal_level" in words:
            return log_too_small(self.layout.cluster / "conf.d", words)
        zh = f"内置数据库出错（{what}），详见 {self.layout.log}"
        return ClusterError(f"{what}: {words or 'no reason given'} (log: {self.layout.log})", zh=zh)


def server_of(cluster: EmbeddedCluster) -> Postmaster | None:
    """Return the running server of ``cluster``, for those who watch it."""
    return running(cluster.layout)


def _run(command: list[str], account: Account, timeout_s: float) -> tuple[int, str]:
    """Run one of PostgreSQL's programs as ``account`` to its end and return its exit code and what it said.

    It has a session of its own, so that Ctrl-C in the terminal does not reach it; an interrupt here is raised once it has ended.
    Output goes to a file, not a pipe: the server that pg_ctl leaves behind would hold a pipe open.
    """
    environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "HOME": "/", "TZ": "UTC"}
    with tempfile.TemporaryFile() as out:
        child = subprocess.Popen(
            command, cwd="/", env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, **account.identity
        )
        try:
            code = child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            child.kill()
            code = child.wait()
        except BaseException:
            child.wait(timeout_s)
            raise
        out.seek(0)
        return code, out.read().decode(errors="replace")


def _last_words(said: str, log: Path) -> str:
    """Return what PostgreSQL complained of last: from its output, else from the end of its log."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            tail = file.read().decode(errors="replace")
    except OSError:
        tail = ""
    lines = [line.strip() for line in (tail + "\n" + said).splitlines()]
    telling = [line for line in lines if any(word in line for word in ("FATAL", "PANIC", "error:", "could not", "No space left"))]
    return " | ".join(telling[-2:])


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")
