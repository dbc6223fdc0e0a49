"""serve.export.*: features a second of a whole dataset as one file over HTTP, against ogr2ogr writing it from PostgreSQL."""

from __future__ import annotations

import http.client
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from bench.process_memory import PeakMemory
from bench.rounds import Contender, Outcome, interleave
from bench.serve_tables import load_buildings, table_of
from bench.servers import Server, free_port, ours, running
from bench.stage import Stage
from bench.workload import SRID, make_buildings
from twin.errors import NotFoundError
from twin.tables import current_table

ROUNDS, UNIT = 3, "features/s"
_WARM_S = 12.0
"""So long the build worker loads its kernels after it has started."""
_DATASET, _LARGE, _LARGE_ROWS = "served", "million", 1_000_000
_DRIVERS = {"fgb": "FlatGeobuf", "geojsonseq": "GeoJSONSeq", "gpkg": "GPKG", "parquet": "Parquet"}
NAMES = tuple(f"serve.export.{form}" for form in _DRIVERS)
_METHOD = (
    "All {rows:,} buildings with their properties in the storage CRS, from the request to the last byte. Ours: "
    "`/ogc/collections/{{id}}/items?f={form}` of `twin serve`, one web process, over one connection, unpacked. Peer: ogr2ogr of the "
    "distribution's GDAL, the same columns of the table that we serve, by fid, into a file. Bound: COPY BINARY of the same columns, thrown "
    "away as it comes."
)


def run(stage: Stage, say: Callable[[str], None]) -> Iterator[Outcome]:
    """Measure the files of the dataset ``served``, loaded unless it was before, and the memory that those of a million rows take."""
    forms = [form for form in _DRIVERS if stage.wants(f"serve.export.{form}")]
    if not forms:
        return
    try:
        rows = table_of(stage, _DATASET, "building").rows
    except NotFoundError:
        rows = load_buildings(stage).rows
        stage.settle()
    large = stage.geopackage(make_buildings(stage.rows(_LARGE_ROWS)))
    stage.load(large, _LARGE)
    large.unlink()
    stage.leave_unbuilt(_DATASET, _LARGE)
    port = free_port()
    with running(ours(stage, port, caching=True), port, stage.folder / "export.log") as server:
        time.sleep(_WARM_S)
        with PeakMemory(server.pid) as idle:
            time.sleep(1)
        for form in forms:
            say(f"serve.export.{form}")
            yield _outcome(stage, server, form, rows, _memory(stage, server, form, idle.peak_mib), say)


def _memory(stage: Stage, server: Server, form: str, idle_mib: float) -> str:
    with PeakMemory(server.pid) as memory:
        _ours(server, form, _LARGE)
    return (
        f"While it sent {stage.rows(_LARGE_ROWS):,} buildings, the web process with its worker held {memory.peak_mib:.0f} MiB at its "
        f"highest, {memory.peak_mib - idle_mib:.0f} MiB more than before its first answer."
    )


def _outcome(stage: Stage, server: Server, form: str, rows: int, memory: str, say: Callable[[str], None]) -> Outcome:
    contenders = [
        Contender("citytwin", "ours", lambda: rows / _ours(server, form, _DATASET)),
        Contender("COPY BINARY", "bound", lambda: rows / _copied(stage)),
    ]
    missing = {}
    if _DRIVERS[form] in _drivers():
        contenders.append(Contender("ogr2ogr", "peer", lambda: rows / _ogr2ogr(stage, form)))
    else:
        missing["ogr2ogr"] = f"it has no driver {_DRIVERS[form]}"
    samples = interleave(contenders, ROUNDS, say, warm_up=False)
    roles = {c.name: c.role for c in contenders}
    return Outcome(f"serve.export.{form}", UNIT, rows, "higher", roles, samples, _METHOD.format(form=form, rows=rows), missing, (memory,))


def _ours(server: Server, form: str, dataset: str) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=900)
    started = time.perf_counter()
    connection.request("GET", f"/ogc/collections/{dataset}/items?f={form}&crs=EPSG:{SRID}")
    answer = connection.getresponse()
    if answer.status != http.client.OK:
        raise RuntimeError(f"answered {answer.status}")
    while answer.read(1 << 20):
        pass
    elapsed = time.perf_counter() - started
    connection.close()
    return elapsed


def _columns(stage: Stage) -> tuple[str, ...]:
    kind = stage.city.catalogue.feature_type("building")
    return ("fid", "geom", *kind.field_names, "valid_from", "valid_to")


def _select(stage: Stage) -> sql.Composed:
    table = current_table("building", stage.city.catalogue.dataset(_DATASET).id)
    return sql.SQL("SELECT {} FROM {} ORDER BY fid").format(sql.SQL(", ").join(map(sql.Identifier, _columns(stage))), table)


def _copied(stage: Stage) -> float:
    started = time.perf_counter()
    statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT binary)").format(_select(stage))
    with psycopg.connect(stage.city.database_url) as connection, connection.cursor() as cursor, cursor.copy(statement) as copy:
        for _ in copy:
            pass
    return time.perf_counter() - started


def _drivers() -> str:
    program = shutil.which("ogr2ogr")
    return subprocess.run([program, "--formats"], capture_output=True, text=True, check=True).stdout if program else ""


def _ogr2ogr(stage: Stage, form: str) -> float:
    where = conninfo_to_dict(stage.city.database_url)
    source = "PG:" + " ".join(f"{name}={value}" for name, value in where.items() if name in {"host", "port", "user", "dbname"})
    target = stage.folder / f"peer.{form}"
    target.unlink(missing_ok=True)
    query = _select(stage).as_string(None)
    started = time.perf_counter()
    subprocess.run(["ogr2ogr", "-f", _DRIVERS[form], str(target), source, "-sql", query], check=True, capture_output=True)
    elapsed = time.perf_counter() - started
    target.unlink()
    return elapsed
