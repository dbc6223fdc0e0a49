"""GeoJSON a line: as a text sequence (RFC 8142) and as newline-delimited JSON; the features are made as those of a page of items are."""

from __future__ import annotations

from functools import partial
from itertools import batched
from pathlib import Path

from ogc.formats.export import Export, Format
from twin.errors import Text
from twin.query.copied import feature_lines

_RECORD_SEPARATOR = b"\x1e"
_LINES_A_WRITE = 500


def _write(before: bytes, export: Export, path: Path) -> None:
    lines = feature_lines(export.connection, export.query, export.principal, export.limit)
    between = b"\n" + before
    with path.open("wb", buffering=0) as file:
        for some in batched(lines, _LINES_A_WRITE):
            file.write(before + between.join(some) + b"\n")


GEOJSON_SEQ = Format(
    name="geojsonseq",
    media_type="application/geo+json-seq",
    suffix="geojsonseq",
    title=Text("GeoJSON 文本序列", "GeoJSON text sequence"),
    write=partial(_write, _RECORD_SEPARATOR),
    grows=True,
    is_text=True,
)
NDJSON = Format(
    name="ndjson",
    media_type="application/x-ndjson",
    suffix="ndjson",
    title=Text("GeoJSON（每行一个要素）", "GeoJSON, a feature a line"),
    write=partial(_write, b""),
    grows=True,
    is_text=True,
)
