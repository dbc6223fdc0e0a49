"""Whether the object store answers, for who asks again and again."""

from __future__ import annotations

import math
import threading
import time

from twin.errors import Text, TwinError
from twin.store import Store

_WITHIN_S = 2.0
_ASKED_EVERY_S = 5.0


class StoreWatch:
    """Asks ``store`` whether it answers, at most once in ``asked_every_s``, and for ``within_s``; who asks meanwhile is told the same."""

    def __init__(self, store: Store, *, within_s: float = _WITHIN_S, asked_every_s: float = _ASKED_EVERY_S) -> None:
        self._store, self._within_s, self._asked_every_s = store, within_s, asked_every_s
        self._asking = threading.Lock()
        self._complaint: Text | None = None
        self._good_until = -math.inf

    def complaint(self) -> Text | None:
        """Return why the store cannot be used, None when it answers."""
        with self._asking:
            if time.monotonic() >= self._good_until:
                self._complaint = self._asked()
                self._good_until = time.monotonic() + self._asked_every_s
            return self._complaint

    def _asked(self) -> Text | None:
        try:
            self._store.reach(self._within_s)
        except TwinError as error:
            return error.text
        return None
