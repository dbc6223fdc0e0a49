"""Reading in the sandbox, every reader forked from one template of this test process: tests do not wait for its imports each time."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from ingest import sandbox
from ingest.protocol import FileInfo, Limits, Message, ReadRequest
from ingest.warm_template import Template


@cache
def shared_template() -> Template:
    """Return the template of this test process."""
    template = Template()
    atexit.register(template.close)
    return template


def read_file(request: ReadRequest) -> Iterator[Message]:
    """Yield what the sandbox reads."""
    return sandbox.read_file(request, shared_template())


def inspect_file(path: Path, limits: Limits | None = None) -> FileInfo:
    """Return what a file is."""
    return sandbox.inspect_file(path, limits, template=shared_template())
