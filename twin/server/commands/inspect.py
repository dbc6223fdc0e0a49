"""`twin inspect`: what is this file? Without a server, and without a city."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from ingest.confirmed_reading import memory_of
from ingest.main_files import main_files
from ingest.proposals import TABLES, Memory, Proposal, nothing_remembered, placed, propose
from ingest.sandbox import inspect_file
from ingest.understanding.area import deployment_area
from ingest.understanding.evidence import Evidence
from ingest.understanding.layer import Surroundings
from ingest.warm_template import Template
from twin.crs import add_grid_directories
from twin.errors import Text, TwinError
from twin.featuretypes.loader import load_feature_types
from twin.model import Dataset, FeatureType
from twin.server.city import open_city
from twin.server.city_file import read_city_file
from twin.server.commands.load import existing
from twin.server.inspection import INSPECTION
from twin.server.proposal_documents import Json, proposal_document, unread_document
from twin.server.scratch_city import has_city, scratch_folder
from twin.server.settings import Settings
from twin.server.surroundings import surroundings
from twin.server.terminal import Terminal

_WIDTH = 12


def inspect(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> int:
    """Say of every layer what it is, how it is to be read, and why; 1 when none of the files can be read."""
    files = [existing(path) for path in options.files]
    add_grid_directories(settings.proj_data_dirs)
    types = load_feature_types(settings.feature_type_folder)
    datasets: Sequence[Dataset] = ()
    around = Surroundings()
    memory: Memory = nothing_remembered
    documents: list[Json] = []
    problems: list[TwinError] = []
    with ExitStack() as stack:
        template = stack.enter_context(Template())
        if options.city is not None:
            city_file = read_city_file(options.city)
            around = Surroundings(deployment_area(city_file.storage_srid, city_file.extent_deg))
        elif has_city(settings):
            city = stack.enter_context(open_city(settings, template=template))
            around, memory = surroundings(city), memory_of(city.pool, settings.actor)
            types, datasets = dict(city.catalogue.feature_types()), city.catalogue.datasets()
        work = settings.work_folder if has_city(settings) else stack.enter_context(scratch_folder())
        found: list[Proposal] = []
        for path in main_files(files):
            try:
                found += propose(path.name, inspect_file(path, INSPECTION, work, template), types, datasets, around, memory)
            except TwinError as error:
                if error.status >= 500:
                    raise
                problems.append(error)
                documents.append(unread_document(path.name, error))
                terminal.print(f"{path.name}: {error.text.in_language(terminal.language)} [{error.code}]")
        for proposal in placed(found):
            documents.append(proposal_document(proposal, types))
            for line in described(proposal, types, terminal.language):
                terminal.print(line)
    names = [path.name for path in files]
    terminal.result({"layers": sorted(documents, key=lambda document: names.index(str(document["file"])))})
    return 1 if problems and len(problems) == len(documents) else 0


def described(p: Proposal, types: dict[str, FeatureType], language: str) -> Iterator[str]:
    """Yield the lines that tell a person of one layer."""
    rows = "" if p.rows is None else f" × {p.rows:,}"
    say = _Words(language)
    shape = p.geometry or (say("表", "table") if p.format in TABLES else say("要素", "features"))
    yield f"{p.file}  {p.layer}  ({p.format}, {shape}, {len(p.columns)} {say('列', 'columns')}{rows})"
    best = p.guesses[0] if p.guesses else None
    if best is None:
        yield _line(say("类型", "type"), "?", None, Text("未识别，请用 --type 说明", "looks like nothing known: say --type"), language)
    else:
        title = types[best.feature_type].title.in_language(language)
        yield _line(say("类型", "type"), f"{best.feature_type} {title}", best.confidence, best.evidence, language)
    u = p.understanding
    aspects = (u.crs, u.axes, u.encoding, u.vertical)
    named = zip((say("坐标系", "CRS"), say("轴序", "axes"), say("编码", "encoding"), say("高程", "heights")), aspects, strict=True)
    for name, evidence in named:
        if evidence is not None:
            yield _line(name, evidence.value or "?", evidence.confidence, evidence.text, language, evidence)
    for evidence in u.units:
        name = say("分类", "codes") if evidence.aspect == "codes" else say("单位", "unit")
        yield _line(name, f"{evidence.subject}: {evidence.value}", evidence.confidence, evidence.text, language, evidence)
    if best is None:
        if p.columns:
            yield f"  {_padded(say('各列', 'columns'))}  {', '.join(p.columns)}"
        return
    for evidence in (*best.columns, *best.hints):
        arrow = "→" if evidence in best.columns else "⇢?"
        yield _line(say("列", "column"), f"{evidence.subject} {arrow} {evidence.value}", evidence.confidence, evidence.text, language)
    left = [c for c in p.columns if c not in best.mapping]
    if left:
        yield f"  {_padded(say('其余', 'others'))}  {', '.join(left)}"


class _Words:
    """Chooses between two languages."""

    def __init__(self, language: str) -> None:
        self._language = language

    def __call__(self, zh: str, en: str) -> str:
        return Text(zh, en).in_language(self._language)


def _line(name: str, value: str, confidence: float | None, text: Text, language: str, evidence: Evidence | None = None) -> str:
    mark = "!" if evidence is not None and (evidence.gainsays or evidence.code is not None) else " "
    share = "      " if confidence is None else f"{confidence:>5.0%} "
    return f"{mark} {_padded(name)}{share} {value}  — {text.in_language(language)}"


def _padded(name: str) -> str:
    """Return a name padded for a terminal, where Chinese characters are two columns wide."""
    return name + " " * max(1, _WIDTH - sum(2 if c > "\u2e7f" else 1 for c in name))
