"""Cases of what reading and matching say: files of a broken structure, and surveys that follow one another."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import shapely
from integration.surveys import ORIGIN, Parts, Row
from rules.case import Case
from rules.rows import TYPES
from rules.staged import City

from ingest.ends_elsewhere import NOT_ELSEWHERE, EndsElsewhere, PublishedPoint
from ingest.load import check
from ingest.protocol import PartBatch, PartHeader, PartRequest, ReadRequest
from ingest.readers.choice import choose_reader
from ingest.reading import read_parts
from tests.textured_city import SOUTH, cityjson, textured_zip
from twin.model import Finding

X, Y = ORIGIN


@dataclass(frozen=True)
class Surveyed:
    """Rows that come in after others were published."""

    parts: Parts
    before: Parts | None = None
    options: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class EndsOf:
    """A table with one line between published points, the second of a dataset in which no line ended before; "" for none such."""

    doubtful: str


@dataclass(frozen=True)
class Textured:
    """Two houses, the second with a picture of this name on its wall; there is one called wall."""

    picture: str


def document(geometry: object, *, kind: str = "Feature") -> str:
    member = {"type": kind, "properties": {"road_id": "r1"}, "geometry": geometry}
    return json.dumps({"type": "FeatureCollection", "features": [member]})


def road(key: str | None, x: float, *, rejected: bool = False, extra: str | None = None) -> Row:
    line = shapely.LineString([(X + x, Y), (X + x + 10, Y)])
    return Row(line, {"road_id": key}, rejected=rejected, extra=extra)


def parts(name: str, *rows: Row, of: str = "road") -> Parts:
    return {f"cases_{name}": (of, list(rows))}


def segment(dataset: str, **nodes: Sequence[Row]) -> Parts:
    line = shapely.LineString([(X, Y, 3.0), (X + 10, Y, 2.9)])
    fields = {"segment_id": "a-b", "start_node": "a", "end_node": "b", "kind": "YS", "outer_diameter_mm": 300.0}
    return {dataset: ("pipe_segment", [Row(line, fields)])} | {name: ("pipe_node", rows) for name, rows in nodes.items()}


def node(key: str, x: float) -> Row:
    return Row(shapely.Point(X + x, Y, 5.0), {"node_id": key, "kind": "YS", "depth_m": 2.0})


LINE = {"type": "LineString", "coordinates": [[119.974, 31.811], [119.975, 31.811]]}
KML = (
    '<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Folder><name>roads</name><Placemark><name>r1</name>'
    "<LineString><coordinates>119.974,31.811 119.975,31.811</coordinates></LineString></Placemark></Folder></Document></kml>"
)
DELETED = '{"op": "delete"}'

CASES = (
    Case("structure", document(LINE, kind="Future"), document(LINE)),
    Case("geometry-structure", document({"type": "LineString", "coordinates": [[119.9], [119.8]]}), document(LINE)),
    Case("reading", KML, document(LINE)),
    Case("texture", Textured("gone"), Textured("wall")),
    Case("end-elsewhere", EndsOf("others"), EndsOf("")),
    Case(
        "natural-key",
        Surveyed(parts("keyless", road(None, 0)), parts("keyless", road(None, 0))),
        Surveyed(parts("keyed", road("r1", 0)), parts("keyed", road("r1", 0))),
    ),
    Case(
        "kept",
        Surveyed(parts("kept", road("r1", 0, rejected=True), road("r2", 9)), parts("kept", road("r1", 0), road("r2", 9))),
        Surveyed(parts("replaced", road("r1", 0), road("r2", 9)), parts("replaced", road("r1", 0), road("r2", 9))),
    ),
    Case(
        "delete-unknown",
        Surveyed(parts("gone", road("r9", 0, extra=DELETED)), parts("gone", road("r1", 0)), {"mode": "delta"}),
        Surveyed(parts("there", road("r1", 0, extra=DELETED)), parts("there", road("r1", 0), road("r2", 9)), {"mode": "delta"}),
    ),
    Case(
        "not-checked",
        Surveyed(segment("cases_lone_pipes")),
        Surveyed(segment("cases_pipes", cases_nodes=[node("a", 0), node("b", 10)])),
    ),
)


def findings(_rule: str, given: object, city: Callable[[], City]) -> Sequence[Finding]:
    """Read the file, or check the survey after what was published before."""
    with tempfile.TemporaryDirectory() as folder:
        if isinstance(given, Textured):
            return _of_file(_houses(Path(folder) / "houses.zip", given.picture), "building")
        if isinstance(given, EndsOf):
            path = Path(folder) / "管线.csv"
            path.write_text("管线编号,起点点号,终点点号,管类\nL1,W1,W2,污水\n", "utf-8")
            points = (PublishedPoint("W1", X, Y, 5.0), PublishedPoint("W2", X + 9, Y, 5.0, given.doubtful))
            return _of_file(path, "pipe_segment", EndsElsewhere(points=points))
        if isinstance(given, str):
            path = Path(folder) / "roads.geojson"
            path.write_text(given, "utf-8")
            return _of_file(path, "road")
    return _of_survey(given, city().surveys)


def _houses(path: Path, picture: str) -> Path:
    houses = cityjson()
    houses["appearance"]["textures"].append({"type": "PNG", "image": f"appearance/{picture}.png"})
    houses["CityObjects"]["house-1"]["geometry"][0]["texture"]["summer"]["values"][0][SOUTH][0][0] = 1
    return textured_zip(path, houses)


def _of_file(path: Path, kind: str, ends: EndsElsewhere = NOT_ELSEWHERE) -> Sequence[Finding]:
    request = ReadRequest(path, (PartRequest(None, TYPES[kind], kind),), storage_srid=4549, ends=ends)
    messages = list(read_parts(choose_reader(request), request))
    return [f for m in messages if isinstance(m, PartHeader | PartBatch) for f in m.findings]


def _of_survey(given: Surveyed, surveys: object) -> Sequence[Finding]:
    if given.before is not None:
        surveys.load(given.before)
    return check(surveys.place(given.parts), surveys.request(given.parts, **given.options)).findings
