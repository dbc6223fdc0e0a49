"""seccomp-BPF: from here on this process can make only the system calls that reading a file needs.

An allow-list; anything else returns EPERM. No socket, no new process (threads may start), no ptrace, no file opened for
writing; no exec, unless the process is to become a program (`ingest.confinement.program`).
Source: Linux kernel documentation, userspace-api/seccomp_filter.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct

from ingest.confinement.syscalls import ARCHITECTURES, Architecture

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER_AT, _ARCH_AT, _ARGUMENTS_AT = 0, 4, 16

_LD, _JEQ, _JSET, _RET = 0x20, 0x15, 0x45, 0x06

_CLONE_THREAD = 0x00010000
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | 0o20000000  # O_TMPFILE
_TCGETS, _FIONCLEX, _FIOCLEX = 0x5401, 0x5450, 0x5451
_PR_SET_NAME, _PR_SET_VMA = 15, 0x53564D41


def deny_new_privileges() -> None:
    """Set no_new_privs for good; OSError when the kernel refuses."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def install(machine: str | None = None, *, executes: bool = False) -> None:
    """Install the filter for all time in the calling thread and those it starts; OSError when it is not to be had.

    ``executes`` leaves execve: which files, Landlock says.

    Needs no_new_privs beforehand.
    """
    architecture = ARCHITECTURES.get(machine or platform.machine())
    if architecture is None:
        raise OSError(f"no system-call filter for {platform.machine()}")
    program = build_program(architecture, os.getpid(), executes=executes)
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    holder = ctypes.create_string_buffer(header, len(header))
    _prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(holder))


def build_program(architecture: Architecture, pid: int, *, executes: bool = False) -> bytes:
    """Return the BPF program: a block for each conditional call, then the plain list, then refusal."""
    number = architecture.conditional
    lines = [_line(_LD, _ARCH_AT), _line(_JEQ, architecture.audit, 1, 0), _line(_RET, _KILL), _line(_LD, _NUMBER_AT)]
    lines += _on(number["clone3"], [_refuse(errno.ENOSYS)])  # glibc then takes clone, whose flags can be read here
    lines += _on(number["openat2"], [_refuse(errno.ENOSYS)])
    if "open" in number:
        lines += _on(number["open"], _unless_any_bit(1, _WRITING))
    lines += _on(number["openat"], _unless_any_bit(2, _WRITING))
    lines += _on(number["clone"], _if_any_bit(0, _CLONE_THREAD))
    lines += _on(number["ioctl"], _if_equal(1, (_TCGETS, _FIONCLEX, _FIOCLEX)))
    lines += _on(number["prctl"], _if_equal(0, (_PR_SET_NAME, _PR_SET_VMA)))
    lines += _on(number["tgkill"], _if_equal(0, (pid,)))  # abort() of a native library
    lines += _on(number["prlimit64"], _if_zero64(2))
    exec_too = (architecture.execve,) if executes else ()
    for allowed in (*architecture.plain.values(), *exec_too):
        lines += [_line(_JEQ, allowed, 0, 1), _line(_RET, _ALLOW)]
    return b"".join([*lines, _refuse(errno.EPERM)])


def _line(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, operand)


def _refuse(number: int) -> bytes:
    return _line(_RET, _ERRNO | number)


def _on(number: int, block: list[bytes]) -> list[bytes]:
    """Return ``block`` (which must return) guarded by: the call is ``number``."""
    return [_line(_JEQ, number, 0, len(block)), *block]


def _argument(index: int) -> bytes:
    return _line(_LD, _ARGUMENTS_AT + 8 * index)


def _unless_any_bit(index: int, bits: int) -> list[bytes]:
    return [_argument(index), _line(_JSET, bits & 0xFFFFFFFF, 0, 1), _refuse(errno.EACCES), _line(_RET, _ALLOW)]


def _if_any_bit(index: int, bits: int) -> list[bytes]:
    return [_argument(index), _line(_JSET, bits, 0, 1), _line(_RET, _ALLOW), _refuse(errno.EPERM)]


def _if_equal(index: int, values: tuple[int, ...]) -> list[bytes]:
    tests = [line for value in values for line in (_line(_JEQ, value, 0, 1), _line(_RET, _ALLOW))]
    return [_argument(index), *tests, _refuse(errno.EPERM)]


def _if_zero64(index: int) -> list[bytes]:
    high = _line(_LD, _ARGUMENTS_AT + 8 * index + 4)
    return [_argument(index), _line(_JEQ, 0, 0, 3), high, _line(_JEQ, 0, 0, 1), _line(_RET, _ALLOW), _refuse(errno.EPERM)]


def _prctl(option: int, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    values = [ctypes.c_ulong(a) for a in (*arguments, 0, 0, 0, 0)[:4]]
    if libc.prctl(ctypes.c_int(option), *values) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl {option}: {os.strerror(number)}")
