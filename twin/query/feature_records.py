"""Features of a page as records in PostgreSQL's binary form, and the GeoJSON that is written of them here.

Sending a row takes PostgreSQL a sixth of what writing its JSON takes, and writing it here a tenth (decision 59): what ``row_to_json`` and
``ST_AsGeoJSON`` look up for every value is known here for the whole page.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import orjson
from psycopg import sql

from twin.json_values import Bytes
from twin.query.geojson_kernels import NO_ROOM, ROOM_A_BYTE, write_features
from twin.query.unprojecting import NO_WAY, Way

_LEAST_BYTES = 4096


@dataclass(frozen=True, slots=True, eq=False)
class FeatureWriter:
    """What is the same in every feature of a page."""

    head: Bytes
    beside: Bytes
    names: Bytes
    name_ends: npt.NDArray[np.int64]
    decimals: int
    way: Way
    """Into degrees, for geometries that are sent as they are stored."""

    def text(self, records: bytes) -> bytes:
        """Return the features of records joined by commas."""
        rows = np.frombuffer(records, dtype=np.uint8)
        # Enough for any geometry: one large feature is not written twice. Pages of memory that stay empty are never touched.
        room = ROOM_A_BYTE * (rows.size + self.names.size) + len(self.head) + _LEAST_BYTES
        while True:
            out = np.empty(room, dtype=np.uint8)
            end = write_features(rows, self.head, self.beside, self.names, self.name_ends, self.decimals, self.way, out)
            if end >= 0:
                return out[:end].tobytes()
            if end != NO_ROOM:
                raise RuntimeError("a column of a feature has a type that no FeatureType has")
            room *= 2


def record(geometry: sql.Composable | None, names: tuple[str, ...]) -> sql.Composed:
    """Return the expression of one feature's record: its fid, its ``geometry`` (None: nothing) and its properties ``names``."""
    shape = sql.SQL("NULL::bytea") if geometry is None else sql.SQL("ST_AsEWKB({}, 'NDR')").format(geometry)
    columns = sql.SQL("").join([sql.SQL(", {}").format(sql.Identifier(name)) for name in names])
    return sql.SQL("record_send(ROW(fid, {}{}))").format(shape, columns)


def stand_ready() -> None:
    """Have the compiled code loaded, which takes a second the first time, and many where no machine code of it is kept."""
    feature_writer("", None, (), 0).text(b"")


def feature_writer(oid_prefix: str, slug: str | None, names: tuple[str, ...], decimals: int, way: Way = NO_WAY) -> FeatureWriter:
    """Return the writer of records of features with these properties; ``slug`` is the collection they say they are of, if any."""
    member = f'"collection":"{slug}",' if slug is not None else ""
    keys = [orjson.dumps(name) + b":" for name in names]
    before = [b',"properties":{', *[b","] * (len(names) - 1)]
    pieces = [*(b + key for b, key in zip(before, keys, strict=False)), b"}}" if names else before[0] + b"}}"]
    return FeatureWriter(
        head=_bytes(f'{{"type":"Feature",{member}"id":"{oid_prefix}'.encode()),
        beside=_bytes(b'","geometry":'),
        names=_bytes(b"".join(pieces)),
        name_ends=np.cumsum([0, *map(len, pieces)]),
        decimals=decimals,
        way=way,
    )


def _bytes(text: bytes) -> Bytes:
    return np.frombuffer(text, dtype=np.uint8)
