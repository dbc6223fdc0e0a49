"""serve.export.*: features a second of a whole dataset as one file over HTTP, against ogr2ogr writing it from PostgreSQL."""

from __future__ import annotations

import http.client
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from bench.process_memory import PeakMemory
from bench.rounds import Contender, Outcome, interleave
from bench.servers import Server, free_port, ours, running
from bench.stage import Stage
from bench.workload import SRID, make_buildings
from twin.tables import current_table

ROWS, ROUNDS, UNIT = 1_000_000, 3, "features/s"
_DATASET = "exported"
_DRIVERS = {"fgb": "FlatGeobuf", "geojsonseq": "GeoJSONSeq", "gpkg": "GPKG", "parquet": "Parquet"}
_METHOD = (
    f"All {ROWS:,} buildings with their properties in the storage CRS, from the request to the last byte. Ours: "
    "`/ogc/collections/{{id}}/items?f={form}` of `twin serve`, one web process, over one connection, unpacked. Peer: ogr2ogr of the "
    "distribution's GDAL, the same columns of the table that we serve, by fid, into a file. Bound: COPY BINARY of the same columns, thrown "
    "away as it comes."
)


def run(stage: Stage, say: Callable[[str], None]) -> list[Outcome]:
    """Measure the files of one dataset, which is loaded first."""
    stage.load(stage.geopackage(make_buildings(ROWS)), _DATASET)
    stage.settle()
    stage.leave_unbuilt(_DATASET)
    with ExitStack() as stack:
        port = free_port()
        recipe = ours(stage, port, caching=True)
        server = stack.enter_context(running(recipe, port, stage.folder / "export.log"))
        return [_outcome(stage, server, form, say) for form in _DRIVERS]


def _outcome(stage: Stage, server: Server, form: str, say: Callable[[str], None]) -> Outcome:
    grown: list[float] = []
    contenders = [
        Contender("citytwin", "ours", lambda: ROWS / _ours(server, form, grown)),
        Contender("COPY BINARY", "bound", lambda: ROWS / _copied(stage)),
    ]
    missing = {}
    if _DRIVERS[form] in _drivers():
        contenders.append(Contender("ogr2ogr", "peer", lambda: ROWS / _ogr2ogr(stage, form)))
    else:
        missing["ogr2ogr"] = f"it has no driver {_DRIVERS[form]}"
    samples = interleave(contenders, ROUNDS, say, warm_up=False)
    note = f"The web process with its worker held {max(grown):.0f} MiB more at its highest than before."
    roles = {c.name: c.role for c in contenders}
    return Outcome(f"serve.export.{form}", UNIT, ROWS, "higher", roles, samples, _METHOD.format(form=form), missing, (note,))


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
