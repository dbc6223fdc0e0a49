"""The settings of the embedded cluster as text: durable, reachable through one socket only, sized to the machine."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True, slots=True)
class Machine:
    """What the cluster may use."""

    memory_mib: int
    processors: int
    shared_memory_mib: int

    @classmethod
    def here(cls) -> Machine:
        """Return this machine, as far as this process may use it."""
        memory = min(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), memory_limit_bytes(CGROUP_LIMIT)) // MIB
        try:
            shm = os.statvfs("/dev/shm")  # noqa: S108  (PostgreSQL's own place for shared memory, asked for its size)
            shared = shm.f_bavail * shm.f_frsize // MIB
        except OSError:
            shared = 0
        return cls(int(memory), len(os.sched_getaffinity(0)), shared)


def memory_limit_bytes(file: Path) -> float:
    """Return the limit that a container sets (cgroup v2 ``memory.max``), infinity where there is none."""
    try:
        text = file.read_text(encoding="ascii").strip()
    except OSError:
        return math.inf
    return int(text) if text.isdigit() else math.inf


def settings(machine: Machine, socket_folder: Path, cluster_name: str, wal_compression: str = "on") -> dict[str, str]:
    """Return PostgreSQL's settings by name.

    ``wal_compression`` is how pages written whole into the log are compressed: ``on`` is PostgreSQL's own method, which all servers have.
    Time limits of statements are the connections' business. fsync and synchronous_commit stay on: acknowledged means durable.
    """
    return {
        "listen_addresses": "''",
        "unix_socket_directories": _quoted(str(socket_folder)),
        "unix_socket_permissions": "0700",
        "cluster_name": _quoted(cluster_name),
        "max_connections": "250",
        "max_locks_per_transaction": "512",  # a query over 300 partitions locks each with its indexes
        "shared_buffers": f"{_between(128, machine.memory_mib // 8, 2048)}MB",
        "effective_cache_size": f"{_between(512, machine.memory_mib // 2, 32768)}MB",
        "work_mem": "32MB",
        "maintenance_work_mem": f"{_between(64, machine.memory_mib // 16, 1024)}MB",
        # a container's /dev/shm of 64 MB is too small for parallel index builds
        "dynamic_shared_memory_type": "posix" if machine.shared_memory_mib >= 1024 else "mmap",
        "max_worker_processes": str(max(8, machine.processors)),
        "max_parallel_workers": str(machine.processors),
        # nobody follows a private cluster: what fills a new table is written once, into the table, and not into the log as well;
        # who wants to follow it sets both otherwise in a file of their own (docs/operation.md)
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "max_wal_size": "4GB",
        "min_wal_size": "80MB",
        "wal_compression": wal_compression,
        "checkpoint_timeout": "15min",
        "random_page_cost": "1.1",
        "jit": "off",  # compiling costs more than our short queries take
        "timezone": "'UTC'",
        "log_timezone": "'UTC'",
        "log_line_prefix": "'%m [%p] %q%u@%d %a '",
        "log_lock_waits": "on",
    }


def configuration_text(values: dict[str, str]) -> str:
    """Return ``values`` as a postgresql.conf fragment."""
    return "# Written at every start; your own settings go into another file of this folder.\n" + "".join(
        f"{name} = {value}\n" for name, value in values.items()
    )


def _between(low: int, value: int, high: int) -> int:
    return max(low, min(value, high))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
