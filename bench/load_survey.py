"""load.survey: seconds from the files that a surveyor hands over to all that is told of them, every rule over networks among it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.bare_copy import BareTables
from bench.ogr2ogr import MISSING, Layers, find_ogr2ogr, load_s
from bench.pipes import LINES, POINTS, PipeSurvey
from bench.rounds import Contender, Outcome, interleave
from bench.stage import Stage
from bench.survey_files import LINE_TABLE, POINT_TABLE, make_survey, write_geopackage, write_texts, write_workbook
from bench.workload import SRID
from ingest.request import PartSpec

NAME, ROUNDS, MOST_S = "load.survey", 3, 15
_ROWS = 100_000
_METHOD = (
    "A survey of sewers, {rows:,} points and lines, as {form}; {faults:,} lines end at a point that is not there, and are told and left "
    "out. Ours: the first of the two steps of `twin load`, from the call to the accepted submission with its findings: sandboxed child, "
    "mapping, places of lines by the names of their points, all rules over rows and networks, staging, indexes, comparison; "
    "{most} s are what it may take. Bound: the very rows that we stage, as ready COPY BINARY bytes, into bare unlogged tables. {peer}"
)
_PEER = (
    "Peer: `ogr2ogr` with PG_USE_COPY, the cells of both tables into unlogged tables of texts: no "
    "header of two rows understood, no geometry, no checks."
)


@dataclass(frozen=True, slots=True)
class Form:
    """One kind of file that a survey comes as."""

    name: str
    rows: int
    file: str
    said: str
    write: Callable[[PipeSurvey, Path], None]
    layers: tuple[str, str] = (POINT_TABLE, LINE_TABLE)
    has_peer: bool = False


FORMS = (
    Form(NAME, _ROWS, "survey.xlsx", "one workbook with titles and merged headers", write_workbook, has_peer=True),
    Form(f"{NAME}_200k", 2 * _ROWS, "survey_200k.xlsx", "one workbook with titles and merged headers", write_workbook, has_peer=True),
    Form(f"{NAME}_csv", _ROWS, "survey.zip", "a ZIP of two CSV in GB18030", write_texts),
    Form(f"{NAME}_geopackage", _ROWS, "survey.gpkg", "a GeoPackage of two layers", write_geopackage, (POINTS, LINES)),
)
"""From the one that a surveyor is likeliest to hand over."""
NAMES = tuple(form.name for form in FORMS)


def run(stage: Stage, say: Callable[[str], None]) -> Iterator[Outcome]:
    """Measure checking a survey in each kind of file that is asked for."""
    for form in FORMS:
        if stage.wants(form.name):
            yield _measured(stage, say, form)


def _measured(stage: Stage, say: Callable[[str], None], form: Form) -> Outcome:
    survey, faults = make_survey(form.rows)
    path = stage.folder / form.file
    form.write(survey, path)
    points, lines = form.layers
    parts = (PartSpec(points, "pipe_node", "surveyed_nodes"), PartSpec(lines, "pipe_segment", "surveyed_segments"))

    def ours() -> float:
        started = time.perf_counter()
        submission, accepted = stage.check(path, parts, crs=f"EPSG:{SRID}")
        elapsed = time.perf_counter() - started
        stage.withdraw(submission)
        if accepted != survey.rows - faults:
            raise RuntimeError(f"{accepted} of {survey.rows} rows were accepted, {faults} are wrong")
        return elapsed

    submission, _ = stage.check(path, parts, crs=f"EPSG:{SRID}")
    bare = BareTables(stage, submission, "bare_survey")
    stage.withdraw(submission)
    contenders = [Contender("citytwin", "ours", ours), Contender("COPY BINARY", "bound", bare.fill_s)]
    missing: Mapping[str, str] = {}
    if form.has_peer:
        layers: Layers = ((points, None), (lines, None))
        if found := find_ogr2ogr():
            contenders.append(Contender(found[1], "peer", lambda: load_s(stage, found[0], path, layers, survey.rows)))
        else:
            missing = MISSING
    samples = interleave(contenders, ROUNDS, say, warm_up=False)
    peer = _PEER if form.has_peer else ""
    method = _METHOD.format(rows=survey.rows, form=form.said, faults=faults, most=MOST_S, peer=peer).rstrip()
    return Outcome(form.name, "s", survey.rows, "lower", {c.name: c.role for c in contenders}, samples, method, missing)
