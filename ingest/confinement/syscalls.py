"""The system calls that reading a file needs, with their numbers on each processor.

Sources: Linux asm/unistd_64.h (x86_64) and asm-generic/unistd.h (aarch64).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Architecture:
    """A processor as seccomp names it, and the numbers of the calls."""

    audit: int
    """AUDIT_ARCH of linux/audit.h."""
    plain: Mapping[str, int]
    """Allowed whatever the arguments."""
    conditional: Mapping[str, int]
    """Allowed, or refused, by their arguments."""
    execve: int
    """Allowed for a process that becomes a program."""


_X86_64_PLAIN = {
    "read": 0, "write": 1, "close": 3, "stat": 4, "fstat": 5, "lstat": 6, "poll": 7, "lseek": 8, "mmap": 9, "mprotect": 10,
    "munmap": 11, "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "pread64": 17, "readv": 19,
    "writev": 20, "access": 21, "select": 23, "sched_yield": 24, "mremap": 25, "madvise": 28, "dup": 32, "dup2": 33,
    "nanosleep": 35, "getpid": 39, "exit": 60, "uname": 63, "fcntl": 72, "getdents": 78, "getcwd": 79, "readlink": 89,
    "gettimeofday": 96, "getrlimit": 97, "getrusage": 98, "sysinfo": 99, "getuid": 102, "getgid": 104, "geteuid": 107,
    "getegid": 108, "getppid": 110, "sigaltstack": 131, "statfs": 137, "fstatfs": 138, "arch_prctl": 158, "gettid": 186,
    "time": 201, "futex": 202, "sched_getaffinity": 204, "getdents64": 217, "set_tid_address": 218, "restart_syscall": 219,
    "fadvise64": 221, "clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230, "exit_group": 231, "newfstatat": 262,
    "readlinkat": 267, "faccessat": 269, "pselect6": 270, "ppoll": 271, "set_robust_list": 273, "get_robust_list": 274,
    "dup3": 292, "preadv": 295, "getcpu": 309, "getrandom": 318, "membarrier": 324, "statx": 332, "rseq": 334, "faccessat2": 439,
}  # fmt: skip
_X86_64_CONDITIONAL = {
    "open": 2, "openat": 257, "ioctl": 16, "clone": 56, "prctl": 157, "tgkill": 234, "prlimit64": 302, "clone3": 435,
    "openat2": 437,
}  # fmt: skip

_AARCH64_PLAIN = {
    "getcwd": 17, "dup": 23, "dup3": 24, "fcntl": 25, "statfs": 43, "fstatfs": 44, "faccessat": 48, "close": 57, "getdents64": 61,
    "lseek": 62, "read": 63, "write": 64, "readv": 65, "writev": 66, "pread64": 67, "preadv": 69, "pselect6": 72, "ppoll": 73,
    "readlinkat": 78, "newfstatat": 79, "fstat": 80, "exit": 93, "exit_group": 94, "set_tid_address": 96, "futex": 98,
    "set_robust_list": 99, "get_robust_list": 100, "nanosleep": 101, "clock_gettime": 113, "clock_getres": 114,
    "clock_nanosleep": 115, "sched_getaffinity": 123, "sched_yield": 124, "restart_syscall": 128, "sigaltstack": 132,
    "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139, "uname": 160, "getrlimit": 163, "getrusage": 165,
    "getcpu": 168, "gettimeofday": 169, "getpid": 172, "getppid": 173, "getuid": 174, "geteuid": 175, "getgid": 176,
    "getegid": 177, "gettid": 178, "sysinfo": 179, "brk": 214, "munmap": 215, "mremap": 216, "mmap": 222, "fadvise64": 223,
    "mprotect": 226, "madvise": 233, "getrandom": 278, "membarrier": 283, "statx": 291, "rseq": 293, "faccessat2": 439,
}  # fmt: skip
_AARCH64_CONDITIONAL = {
    "openat": 56, "ioctl": 29, "clone": 220, "prctl": 167, "tgkill": 131, "prlimit64": 261, "clone3": 435, "openat2": 437,
}  # fmt: skip

ARCHITECTURES: Mapping[str, Architecture] = {
    "x86_64": Architecture(0xC000003E, _X86_64_PLAIN, _X86_64_CONDITIONAL, execve=59),
    "aarch64": Architecture(0xC00000B7, _AARCH64_PLAIN, _AARCH64_CONDITIONAL, execve=221),
}
"""By the name that uname gives the machine."""
