"""Pictures on faces from the store, the ones that were asked for last in memory: neighbouring contents often show the same."""

from __future__ import annotations

import threading
from collections import OrderedDict

from tiles.node_store import Objects
from twin.errors import NotFoundError
from twin.pictures import Pixels, decode, key_of

_REMEMBERED_BYTES = 64 << 20


class KeptPictures:
    """The pictures of a store; used by several threads."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._known: OrderedDict[bytes, Pixels] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, name: bytes) -> Pixels | None:
        """Return a picture; None where there is none: a face that shows it is drawn plain."""
        with self._lock:
            if (known := self._known.get(name)) is not None:
                self._known.move_to_end(name)
                return known
        try:
            pixels = decode(self._objects.get(key_of(name)))
        except NotFoundError:
            return None
        with self._lock:
            if name not in self._known:
                self._known[name] = pixels
                self._bytes += pixels.nbytes
            while self._bytes > _REMEMBERED_BYTES and len(self._known) > 1:
                self._bytes -= self._known.popitem(last=False)[1].nbytes
        return pixels
