"""`twin load`."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ingest.load import LoadResult
from ingest.looked_into import with_doubts
from ingest.request import LoadRequest, PartSpec
from ingest.staging import Mode
from twin.catalogue import check_slug
from twin.errors import BadRequestError, Text
from twin.server.assets import build_missing, expect_to_build
from twin.server.city import City, open_city
from twin.server.commands.doubts import known_layer, proposals_of, require_answers
from twin.server.loading import area_wkb, load_files
from twin.server.settings import Settings
from twin.server.surroundings import surroundings
from twin.server.terminal import Terminal

_PART = re.compile(r"(?P<layer>.+)=(?P<type>[a-z][a-z0-9_]*):(?P<dataset>[a-z][a-z0-9_]*)")


def load(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> int:
    """Load and publish files; then build what changed.

    Doubts about how they are to be read are told first: they are answered by options, or let be by whoever is asked, or nothing is loaded.
    """
    with open_city(settings) as city:
        expect_to_build(city)
        request = _load_request(city, settings, options)
        layers = [known_layer(p) for p in proposals_of(city, request.files, surroundings(city))]
        if not options.accept_doubts:
            require_answers(request, layers, terminal)
        request = replace(request, parts=tuple(with_doubts(p, layers, request.crs, request.vertical) for p in request.parts))
        result = load_files(city, request, terminal.progress, terminal.step)
        _say_loaded(result, terminal)
        problem = build_missing(city, terminal.progress, only=result.datasets)
    if problem is not None:  # the data is published all the same; the server's worker tries again
        terminal.say(problem.text.zh, problem.text.en)
    terminal.result(load_document(result))
    return 0


def load_document(result: LoadResult) -> dict[str, object]:
    """Return what `load --json` prints as its last line."""
    return {
        "published": result.published,
        "unchanged": result.unchanged,
        "rejected": result.rejected,
        "deleted": result.deleted,
        "read": result.read,
        "datasets": result.datasets,
        "commit": result.commit,
        "findings": result.findings,
        "submission": str(result.submission),
    }


def _say_loaded(result: LoadResult, terminal: Terminal) -> None:
    commit = f"提交 {result.commit}" if result.commit else "没有变化，未产生新提交"
    commit_en = f"commit {result.commit}" if result.commit else "nothing changed, no commit"
    terminal.say(
        f"发布 {result.published}，未变 {result.unchanged}，拒收 {result.rejected}，删除 {result.deleted}（{commit}）",
        f"{result.published} published, {result.unchanged} unchanged, {result.rejected} rejected, {result.deleted} deleted ({commit_en})",
    )
    for rule, count in sorted(result.findings.items()):
        terminal.say(f"  {rule}：{count}", f"  {rule}: {count}")


def _load_request(city: City, settings: Settings, options: argparse.Namespace) -> LoadRequest:
    files = tuple(existing(f) for f in options.files)
    area: Path | None = getattr(options, "area", None)
    mode: Mode = getattr(options, "mode", "replace")
    if (area is None) == (mode == "area"):
        raise BadRequestError("--mode area and --area FILE go together", zh="--mode area 与 --area FILE 必须同时使用")
    title = getattr(options, "title", None)
    return LoadRequest(
        files=files,
        parts=tuple(declared(p, options) for p in part_specs(options.part, options.type, options.dataset, options.layer)),
        mode=mode,
        crs=declared_crs(options.crs),
        vertical=options.vertical,
        area_wkb=area_wkb(city, existing(area)) if area else None,
        allow_deletes=getattr(options, "allow_deletes", False),
        max_rejected=options.max_rejected,
        actor=settings.actor,
        reason=getattr(options, "reason", ""),
        name=getattr(options, "name", None),
        title=Text(title, title) if title else None,
    )


def part_specs(given: Sequence[str], feature_type: str | None, dataset: str | None, layer: str | None) -> tuple[PartSpec, ...]:
    """Return what ``--part``, or ``--type`` and its kin, ask for; BadRequestError when they do not go together or are not well-formed."""
    if given and (feature_type or dataset or layer):
        raise BadRequestError("say either --part or --type and --dataset", zh="--part 与 --type/--dataset 只能用一种")
    if not given:
        if not feature_type:
            raise BadRequestError(
                "say what it is: --type T --dataset ID, or --part SHEET=TYPE:DATASET",
                zh="请说明类型：--type T --dataset ID，或 --part 表=类型:数据集",
            )
        return (PartSpec(layer, feature_type, check_slug(dataset or feature_type)),)
    parts: list[PartSpec] = []
    for text in given:
        match = _PART.fullmatch(text)
        if match is None:
            raise BadRequestError(f"--part is SHEET=TYPE:DATASET, not {text!r}", zh=f"--part 的形式是 表=类型:数据集，不是 {text!r}")
        parts.append(PartSpec(match["layer"], match["type"], check_slug(match["dataset"])))
    return tuple(parts)


def declared(part: PartSpec, options: argparse.Namespace) -> PartSpec:
    """Return a part as ``--axes``, ``--unit`` and their kin declare it; BadRequestError when they are not well-formed."""
    reading = replace(
        part.reading,
        axes=options.axes,
        up=options.up,
        height_offset_m=options.height_offset,
        priority=options.priority,
        encoding=options.encoding,
        units=_pairs(options.unit, "--unit COLUMN=UNIT"),
        mapping=_pairs(options.map, "--map COLUMN=FIELD"),
    )
    return replace(part, reading=reading)


def _pairs(given: Sequence[str], form: str) -> tuple[tuple[str, str], ...]:
    """Return what stands before and after the last ``=`` of each; what stands after may be empty."""
    wrong = next((text for text in given if not text.partition("=")[0] or "=" not in text), None)
    if wrong is not None:
        raise BadRequestError(f"it is {form}, not {wrong!r}", zh=f"应为 {form}，不是 {wrong!r}")
    return tuple((column, value) for column, _, value in (text.rpartition("=") for text in given))


def declared_crs(text: str | None) -> str | None:
    """Return a declared CRS; a file that defines it is named by its whole path, for the child that reads it stands elsewhere."""
    return str(Path(text).absolute()) if text and Path(text).is_file() else text


def existing(path: Path) -> Path:
    """Return a file's whole path; BadRequestError ``no-such-file`` when it is none, ``geodatabase-folder`` for a geodatabase as it lies."""
    if path.is_dir() and path.suffix.casefold() == ".gdb":
        raise BadRequestError(
            f"{path} is a folder, as geodatabases are: hand it in as a ZIP", zh=f"{path} 是文件夹（文件地理数据库），请打包成 ZIP 后提交"
        ).with_code("geodatabase-folder")
    if not path.is_file():
        raise BadRequestError(f"there is no file {path}", zh=f"没有文件 {path}").with_code("no-such-file")
    return path.absolute()
