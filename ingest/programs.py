"""The parent's side of a confined program: start it on a file, take what it prints, and end it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path

from ingest.confinement.closing import SYSTEM_LIBRARIES, unavailable
from ingest.confinement.program import Program
from ingest.protocol import Limits
from ingest.refusals import rejected, timed_out
from twin.errors import TwinError, UnavailableError

_PROJECT = Path(__file__).resolve().parents[1]
_BOOT = "import sys; sys.path.append(sys.argv[1]); from ingest.confinement.program import main; main()"
_SEARCHED = tuple(Path(p) for p in ("/usr/local/bin", "/usr/bin", "/bin"))
_LOADERS = tuple(Path(p) for p in ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"))
_CHUNK = 1 << 20
_LAST_WORDS_S = 5.0


def find_program(name: str, package: str) -> Path:
    """Return the file of a program of the system; UnavailableError ``program-missing`` names the package to install."""
    for folder in _SEARCHED:
        if os.access(folder / name, os.X_OK):
            return (folder / name).resolve()
    raise UnavailableError(
        f"Files of this kind are read by {name}, which is not installed here: apt install {package}.",
        zh=f"读取此类文件需要 {name}，本机尚未安装：apt install {package}。",
    ).with_code("program-missing")


def run_confined(
    program: Path, arguments: Sequence[str], file: Path, limits: Limits, most_bytes: int, libraries: Sequence[Path] = ()
) -> Iterator[bytes]:
    """Yield what ``program`` prints; it may read ``file``, the system's ``libraries`` and its own, and nothing else, as every reader.

    Raises UnavailableError ``sandbox-unavailable`` when it cannot be confined, RejectedError ``parser-timeout``, ``parser-crash``,
    ``unreadable`` (it ended with an error) or ``too-much-output`` beyond ``most_bytes``. Closing the iterator ends the program.
    """
    if not sys.platform.startswith("linux"):
        raise unavailable(f"{sys.platform} has neither Landlock nor seccomp")
    failures, its_end = os.pipe()
    with os.fdopen(failures, "rb") as failed:
        process = _start(program, arguments, (file, *libraries), limits, its_end)
        try:
            yield from _output(process, limits, most_bytes)
            reason = failed.read()
            if reason:
                raise unavailable(reason.decode("utf-8", "replace"))
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=_LAST_WORDS_S)
            if process.returncode != 0:
                raise _ended(program, process.returncode)
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def loaders() -> list[Path]:
    """Return what the kernel runs to load a program (ld.so), which has to be executable with it."""
    return [path.resolve() for path in _LOADERS if path.exists()]


def _start(program: Path, arguments: Sequence[str], readable: Sequence[Path], limits: Limits, failures: int) -> subprocess.Popen[bytes]:
    walls = Program(
        command=(str(program), *arguments),
        readable=tuple(str(p) for p in (*readable, *SYSTEM_LIBRARIES)),
        executable=tuple(str(p) for p in (program, *loaders())),
        memory_bytes=limits.memory_bytes,
        cpu_s=limits.cpu_s,
        failures=failures,
    )
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-B", "-S", "-X", "utf8", "-c", _BOOT, str(_PROJECT), walls.encoded()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            pass_fds=(failures,),
            start_new_session=True,
            bufsize=0,
        )
    finally:
        os.close(failures)


def _output(process: subprocess.Popen[bytes], limits: Limits, most_bytes: int) -> Iterator[bytes]:
    if process.stdout is None:
        raise RuntimeError("the program has no output")
    descriptor, left, waited_s = process.stdout.fileno(), most_bytes, 0.0
    while True:
        started = time.monotonic()
        ready = select.select([descriptor], [], [], max(0.0, limits.wall_s - waited_s))[0]
        if not ready:
            raise timed_out()
        chunk = os.read(descriptor, _CHUNK)
        waited_s += time.monotonic() - started
        if not chunk:
            return
        left -= len(chunk)
        if left < 0:
            raise rejected("too-much-output", "The file gives more than a reader may take.", "文件内容超过读取上限。")
        yield chunk


def _ended(program: Path, status: int | None) -> TwinError:
    if status in (None, -signal.SIGXCPU, -signal.SIGKILL):
        return timed_out()
    if status < 0:
        name = signal.Signals(-status).name
        return rejected("parser-crash", f"{program.name} crashed on this file ({name}).", f"{program.name} 读取该文件时崩溃（{name}）。")
    return rejected("unreadable", f"{program.name} cannot read this file.", f"{program.name} 无法读取该文件。")


def run_script(script: Path, arguments: Sequence[str], file: Path, limits: Limits, most_bytes: int) -> Iterator[bytes]:
    """Yield what a script of ours prints that needs the standard library alone, as `run_confined`."""
    interpreter = Path(sys.executable).resolve()
    libraries = (script, Path(sys.base_prefix) / "lib")
    return run_confined(interpreter, ("-I", "-S", "-B", str(script), *arguments), file, limits, most_bytes, libraries)


def text_of(chunks: Iterator[bytes]) -> str:
    """Return all that a program prints, as UTF-8."""
    return b"".join(chunks).decode("utf-8", "replace")


def write_to(path: Path, chunks: Iterator[bytes]) -> None:
    """Write what a program prints to a new file."""
    with path.open("xb") as target, closing(chunks):  # type: ignore[type-var]
        for chunk in chunks:
            target.write(chunk)
