"""The keeper of one embedded cluster: when the last user is gone without a word (kill -9, a closed terminal), it stops the server.

It waits in the kernel on the users' lock and does nothing until nobody holds it. ``python -m twin.embedded.keeper DATA_DIR`` returns at
once; the keeper goes on in the background and ends with the server.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from twin.embedded import locks
from twin.embedded.cluster import EmbeddedCluster
from twin.errors import TwinError


def keep(data_dir: Path) -> None:
    """Return when the server of ``data_dir`` has been stopped; at once when it has a keeper already."""
    cluster = EmbeddedCluster(data_dir)
    mine = locks.take(cluster.layout.keeper, shared=False, deadline_s=0)
    if mine is None:
        return
    while True:
        locks.wait_until_free(cluster.layout.users)
        if cluster.stop_if_unused():
            return


def main() -> None:
    """Go to the background and keep the cluster named on the command line."""
    if os.fork():
        os._exit(0)
    try:
        keep(Path(sys.argv[1]))
    except (TwinError, OSError):
        os._exit(1)  # the data folder is gone: nothing is left to keep
    os._exit(0)


if __name__ == "__main__":
    main()
