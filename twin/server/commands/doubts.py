"""Doubts about files, on the terminal: looked for before anything is loaded, and told with the option that answers each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ingest.looked_into import KnownLayer, questions
from ingest.main_files import main_files
from ingest.proposals import Proposal, placed, propose
from ingest.request import LoadRequest
from ingest.sandbox import inspect_file
from ingest.understanding.evidence import Evidence
from ingest.understanding.heights import ELLIPSOIDAL
from ingest.understanding.layer import Surroundings
from twin.errors import RejectedError, TwinError
from twin.server.city import City
from twin.server.inspection import INSPECTION
from twin.server.terminal import Terminal

ACCEPT = "--accept-doubts"


def proposals_of(city: City, files: Sequence[Path], around: Surroundings, unread: list[TwinError] | None = None) -> list[Proposal]:
    """Return what the files are held for; why one cannot be looked into goes to ``unread``, and the check itself says it."""
    types, datasets = city.catalogue.feature_types(), city.catalogue.datasets()
    found: list[Proposal] = []
    for path in main_files(files):
        try:
            info = inspect_file(path, INSPECTION, city.settings.work_folder, city.template)
            found += propose(path.name, info, types, datasets, around)
        except TwinError as error:
            if error.status >= 500:
                raise
            if unread is not None:
                unread.append(error)
    return placed(found)


def known_layer(p: Proposal) -> KnownLayer:
    """Return what was understood of the layer of a proposal."""
    return KnownLayer(p.file, p.layer, p.guesses[0].feature_type if p.guesses else None, p.understanding)


def require_answers(request: LoadRequest, layers: Sequence[KnownLayer], terminal: Terminal) -> None:
    """Tell the doubts that a request does not answer; RejectedError ``doubts-unanswered`` unless a person at the terminal lets them be.

    A CRS that nobody declares is told and not asked about: without one the load refuses the file by itself.
    """
    asked = [q for part in request.parts for q in questions(part, layers, request.crs, request.vertical)]
    for known, rule, evidence in asked:
        where, option = f"{known.file} {known.layer}", _option(rule, evidence)
        terminal.say(f"  [{rule}] {where}：{evidence.text.zh}  → {option}", f"  [{rule}] {where}: {evidence.text.en}  → {option}")
    open_questions = [rule for _, rule, _ in asked if rule != "crs-undeclared"]
    if open_questions and not terminal.confirm("仍按文件所述导入？", "Load the files as they say all the same?"):
        raise RejectedError(
            f"{len(open_questions)} doubts about the files are not answered: give the options named above, or {ACCEPT} to load as they say",
            zh=f"文件有 {len(open_questions)} 处存疑未确认：请给出上列选项，或用 {ACCEPT} 按文件所述导入",
        ).with_code("doubts-unanswered")


def _option(rule: str, evidence: Evidence) -> str:
    """Return the option that answers a doubt, with what is proposed."""
    match rule:
        case "axes-doubtful":
            return f"--axes {evidence.value}"
        case "encoding-doubtful":
            return f"--encoding {evidence.value}"
        case "degrees-packed":
            return ACCEPT
        case "unit-doubtful":
            return f"--unit {evidence.subject}={evidence.value}"
        case "codes-doubtful":
            return f"--unit {evidence.subject}={evidence.value} | --unit {evidence.subject}={evidence.stated}"
        case "vertical-doubtful" if evidence.value == ELLIPSOIDAL:
            return f"--vertical {ELLIPSOIDAL}"
        case "vertical-doubtful":
            return f"--height-offset {evidence.value if evidence.aspect == 'height-offset' else 'M'}"
        case _:
            return f"--crs {evidence.value or 'EPSG:n'}"
