"""What a batch says its rows were read from, packed or not."""

from __future__ import annotations

import json
from contextlib import suppress

from ingest.documents import compressed
from ingest.readers.source import SourceBatch
from twin.packed_documents import unpacked


def documents_in(batch: SourceBatch) -> list[object]:
    """Return of each row its document as parsed, its bytes where they are no JSON, None where there is none."""
    kept = compressed(batch.documents, batch.packing).to_pylist() if batch.documents else []
    return [None if document is None else _parsed(unpacked(document)) for document in kept]


def _parsed(text: bytes) -> object:
    with suppress(ValueError):
        return json.loads(text.decode(errors="surrogateescape"))  # other bytes are compared, too
    return text
