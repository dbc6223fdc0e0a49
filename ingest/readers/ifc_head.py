"""How an IFC file is recognised, without the library that reads it."""

from __future__ import annotations

from pathlib import Path

_TAIL_BYTES = 1024


def is_ifc(head: bytes) -> bool:
    """Return whether a file begins as STEP (ISO 10303-21) with a schema of IFC."""
    return head.lstrip()[:12].upper() == b"ISO-10303-21" and b"IFC" in head.upper().partition(b"FILE_SCHEMA")[2][:200]


def is_complete(source: Path | bytes) -> bool:
    """Return whether the text ends as ISO 10303-21 has it: the library reads what breaks off without a word."""
    if isinstance(source, bytes):
        tail = source[-_TAIL_BYTES:]
    else:
        with source.open("rb") as file:
            file.seek(max(0, source.stat().st_size - _TAIL_BYTES))
            tail = file.read()
    return tail.rstrip().upper().endswith(b"END-ISO-10303-21;")
