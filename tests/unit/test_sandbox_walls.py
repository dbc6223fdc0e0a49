"""From inside a confined process: what must fail fails, as root and as an unprivileged user, and reading goes on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from ingest.confinement import landlock, seccomp
from ingest.confinement.syscalls import ARCHITECTURES

REPOSITORY = Path(__file__).parents[2]

PROBES = {
    "read_allowed": "open(allowed).read()",
    "read_secret": "open(secret).read()",
    "list_secret_folder": "os.listdir(os.path.dirname(secret))",
    "read_passwd": "open('/etc/passwd').read()",
    "read_own_memory_map": "open('/proc/self/maps').read()",
    "link_to_secret": "os.link(secret, allowed + '.link')",
    "write_allowed": "open(allowed, 'w')",
    "create": "open(allowed + '.new', 'w')",
    "remove": "os.remove(allowed)",
    "rename": "os.rename(allowed, allowed + '.old')",
    "chmod": "os.chmod(allowed, 0o777)",
    "socket": "socket.socket(socket.AF_INET, socket.SOCK_STREAM)",
    "unix_socket": "socket.socket(socket.AF_UNIX)",
    "fork": "os.fork()",
    "exec": "os.execv('/bin/true', ['true'])",
    "spawn": "os.posix_spawn('/bin/true', ['true'], {})",
    "kill_parent": "os.kill(os.getppid(), 0)",
    "ptrace": "syscall(101, 16, os.getppid(), 0, 0)",
    "io_uring": "syscall(425, 8, ctypes.create_string_buffer(128))",
    "user_namespace": "syscall(272, 0x10000000)",
    "memfd": "os.memfd_create('x')",
    "become_root": "os.setuid(0)",
    "raise_limits": "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))",
    "four_gibibytes": "bytearray(4 << 30)",
}
ALLOWED = {"read_allowed", "thread"}

SCRIPT = """
    import ctypes, json, os, resource, socket, sys, threading
    sys.path.append(sys.argv[1])
    from pathlib import Path
    from ingest.confinement.closing import confine
    from ingest.protocol import Limits
    allowed, secret, probes = sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
    libc = ctypes.CDLL(None, use_errno=True)

    def syscall(number, *arguments):
        if libc.syscall(ctypes.c_long(number), *arguments) < 0:
            raise OSError(ctypes.get_errno(), "refused")

    if os.geteuid() == 0 and sys.argv[5] == "user":  # after the imports: the interpreter may lie where only root may go
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
    confine([Path(allowed)], Limits(memory_bytes=2 << 30))
    results = {"uid": os.getuid()}
    for name, code in probes.items():
        try:
            eval(code)
            results[name] = "done"
        except BaseException as error:
            results[name] = type(error).__name__
    thread = threading.Thread(target=results.setdefault, args=("thread", "done"))
    thread.start()
    thread.join()
    os.write(1, json.dumps(results).encode())
"""


def probe(folder: Path, who: str = "") -> dict[str, object]:
    allowed, secret = folder / "allowed.txt", folder / "secret.txt"
    for path in (allowed, secret):
        path.write_text("content")
        path.chmod(0o644)
    arguments = [str(REPOSITORY), str(allowed), str(secret), json.dumps(PROBES), who]
    command = [sys.executable, "-I", "-B", "-c", textwrap.dedent(SCRIPT), *arguments]
    environment = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
    run = subprocess.run(command, capture_output=True, env=environment, cwd="/", timeout=60, check=False)
    assert run.returncode == 0, run.stderr.decode()
    results: dict[str, object] = json.loads(run.stdout)
    return results


def assert_confined(results: dict[str, object]) -> None:
    done = {name for name, outcome in results.items() if outcome == "done"}
    assert done == ALLOWED


def test_nothing_but_reading_what_was_named_is_left(open_folder: Path) -> None:
    results = probe(open_folder)
    assert_confined(results)
    assert results["uid"] != 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user; the test above is that user's")
def test_the_same_holds_for_a_user_who_is_not_root(open_folder: Path) -> None:
    assert_confined(probe(open_folder, "user"))


def test_a_secret_of_root_is_out_of_reach_of_the_capability_that_is_kept(open_folder: Path) -> None:
    inner = open_folder / "private"
    inner.mkdir(mode=0o700)
    results = probe(inner)
    assert results["read_allowed"] == "done"
    assert results["read_secret"] == "PermissionError"


def test_a_process_with_a_second_thread_is_not_taken_for_confined() -> None:
    script = """
        import sys, threading, time
        sys.path.append(sys.argv[1])
        from ingest.confinement.closing import confine
        from ingest.protocol import Limits
        threading.Thread(target=time.sleep, args=(5,), daemon=True).start()
        try:
            confine([], Limits())
        except Exception as error:
            sys.exit(error.code)
    """
    environment = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
    command = [sys.executable, "-I", "-B", "-c", textwrap.dedent(script), str(REPOSITORY)]
    run = subprocess.run(command, capture_output=True, env=environment, timeout=60, check=False)
    assert b"sandbox-unavailable" in run.stderr


def test_a_machine_without_a_filter_is_refused() -> None:
    with pytest.raises(OSError, match="no system-call filter"):
        seccomp.install("riscv64")


def test_landlock_is_what_this_suite_runs_on() -> None:
    assert landlock.abi() >= 1


@pytest.mark.parametrize("machine", sorted(ARCHITECTURES))
def test_the_program_ends_in_refusal_and_every_jump_lands_inside(machine: str) -> None:
    program = seccomp.build_program(ARCHITECTURES[machine], pid=1)
    lines = [program[i : i + 8] for i in range(0, len(program), 8)]
    assert len(program) % 8 == 0
    assert len(lines) <= 4096  # BPF_MAXINSNS
    assert lines[-1][:2] == b"\x06\x00"
    jumps = [(i, line[2], line[3]) for i, line in enumerate(lines) if line[0] in (0x15, 0x45)]
    assert all(i + 1 + max(yes, no) < len(lines) for i, yes, no in jumps)


@pytest.mark.skipif(shutil.which("cpp") is None, reason="no C preprocessor to ask the kernel's headers")
@pytest.mark.parametrize(("machine", "header"), [("x86_64", "asm/unistd_64.h"), ("aarch64", "asm-generic/unistd.h")])
def test_the_numbers_are_those_of_the_kernels_headers(machine: str, header: str) -> None:
    flags = ["-D__BITS_PER_LONG=64", "-D__ARCH_WANT_NEW_STAT", "-D__ARCH_WANT_SET_GET_RLIMIT", "-D__ARCH_WANT_SYS_CLONE3"]
    run = subprocess.run(["cpp", "-dM", *flags, "-include", header, "-"], input=b"", capture_output=True, check=False)
    if run.returncode:
        pytest.skip("no kernel headers here")
    macros = dict(line.split()[1:3] for line in run.stdout.decode().splitlines() if len(line.split()) == 3)
    named = {name.removeprefix("__NR_"): macros.get(value, value) for name, value in macros.items() if name.startswith("__NR_")}
    architecture = ARCHITECTURES[machine]
    ours = {**architecture.plain, **architecture.conditional}
    assert {name: int(named.get(name, -1)) for name in ours} == ours
