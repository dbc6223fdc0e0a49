"""CityJSON among the formats of the OGC door: what the city's own export writes, of the features that a query means."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ogc.formats import Export, Format
from twin.errors import BadRequestError, Text
from twin.query.collection import Collection
from twin.server.city import City
from twin.server.cityjson import export as cityjson


def cityjson_formats(city: City) -> tuple[Format, ...]:
    """Return CityJSON 2.0 as one document and as a sequence of lines; of coverages there is none."""
    return (
        Format(
            name="cityjson",
            media_type="application/city+json",
            suffix="city.json",
            title=Text("CityJSON", "CityJSON"),
            write=partial(_write, city, "cityjson"),
            grows=True,
            prefers_grid=True,
            is_text=True,
            fits=_fits,
        ),
        Format(
            name="cityjsonseq",
            media_type="application/city+json-seq",
            suffix="city.jsonl",
            title=Text("CityJSON 文本序列", "CityJSON text sequence"),
            write=partial(_write, city, "cityjsonseq"),
            grows=True,
            prefers_grid=True,
            is_text=True,
            fits=_fits,
        ),
    )


def _fits(collection: Collection) -> bool:
    return not collection.is_coverage


def _write(city: City, form: cityjson.Format, export: Export, path: Path) -> None:
    query = export.query
    if not query.with_geometry or query.order or query.descending_fid:
        error = BadRequestError("CityJSON has the geometry, in the order of ids", zh="CityJSON 须包含几何，且按标识排序")
        raise error.with_code("bad-parameter")
    if not query.crs.has_z:
        error = BadRequestError(
            "CityJSON needs a CRS with heights: CRS84h or the grid", zh="CityJSON 须用带高程的坐标系：CRS84h 或城市坐标系"
        )
        raise error.with_code("crs-not-offered")
    pieces = cityjson.Export(city, query, form, export.principal).pieces(
        export.connection, query.crs if export.crs_is_asked else None, export.limit
    )
    with path.open("wb") as file:
        file.writelines(pieces)
