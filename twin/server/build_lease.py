"""The lease on a build is kept while it goes on, whatever it tells of its progress."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from twin.server.city import City
from twin.server.lease_thread import prolonged
from twin.server.scene import VARIANT

_TIMES = 4
"""How often a lease is prolonged before it would end."""


@contextmanager
def kept_lease(city: City, dataset: int, commit: int, kind: str, fencing: int, lease_s: float) -> Iterator[None]:
    """Prolong the lease ``fencing`` for as long as the block runs, from a thread beside it.

    The subtree files of a large city, the wait for its disk and reading a revision's differences tell no progress. Once somebody else has
    taken the lease, nothing is prolonged any more. When this process ends, however it does, the lease ends by itself.
    """

    def keep() -> bool:
        return city.catalogue.assets.keep_lease(dataset, commit, kind, VARIANT, fencing, lease_s)

    with prolonged("lease of a build", lease_s / _TIMES, keep):
        yield
