"""Limits and a uid of its own: what a process gives up before Landlock and seccomp close behind it."""

from __future__ import annotations

import ctypes
import os
import resource
from pathlib import Path

SANDBOX_UID = 64321
"""Owns no file and no other process; below 65536, so that it exists in user namespaces too."""

_PR_SET_DUMPABLE, _PR_SET_KEEPCAPS, _PR_CAP_AMBIENT = 4, 8, 47
_PR_CAP_AMBIENT_RAISE = 2
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1 << 1, 1 << 2


class _CapHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapData(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def require_single_thread() -> None:
    """Raise OSError when other threads run already: Landlock would not hold them."""
    count = len(list(Path("/proc/self/task").iterdir()))
    if count != 1:
        raise OSError(f"{count} threads run before the sandbox is closed")


def mapped_bytes() -> int:
    """Return the address space that this process takes, as RLIMIT_AS counts it; asked before the doors close."""
    return int(Path("/proc/self/statm").read_bytes().split()[0]) * resource.getpagesize()


def limit_resources(memory_bytes: int, cpu_s: int, file_bytes: int = 0) -> None:
    """Bound address space, CPU time, descriptors and the files that are written; forbid core dumps and locked memory."""
    for kind, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_NOFILE, 128),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
    ):
        ceiling = resource.getrlimit(kind)[1]
        bound = value if ceiling == resource.RLIM_INFINITY else min(value, ceiling)
        resource.setrlimit(kind, (bound, bound))


def drop_root(uid: int = SANDBOX_UID, *, over_exec: bool = False) -> None:
    """As root become ``uid`` without groups; as any other user do nothing. OSError when it cannot be done.

    The interpreter and the file may lie where only root may go, so reading past the mode bits is the one capability kept
    (or the nearest one that a container leaves): which files it reaches is then for Landlock alone to say.
    ``over_exec`` keeps it in the program that this process becomes.
    """
    if os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    _checked(libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0))
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    header = _CapHeader(_CAPABILITY_VERSION_3, 0)
    data = (_CapData * 2)()
    _checked(libc.capget(ctypes.byref(header), data))
    permitted = data[0].permitted
    kept = next((c for c in (_CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE) if permitted & c), 0)
    data[0].effective, data[0].permitted, data[0].inheritable = kept, kept, kept if over_exec else 0
    data[1].effective, data[1].permitted, data[1].inheritable = 0, 0, 0
    _checked(libc.capset(ctypes.byref(header), data))
    if over_exec and kept:
        _checked(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, kept.bit_length() - 1, 0, 0))
    _checked(libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0))


def _checked(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
