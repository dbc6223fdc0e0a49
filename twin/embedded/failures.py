"""What can go wrong with the embedded cluster, each as one sentence that says what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from twin.errors import StorageFullError, TwinError, UnavailableError


class PostgisMissingError(UnavailableError):
    """PostgreSQL with PostGIS is not installed here."""

    code = "postgis-missing"


class ClusterError(UnavailableError):
    """The embedded PostgreSQL did not do what it was asked; its log says why."""

    code = "database-unavailable"


class ForeignClusterError(TwinError):
    """The data folder holds something that is not a cluster of ours, or not one that we may use."""

    code, status, exit_code = "data-folder-not-ours", 503, 3


def postgis_missing(major: int | None = None) -> PostgisMissingError:
    """Return the error that names the Debian packages to install (of PostgreSQL ``major`` where the data needs that one)."""
    package = f"postgresql-{major}-postgis-3" if major else "postgresql-NN-postgis-3"
    hint = "" if major else " (NN: 17 on Debian 13, 15 on Debian 12)"
    command = f"sudo apt install postgresql {package}" if major is None else f"sudo apt install {package}"
    version = f" {major}" if major else ""
    return PostgisMissingError(
        f"PostgreSQL{version} with PostGIS is not installed: {command}{hint}",
        zh=f"未安装 PostgreSQL{version} 与 PostGIS，请运行：{command}{hint.replace('on ', '')}",
    )


def disk_full(folder: Path, needed_mib: int | None = None) -> StorageFullError:
    """Return the error for a disk with no room left below ``folder``."""
    need_en, need_zh = (f", {needed_mib} MiB are needed", f"，至少需要 {needed_mib} MiB") if needed_mib else ("", "")
    return StorageFullError(f"no room on the disk of {folder}{need_en}", zh=f"{folder} 所在磁盘空间不足{need_zh}")


def log_too_small(folder: Path, words: str) -> ClusterError:
    """Return the error for somebody's own settings in ``folder`` that need more of the write-ahead log than a private cluster keeps."""
    return ClusterError(
        f"a setting of your own needs wal_level = replica: write that line into a file after 10-citytwin.conf in {folder} ({words})",
        zh=f"自定义设置需要 wal_level = replica，请将此行写入 {folder} 中排在 10-citytwin.conf 之后的文件（{words}）",
    )


def not_allowed(folder: Path, who: str) -> ForeignClusterError:
    """Return the error for a folder that the account ``who`` cannot enter or write."""
    return ForeignClusterError(
        f"{who} cannot use the folder {folder}: choose another one with --data-dir",
        zh=f"用户 {who} 无法使用目录 {folder}，请用 --data-dir 另选目录",
    )


@contextmanager
def told_plainly(folder: Path, who: str) -> Iterator[None]:
    """Turn the operating system's refusals below ``folder`` into errors that a user can act on."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full(folder) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise not_allowed(folder, who) from error
        raise
