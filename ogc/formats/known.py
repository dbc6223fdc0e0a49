"""The formats there are, and which of them the features of a collection can be written in."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from ogc.formats.csv_file import CSV
from ogc.formats.dxf import DXF
from ogc.formats.export import Export, Format
from ogc.formats.gdal_files import FLATGEOBUF, GEOPACKAGE
from ogc.formats.geoparquet import GEOPARQUET
from ogc.formats.lines import GEOJSON_SEQ, NDJSON
from twin.errors import BadRequestError
from twin.query.collection import Collection

_OWN = (GEOJSON_SEQ, NDJSON, CSV, FLATGEOBUF, GEOPARQUET, GEOPACKAGE, DXF)
_PIECE_BYTES = 1 << 20


class Formats:
    """Our formats and ``others`` that the composition root brings."""

    def __init__(self, others: Sequence[Format] = ()) -> None:
        self._known = {f.name: f for f in (*_OWN, *others)}

    @property
    def all(self) -> tuple[Format, ...]:
        """Every format, whatever it can write."""
        return tuple(self._known.values())

    def offered(self, collection: Collection) -> tuple[Format, ...]:
        """Return the formats that the features of a collection can be written in."""
        return tuple(f for f in self._known.values() if f.fits(collection))

    def of(self, name: str, collection: Collection) -> Format:
        """Return the format called ``name``; BadRequestError ``bad-format`` when there is none or it does not fit the collection."""
        found = self._known.get(name)
        if found is None or not found.fits(collection):
            names = ", ".join(f.name for f in self.offered(collection))
            error = BadRequestError(f"files of this collection are {names}", zh=f"该集合可输出的格式为 {names}")
            raise error.with_code("bad-format")
        return found

    def pieces(self, chosen: Format, export: Export) -> Iterator[bytes]:
        """Yield the bytes of a file; it is written whole in the scratch folder before the first."""
        with tempfile.TemporaryDirectory(dir=export.scratch, prefix=".export-") as folder:
            path = Path(folder) / f"export.{chosen.suffix}"
            chosen.write(export, path)
            with path.open("rb") as file:
                while piece := file.read(_PIECE_BYTES):
                    yield piece
