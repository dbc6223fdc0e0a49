"""FlatGeobuf and GeoPackage, written by GDAL from Arrow batches; both with a spatial index, so both are whole before they are sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyogrio.raw

from ogc.formats.export import Export, Format
from twin.crs import OutputCrs
from twin.errors import Text
from twin.query.arrow_batches import GEOMETRY, arrow_batches, arrow_schema

_ELLIPSOIDAL_3D = "EPSG:4979"


def _write(driver: str, export: Export, path: Path) -> None:
    chosen = export.with_east_first()
    query = chosen.query
    batches = _Batches(arrow_batches(chosen.connection, query, chosen.principal, chosen.limit))
    given = query.with_geometry
    try:
        pyogrio.raw.write_arrow(
            pa.RecordBatchReader.from_batches(arrow_schema(query), iter(batches)),
            str(path),
            driver=driver,
            layer=query.collection.slug,
            geometry_name=GEOMETRY if given else None,
            geometry_type=chosen.geometry_type if given else None,
            crs=_crs(query.crs) if given else None,
            SPATIAL_INDEX="YES" if given else "NO",
        )
    except Exception:
        if batches.failure is not None:
            raise batches.failure from None
        raise


class _Batches:
    """Batches on their way through Arrow's C stream, which makes of any error a text: ``failure`` keeps what it was."""

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        self._batches = batches
        self.failure: Exception | None = None

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            yield from self._batches
        except Exception as error:
            self.failure = error
            raise


def _crs(crs: OutputCrs) -> str:
    return _ELLIPSOIDAL_3D if crs.height == "ellipsoidal" else f"EPSG:{crs.srid}"


FLATGEOBUF = Format(
    name="fgb",
    media_type="application/flatgeobuf",
    suffix="fgb",
    title=Text("FlatGeobuf", "FlatGeobuf"),
    write=partial(_write, "FlatGeobuf"),
    grows=False,
)
GEOPACKAGE = Format(
    name="gpkg",
    media_type="application/geopackage+sqlite3",
    suffix="gpkg",
    title=Text("GeoPackage", "GeoPackage"),
    write=partial(_write, "GPKG"),
    grows=False,
)
