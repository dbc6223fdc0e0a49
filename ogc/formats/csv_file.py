"""CSV for spreadsheets and scripts."""

from __future__ import annotations

from itertools import batched
from pathlib import Path

from ogc.formats.export import Export, Format
from twin.errors import BadRequestError, Text
from twin.query.csv_rows import csv_rows

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""Without it Excel takes UTF-8 for the code page of the machine."""
_LINES_A_WRITE = 1000


def _write(export: Export, path: Path) -> None:
    collection = export.query.collection
    in_columns = export.options.get("csv-geometry") == "xy"
    if in_columns and collection.feature_type.geometry_type != "Point":
        error = BadRequestError("only points can be written as x and y", zh="只有点要素可按 x、y 两列输出")
        raise error.with_code("bad-parameter")
    chosen = export.with_east_first() if in_columns else export
    rows = csv_rows(export.connection, chosen.query, export.principal, "xy" if in_columns else "wkt", export.limit)
    with path.open("wb", buffering=0) as file:
        mark = _BYTE_ORDER_MARK if export.options.get("csv-bom") == "true" else b""
        for some in batched(rows, _LINES_A_WRITE):
            file.write(mark + b"".join(some))
            mark = b""


CSV = Format(
    name="csv",
    media_type="text/csv",
    suffix="csv",
    title=Text("CSV 表格", "CSV"),
    write=_write,
    grows=True,
    is_text=True,
    options={"csv-geometry": ("wkt", "xy"), "csv-bom": ("false", "true")},
)
