"""Landlock: from here on this process opens files below the given paths, for reading, and executes those it is told it may.

Source: Linux kernel documentation, userspace-api/landlock (ABI 1 file system, 4 TCP, 5 ioctl, 6 scopes).
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same numbers on x86_64 and aarch64
_VERSION = 1
_RULE_PATH_BENEATH = 1
_EXECUTE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 2, 1 << 3
_RIGHTS_UP_TO = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""Number of file-system rights that each ABI knows, lowest bits first."""


class _RulesetAttr(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneathAttr(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def abi() -> int:
    """Return the Landlock ABI of the running kernel, 0 when it has none."""
    return max(0, _libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION)))


def restrict_to_reading(paths: Iterable[Path], executables: Iterable[Path] = ()) -> None:
    """Let the calling thread read only the given files and folders (with all below) and execute only ``executables``.

    OSError when Landlock is not to be had. Paths that do not exist or cannot be reached are passed over: there is nothing to allow.
    Needs no_new_privs (or CAP_SYS_ADMIN) beforehand.
    """
    version = abi()
    if version < 1:
        raise OSError("Landlock is not enabled in this kernel")
    rights = (1 << _RIGHTS_UP_TO.get(version, 16)) - 1
    attributes = _RulesetAttr(rights, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = _checked(_libc().syscall(_CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(size), ctypes.c_uint32(0)))
    try:
        for path in paths:
            _allow(ruleset, path, _READ_FILE)
        for path in executables:
            _allow(ruleset, path, _READ_FILE | _EXECUTE)
        _checked(_libc().syscall(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0)))
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    try:
        is_folder = stat.S_ISDIR(os.fstat(fd).st_mode)
        rule = _PathBeneathAttr(rights | (_READ_DIR if is_folder else 0), fd)
        arguments = (ctypes.c_int(ruleset), ctypes.c_int(_RULE_PATH_BENEATH), ctypes.byref(rule), ctypes.c_uint32(0))
        _checked(_libc().syscall(_ADD_RULE, *arguments))
    finally:
        os.close(fd)


def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Landlock: {os.strerror(number)}")
    return result
