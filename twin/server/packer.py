"""Packing beside the builds: in a thread of its own that nobody waits for, and that waits while a build runs."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from twin.server.city import City
from twin.server.packing import pack_missing

_LEAST_URGENT = 19


class Packer:
    """Packs what is not packed yet whenever it is asked to, once at a time, and is in no edit's way."""

    def __init__(self, city: City) -> None:
        self._city = city
        self._packing = threading.Lock()
        self._asked = threading.Event()
        self._free = threading.Condition()
        self._builds = 0

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Have the packing rest for the block: what it compresses and writes would be in the way of a build."""
        with self._free:
            self._builds += 1
        try:
            yield
        finally:
            with self._free:
                self._builds -= 1
                self._free.notify_all()

    def pack_soon(self) -> None:
        """Begin to pack unless that goes on already, and then do it once more."""
        self._asked.set()
        threading.Thread(target=self._pack, name="packer", daemon=True).start()

    def _pack(self) -> None:
        # On Linux a thread has a priority of its own, named by its native id.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LEAST_URGENT)
        while self._asked.is_set() and self._packing.acquire(blocking=False):
            try:
                self._asked.clear()
                pack_missing(self._city, self._wait)
            finally:
                self._packing.release()

    def _wait(self) -> None:
        with self._free:
            self._free.wait_for(lambda: self._builds == 0)
