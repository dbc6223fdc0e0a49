"""load.cityjson: buildings a second from a CityJSONSeq of real weight to checked staging tables, 3D and documents with them."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
import shapely

from bench.bare_copy import BareTables
from bench.rounds import Contender, Outcome, interleave
from bench.stage import Stage
from ingest.request import PartSpec

NAME = "load.cityjson"
COPIES, ROUNDS, ORIGIN_M, PITCH_MM, KEY = 256, 3, (576_500.0, 3_535_700.0, 0.0), 1_500_000, b"NL.IMBAG.Pand."
_PEER_LINES = 10_176
"""That many lines of the file tell how many a plain reader reads in a second; all of them would take most of the benchmark's time."""
_SOURCE = Path("cityjson-3dbag-delft") / "delft.city.jsonl"
_METHOD = (
    "The {each} buildings of 3DBAG's Delft tile {copies} times: {weight:.1f} kB each, four levels of detail, {faces:.0f} faces. "
    "Ours: the first step of `twin load`, sandboxed child to accepted submission, with all rules for solids, footprints, "
    "every level's faces and the source documents staged; one thread of the child makes bodies of lines, another checks them, a third "
    "compresses documents, and PostgreSQL meanwhile takes in the batch before. Peer: orjson and Shapely, each line parsed and the faces of "
    "its solids made polygons, in one process; nothing checked, nothing stored; it reads the first {read:,} of the file. "
    "Bound: the very rows that we stage, as ready COPY BINARY "
    "bytes, into bare unlogged tables without key or index, compressed as ours are."
)


def run(stage: Stage, say: Callable[[str], None]) -> Outcome:
    """Measure checking the buildings of a city as 3DBAG delivers them: of fewer a good part of the time is the start and the end."""
    path = stage.folder / "buildings.city.jsonl"
    source = _source().read_bytes().splitlines()
    count = write_city(path, COPIES)
    read = min(count, _PEER_LINES)
    parts = (PartSpec(None, "building", "checked_cityjson"),)

    def ours() -> float:
        started = time.perf_counter()
        submission, accepted = stage.check(path, parts)
        elapsed = time.perf_counter() - started
        stage.withdraw(submission)
        if accepted != count:
            raise RuntimeError(f"{accepted} of {count} buildings were accepted")
        return count / elapsed

    submission, _ = stage.check(path, parts)
    bare = BareTables(stage, submission, "bare_cityjson", features_only=False)
    stage.withdraw(submission)
    faces = sum(len(polygons) for polygons in map(_polygons, source[1:])) / (len(source) - 1)
    contenders = [
        Contender("citytwin", "ours", ours),
        Contender("COPY BINARY", "bound", lambda: count / bare.fill_s()),
        Contender(f"orjson {orjson.__version__}, Shapely {shapely.__version__}", "peer", lambda: _parse(path, read)),
    ]
    samples = interleave(contenders, ROUNDS, say, warm_up=False)
    method = _METHOD.format(each=len(source) - 1, copies=COPIES, weight=path.stat().st_size / count / 1000, faces=faces, read=read)
    return Outcome(NAME, "buildings/s", count, "higher", {c.name: c.role for c in contenders}, samples, method, {})


def _source() -> Path:
    """Return the real file; FileNotFoundError where it is not at hand."""
    folder = Path(os.environ.get("TWIN_REAL_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not (folder / _SOURCE).exists():
        raise FileNotFoundError(f"set TWIN_REAL_DATA to the folder of {_SOURCE}")
    return folder / _SOURCE


def write_city(path: Path, copies: int) -> int:
    """Write copies of all features of the real file under keys of their own, beside each other in the benchmark's CRS; return how many."""
    source = _source().read_bytes().splitlines()
    head = orjson.loads(source[0])
    head["transform"]["translate"] = ORIGIN_M
    head["metadata"] = {"referenceSystem": "https://www.opengis.net/def/crs/EPSG/0/4549"}
    with path.open("wb") as file:
        file.write(orjson.dumps(head) + b"\n")
        for copy in range(copies):
            row, column = divmod(copy, 8)
            move = np.array([column * PITCH_MM, row * PITCH_MM, 0])
            for line in source[1:]:
                feature = orjson.loads(line.replace(KEY, KEY + b"%d." % copy))
                feature["vertices"] = (np.array(feature["vertices"]) + move).tolist()
                file.write(orjson.dumps(feature) + b"\n")
    return copies * (len(source) - 1)


def _parse(path: Path, lines: int) -> float:
    """Return how many features a second a plain reader reads, of so many."""
    started = time.perf_counter()
    with path.open("rb") as file:
        for line in itertools.islice(file, 1, 1 + lines):
            _polygons(line)
    return lines / (time.perf_counter() - started)


def _polygons(line: bytes) -> list[shapely.Polygon]:
    """Return the faces of all solids of a feature."""
    feature = orjson.loads(line)
    vertices = np.array(feature["vertices"]) * 0.001
    geometries = [g for o in feature["CityObjects"].values() for g in o.get("geometry", ()) if g["type"] == "Solid"]
    faces = [face for g in geometries for shell in g["boundaries"] for face in shell]
    return [shapely.Polygon(vertices[face[0]], [vertices[ring] for ring in face[1:]]) for face in faces if len(face[0]) > 2]
