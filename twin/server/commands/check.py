"""`twin check`: what is wrong in files. Against the city of the data folder, or without any."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from ingest.load import CheckResult
from ingest.load import check as check_files
from ingest.looked_into import KnownLayer, layer_of, with_doubts
from ingest.proposals import Proposal, dataset_for
from ingest.refusals import crs_undeclared
from ingest.reports import CheckReport, write_reports
from ingest.request import LoadRequest, PartSpec
from ingest.understanding.evidence import LIKELY
from ingest.understanding.layer import Surroundings
from twin.catalogue import check_slug
from twin.errors import BadRequestError, RejectedError, Text, TwinError, UnavailableError
from twin.model import Dataset, Finding
from twin.server.check_reports import counts_by_rule, report_of_check
from twin.server.city_file import read_city_file
from twin.server.commands.doubts import known_layer, proposals_of
from twin.server.commands.load import declared, declared_crs, existing, part_specs
from twin.server.loading import workplace
from twin.server.scratch_city import city_or_scratch, has_city
from twin.server.settings import Settings
from twin.server.surroundings import surroundings
from twin.server.terminal import Terminal

_SHOWN = 20
_NAMED = 5
"""Layers that a refusal names."""


def check(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> int:
    """Check files and publish nothing; 1 when a load would reject the file as a whole, 0 with whatever findings otherwise.

    Without a city a throwaway database is made. A CRS that nobody declares is told from the numbers for the check alone: the findings
    are then as useful, and the answer is 1 all the same. That publishing would delete much is said and is no fault of the file.
    """
    files = tuple(existing(f) for f in options.files)
    crs = declared_crs(options.crs)
    city_file = None if options.city is None else read_city_file(options.city)
    with city_or_scratch(settings, city_file, files, crs, terminal) as city:
        around = Surroundings() if city_file is None and not has_city(settings) else surroundings(city)
        unread: list[TwinError] = []
        proposals = proposals_of(city, files, around, unread)
        if unread and not proposals:
            raise unread[0]
        layers = [known_layer(p) for p in proposals]
        parts = [declared(p, options) for p in _parts(options, proposals, layers, city.catalogue.datasets())]
        request = LoadRequest(
            files=files,
            parts=tuple(_understood(p, layers, crs, options.vertical) for p in parts),
            crs=crs,
            vertical=options.vertical,
            max_rejected=options.max_rejected,
            actor=settings.actor,
        )
        result, deletes = _without_deletes(check_files(workplace(city, terminal.progress, terminal.step), request))
        result = _with_doubt(result)
        _say(result, deletes, terminal)
        if options.report:
            write_what_can_be(options.report, report_of_check(city, request, result), terminal, itertools.chain(*result.further))
    terminal.result(
        {
            "read": result.read,
            "rejected": result.rejected,
            "findings": {rule: found.count for rule, found in sorted(counts_by_rule(result).items())},
            "datasets": result.datasets,
            "needs_allow_deletes": deletes is not None,
            "sources": list(result.sources),
        }
    )
    return 0 if result.refusal is None else 1


def write_what_can_be(directory: Path, report: CheckReport, terminal: Terminal, further: Iterable[Finding] = ()) -> None:
    """Write the reports into a folder, ``further`` findings into their table.

    On a machine without a font for it the sheet is left out, and that is said.
    """
    try:
        write_reports(directory, report, further)
    except UnavailableError as error:
        if error.code != "font-missing":
            raise
        terminal.say(f"未生成验收单 PDF：{error.text.zh}", f"the acceptance sheet (PDF) is not written: {error.text.en}")


def _parts(
    options: argparse.Namespace, proposals: Sequence[Proposal], layers: Sequence[KnownLayer], datasets: Sequence[Dataset]
) -> tuple[PartSpec, ...]:
    """Return what was asked for, else every layer as what it is likely to be; held against the dataset that it would go into."""
    if options.type or options.part:
        own = _dataset_of(options.type, options.layer, layers, datasets) if options.type else None
        return part_specs(options.part, options.type, options.dataset or own, options.layer)
    likely = [p for p in proposals if p.guesses and p.guesses[0].confidence >= LIKELY and options.layer in (None, p.layer)]
    if not likely:
        raise _unknown([p for p in proposals if options.layer in (None, p.layer)])
    return tuple(PartSpec(p.layer, p.guesses[0].feature_type, check_slug(p.dataset or p.guesses[0].feature_type), p.file) for p in likely)


def _unknown(proposals: Sequence[Proposal]) -> BadRequestError:
    """Return the error of layers of which nobody can tell what they are, with the best guess of a single one."""
    layers = dict.fromkeys(p.layer or p.file for p in proposals)
    named, more = list(layers)[:_NAMED], len(layers) > _NAMED
    if len(named) == 1 and (best := next((p.guesses[0] for p in proposals if p.guesses), None)) is not None:
        guess = f"--type {best.feature_type}"
        en = f"what {named[0]} is cannot be told for sure: say --type; perhaps {guess} ({best.confidence:.0%})"
        return BadRequestError(en, zh=f"无法确定“{named[0]}”是什么，请用 --type 说明；可能是 {guess}（{best.confidence:.0%}）")
    if len(named) == 1:
        return BadRequestError(f"what {named[0]} is cannot be told: say --type", zh=f"无法判断“{named[0]}”是什么，请用 --type 说明")
    en = f"what the layers are cannot be told ({', '.join(named)}{' …' if more else ''}): say --type and --layer"
    zh = f"无法判断各图层是什么（{'、'.join(named)}{'……' if more else ''}），请用 --type 和 --layer 说明"
    return BadRequestError(en, zh=zh)


def _dataset_of(feature_type: str, layer: str | None, layers: Sequence[KnownLayer], datasets: Sequence[Dataset]) -> str:
    """Return the dataset that the page would propose for a type: by the name of the layer that is read, be it asked for or the only one."""
    known = layer_of(PartSpec(layer, feature_type, feature_type), layers)
    return dataset_for(feature_type, (layer or "") if known is None else known.layer, datasets)


def _understood(part: PartSpec, layers: Sequence[KnownLayer], crs: str | None, vertical: str | None) -> PartSpec:
    """Return a part with the doubts about its layer, and in the CRS that its numbers tell where nobody declares one."""
    known = layer_of(part, layers)
    told = None if known is None else known.understanding.crs
    is_told = crs is None and told is not None and told.stated is None
    doubted = with_doubts(part, layers, crs, vertical)
    return replace(doubted, reading=replace(doubted.reading, crs=told.value if is_told and told is not None else None))


def _with_doubt(result: CheckResult) -> CheckResult:
    """Return the result as that of files that are refused, where their CRS is only told from their numbers."""
    told = next((f for f in result.findings if f.rule == "crs-undeclared"), None)
    if told is None or result.refusal is not None:
        return result
    refusal = crs_undeclared(told.layer)
    return replace(result, refusal=refusal if isinstance(refusal, RejectedError) else None)


def _without_deletes(result: CheckResult) -> tuple[CheckResult, Text | None]:
    """Return the result as that of its rows alone, and what publishing it would delete where that has to be allowed."""
    if result.refusal is None or result.refusal.code != "many-deletes":
        return result, None
    return replace(result, refusal=None), result.refusal.text


def _say(result: CheckResult, deletes: Text | None, terminal: Terminal) -> None:
    for finding in result.findings[:_SHOWN]:
        where = f"{finding.layer or ''} {'' if finding.row is None else finding.row}".strip()
        terminal.say(
            f"  [{finding.severity}] {finding.rule} {where}：{finding.message.zh}",
            f"  [{finding.severity}] {finding.rule} {where}: {finding.message.en}",
        )
    if len(result.findings) > _SHOWN:
        terminal.say(f"  … 共 {len(result.findings)} 条", f"  … {len(result.findings)} in all")
    terminal.say(f"读取 {result.read}，拒收 {result.rejected}", f"{result.read} read, {result.rejected} would be rejected")
    for slug, counts in result.datasets.items():
        terminal.say(
            f"  {slug}：新增 {counts['insert']}，更新 {counts['update']}，未变 {counts['unchanged']}，删除 {counts['delete']}",
            f"  {slug}: {counts['insert']} new, {counts['update']} changed, {counts['unchanged']} unchanged, {counts['delete']} deleted",
        )
    if deletes is not None:
        terminal.say(deletes.zh, deletes.en)
    if result.refusal is not None:
        terminal.say(f"整个文件将被拒收：{result.refusal.text.zh}", f"the file as a whole would be rejected: {result.refusal.text.en}")
