"""seccomp-BPF: from here on this process can make only the system calls that reading a file needs.

An allow-list; anything else returns EPERM. No socket, no new process (threads may start), no exec, no ptrace, no file
opened for writing. Source: Linux kernel documentation, userspace-api/seccomp_filter; numbers from asm/unistd_64.h
and asm-generic/unistd.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Mapping
from typing import NamedTuple

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER_AT, _ARCH_AT, _ARGUMENTS_AT = 0, 4, 16

_LD, _JEQ, _JGE, _JSET, _AND, _RET = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06

_CLONE_THREAD = 0x00010000
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | 0o20000000  # O_TMPFILE
_TCGETS, _FIONCLEX, _FIOCLEX = 0x5401, 0x5450, 0x5451
_PR_SET_NAME, _PR_SET_VMA = 15, 0x53564D41


class Architecture(NamedTuple):
    """What differs between processors: AUDIT_ARCH and the numbers of the system calls."""

    audit: int
    plain: tuple[int, ...]
    """Allowed whatever the arguments."""
    special: Mapping[str, int]


ARCHITECTURES: Mapping[str, Architecture] = {
    "x86_64": Architecture(
        0xC000003E,
        # read write close stat fstat lstat poll lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask rt_sigreturn pread64
        # readv writev access select sched_yield mremap madvise dup dup2 nanosleep getpid exit uname fcntl
        (0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 19, 20, 21, 23, 24, 25, 28, 32, 33, 35, 39, 60, 63, 72)
        # getdents getcwd readlink gettimeofday getrlimit getrusage sysinfo getuid getgid geteuid getegid getppid sigaltstack
        # statfs fstatfs arch_prctl gettid time futex sched_getaffinity getdents64 set_tid_address restart_syscall fadvise64
        + (78, 79, 89, 96, 97, 98, 99, 102, 104, 107, 108, 110, 131, 137, 138, 158, 186, 201, 202, 204, 217, 218, 219, 221)
        # clock_gettime clock_getres clock_nanosleep exit_group newfstatat readlinkat faccessat pselect6 ppoll set_robust_list
        # get_robust_list dup3 preadv getcpu getrandom membarrier statx rseq faccessat2
        + (228, 229, 230, 231, 262, 267, 269, 270, 271, 273, 274, 292, 295, 309, 318, 324, 332, 334, 439),
        {"open": 2, "openat": 257, "ioctl": 16, "clone": 56, "prctl": 157, "tgkill": 234, "prlimit64": 302, "clone3": 435, "openat2": 437},
    ),
    "aarch64": Architecture(
        0xC00000B7,
        # getcwd dup dup3 fcntl statfs fstatfs faccessat close getdents64 lseek read write readv writev pread64 preadv pselect6 ppoll
        (17, 23, 24, 25, 43, 44, 48, 57, 61, 62, 63, 64, 65, 66, 67, 69, 72, 73)
        # readlinkat newfstatat fstat exit exit_group set_tid_address futex set_robust_list get_robust_list nanosleep
        # clock_gettime clock_getres clock_nanosleep restart_syscall sched_getaffinity sched_yield sigaltstack
        + (78, 79, 80, 93, 94, 96, 98, 99, 100, 101, 113, 114, 115, 128, 123, 124, 132)
        # rt_sigaction rt_sigprocmask rt_sigreturn uname getrlimit getrusage getcpu gettimeofday getpid getppid getuid geteuid
        # getgid getegid gettid sysinfo brk munmap mremap mmap fadvise64 mprotect madvise getrandom membarrier statx rseq faccessat2
        + (134, 135, 139, 160, 163, 165, 168, 169, 172, 173, 174, 175, 176, 177, 178, 179, 214, 215, 216, 222, 223, 226, 233)
        + (278, 283, 291, 293, 439),
        {"openat": 56, "ioctl": 29, "clone": 220, "prctl": 167, "tgkill": 131, "prlimit64": 261, "clone3": 435, "openat2": 437},
    ),
}


def deny_new_privileges() -> None:
    """Set no_new_privs for good; OSError when the kernel refuses."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def install(machine: str | None = None) -> None:
    """Install the filter for all time in the calling thread and those it starts; OSError when it is not to be had.

    Needs no_new_privs beforehand.
    """
    architecture = ARCHITECTURES.get(machine or platform.machine())
    if architecture is None:
        raise OSError(f"no system-call filter for {platform.machine()}")
    program = build_program(architecture, os.getpid())
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    holder = ctypes.create_string_buffer(header, len(header))
    _prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(holder))


def build_program(architecture: Architecture, pid: int) -> bytes:
    """Return the BPF program: a block for each conditional call, then the plain list, then refusal."""
    number = architecture.special
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
    for allowed in architecture.plain:
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
