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
from bench.workload import SRID
from twin.errors import NotFoundError
from twin.tables import current_table

ROUNDS, UNIT = 3, "features/s"
_DATASET = "served"
_DRIVERS = {"fgb": "FlatGeobuf", "geojsonseq": "GeoJSONSeq", "gpkg": "GPKG", "parquet": "Parquet"}
_METHOD = (
    "All {rows:,} buildings with their properties in the storage CRS, from the request to the last byte. Ours: "
    "`/ogc/collections/{{id}}/items?f={form}` of `twin serve`, one web process, over one connection, unpacked. Peer: ogr2ogr of the "
    "distribution's GDAL, the same columns of the table that we serve, by fid, into a file. Bound: COPY BINARY of the same columns, thrown "
    "away as it comes."
)


def run(stage: Stage, say: Callable[[str], None]) -> Iterator[Outcome]:
    """Measure the files of the dataset ``served``, loaded unless it was before."""
    forms = [form for form in _DRIVERS if stage.wants(f"serve.export.{form}")]
    if not forms:
        return
    try:
        rows = table_of(stage, _DATASET, "building").rows
    except NotFoundError:
        rows = load_buildings(stage).rows
        stage.settle()
    stage.leave_unbuilt(_DATASET)
    port = free_port()
    with running(ours(stage, port, caching=True), port, stage.folder / "export.log") as server:
        for form in forms:
            say(f"serve.export.{form}")
            yield _outcome(stage, server, form, rows, say)


def _outcome(stage: Stage, server: Server, form: str, rows: int, say: Callable[[str], None]) -> Outcome:
    grown: list[float] = []
    contenders = [
        Contender("citytwin", "ours", lambda: rows / _ours(server, form, grown)),
        Contender("COPY BINARY", "bound", lambda: rows / _copied(stage)),
    ]
    missing = {}
    if _DRIVERS[form] in _drivers():
        contenders.append(Contender("ogr2ogr", "peer", lambda: rows / _ogr2ogr(stage, form)))
    else:
        missing["ogr2ogr"] = f"it has no driver {_DRIVERS[form]}"
    samples = interleave(contenders, ROUNDS, say, warm_up=False)
    note = f"The web process with its worker held {max(grown):.0f} MiB more at its highest than before."
    roles = {c.name: c.role for c in contenders}
    return Outcome(f"serve.export.{form}", UNIT, rows, "higher", roles, samples, _METHOD.format(form=form, rows=rows), missing, (note,))


def _ours(server: Server, form: str, grown: list[float]) -> float:
    with PeakMemory(server.pid) as before:
        time.sleep(1)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=900)
    started = time.perf_counter()
    with PeakMemory(server.pid) as during:
        connection.request("GET", f"/ogc/collections/{_DATASET}/items?f={form}&crs=EPSG:{SRID}")
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise RuntimeError(f"answered {answer.status}")
        while answer.read(1 << 20):
            pass
    elapsed = time.perf_counter() - started
    connection.close()
    grown.append(during.peak_mib - before.peak_mib)
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
