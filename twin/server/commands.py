"""What the commands do. Each takes the settings, its options and the terminal, and returns an exit code (None is 0)."""

from __future__ import annotations

import argparse
import datetime as dt
import re
from collections.abc import Sequence
from pathlib import Path

import sample_city as generator
from ingest.load import LoadRequest, LoadResult, PartSpec
from ingest.load import check as check_files
from ingest.rollback import rollback as roll_back
from twin.catalogue import asset_kind, check_slug
from twin.errors import BadRequestError, RejectedError, Text
from twin.server import demo as demo_city
from twin.server import reports
from twin.server.city import City, make_city, open_city
from twin.server.city_file import read_city_file
from twin.server.exports import export_dataset
from twin.server.jobs import build_missing, end_with_parent, run_worker
from twin.server.scene import VARIANT
from twin.server.serving import serve_city
from twin.server.settings import Settings
from twin.server.terminal import Terminal
from twin.server.warming import warm_kernels

_PART = re.compile(r"(?P<layer>.+)=(?P<type>[a-z][a-z0-9_]*):(?P<dataset>[a-z][a-z0-9_]*)")


def init(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> None:
    """Make the deployment of a city.yaml."""
    city_file = read_city_file(options.city)
    deployment = make_city(settings, city_file)
    if options.city.absolute() != settings.city_file:
        settings.city_file.write_text(options.city.read_text(encoding="utf-8"), encoding="utf-8")
    d, folder = deployment, settings.data_dir
    accuracy = "?" if deployment.geocentric_accuracy_m is None else f"{deployment.geocentric_accuracy_m:g} m"
    terminal.say(
        f"已建立城市“{d.name}”：EPSG:{d.storage_srid}，高程 {d.vertical}，转换“{d.geocentric_operation}”（{accuracy}），数据目录 {folder}",
        f"made the city {d.name}: EPSG:{d.storage_srid}, vertical {d.vertical},"
        f" operation {d.geocentric_operation!r} ({accuracy}), data in {folder}",
    )
    terminal.result(
        {
            "name": deployment.name,
            "storage_crs": f"EPSG:{deployment.storage_srid}",
            "vertical": deployment.vertical,
            "operation": deployment.geocentric_operation,
            "accuracy_m": deployment.geocentric_accuracy_m,
            "oid_root": deployment.oid_root,
        }
    )


def demo(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> int:
    """Make, load, build and serve a city to look at."""
    return demo_city.run(settings, options.city, terminal, explicit_folder=options.data_dir is not None, check=options.check)


def serve(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> int:
    """Serve the city until Ctrl-C."""
    if options.host:
        settings = settings.listening_on(options.host)
    return serve_city(settings, terminal)


def load(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> int:
    """Load and publish files; then build what changed."""
    with open_city(settings) as city:
        request = _load_request(city, settings, options)
        result = city.load(request, terminal.progress)
        build_missing(city, terminal.progress)
    _say_loaded(result, terminal)
    terminal.result(load_document(result))
    return 0


def check(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> int:
    """Check files and publish nothing; 1 when a row or the file would be rejected."""
    with open_city(settings) as city:
        request = _load_request(city, settings, options)
        result = check_files(city.workplace(terminal.progress), request)
        if options.report:
            reports.write(options.report, request.files, result, city.to_crs84)
    for finding in result.findings[:20]:
        where = f"{finding.layer or ''} {'' if finding.row is None else finding.row}".strip()
        terminal.say(
            f"  [{finding.severity}] {finding.rule} {where}：{finding.message.zh}",
            f"  [{finding.severity}] {finding.rule} {where}: {finding.message.en}",
        )
    if len(result.findings) > 20:
        terminal.say(f"  … 共 {len(result.findings)} 条", f"  … {len(result.findings)} in all")
    terminal.say(f"读取 {result.read}，拒收 {result.rejected}", f"{result.read} read, {result.rejected} would be rejected")
    terminal.result(
        {
            "read": result.read,
            "rejected": result.rejected,
            "findings": reports.count_by_rule(result.findings),
            "sources": list(result.sources),
        }
    )
    return 1 if result.rejected else 0


def sample_city(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> None:
    """Write the sample city's source files."""
    manifest = generator.generate(options.folder, scale=options.scale, seed=options.seed)
    terminal.say(f"示例城市已写入 {options.folder}", f"the sample city's files are in {options.folder}")
    terminal.result({"folder": str(options.folder), "files": sorted({s.file for s in manifest.sources}), "faults": len(manifest.faults)})


def tiles_build(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> None:
    """Build the 3D form of a dataset's newest revision."""
    with open_city(settings) as city:
        dataset = city.catalogue.dataset(options.dataset)
        revision = city.catalogue.current_revision(options.dataset)
        kind = asset_kind(city.catalogue.feature_type(dataset.feature_type))
        if revision is None or kind is None:
            raise BadRequestError(f"{options.dataset} has no 3D form", zh=f"{options.dataset} 没有三维形态")
        city.catalogue.forget_asset(dataset.id, revision.commit, kind, VARIANT)
        build_missing(city, terminal.progress)
        asset = city.catalogue.asset(dataset.id, revision.commit, kind, VARIANT)
    terminal.say(f"{options.dataset} 版本 {revision.commit} 已构建", f"{options.dataset} at {revision.commit} is built")
    terminal.result({"dataset": options.dataset, "revision": revision.commit, "detail": dict(asset.detail) if asset else {}})


def commits(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> None:
    """List the commits, newest last."""
    with open_city(settings) as city:
        found = city.catalogue.commits()
    for c in found:
        if not terminal.json_output:
            terminal.print(f"{c.number:>6}  {c.time:%Y-%m-%d %H:%M:%S}Z  {c.kind:<8}  {c.actor:<12}  {c.name or c.reason}")
    terminal.result(
        {
            "commits": [
                {"number": c.number, "time": c.time.isoformat(), "actor": c.actor, "reason": c.reason, "name": c.name, "kind": c.kind}
                for c in found
            ]
        }
    )


def rollback(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> None:
    """Publish the state of a past commit again, as a new commit."""
    with open_city(settings) as city:
        published = roll_back(city.catalogue, options.commit, settings.actor, options.reason, city.extent_deg)
        build_missing(city, terminal.progress)
    if published.commit is None:
        terminal.say(f"与提交 {options.commit} 相比没有变化", f"nothing has changed since commit {options.commit}")
    else:
        terminal.say(
            f"已恢复到提交 {options.commit} 的状态，新提交 {published.commit}",
            f"the state of commit {options.commit} is published again as {published.commit}",
        )
    terminal.result({"commit": published.commit, "datasets": published.counts})


def export(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> None:
    """Write a dataset as GeoJSON text sequence of one feature a line."""
    with open_city(settings) as city:
        count = export_dataset(city, options.dataset, _as_of(options.as_of), options.output)
    terminal.say(f"{count} 个要素写入 {options.output}", f"{count} features written to {options.output}")
    terminal.result({"features": count, "file": str(options.output)})


def worker(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> None:
    """Build what is missing, in the background of a server."""
    if options.with_parent:
        end_with_parent()
    with open_city(settings) as city:
        run_worker(city, lambda *_: None)


def warm(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> None:
    """Compile the numba kernels into their cache, so that the first build need not."""
    warm_kernels()


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
    files = tuple(_existing(f) for f in options.files)
    title = getattr(options, "title", None)
    return LoadRequest(
        files=files,
        parts=_parts(options.part, options.type, options.dataset, options.layer),
        mode=getattr(options, "mode", "replace"),
        crs=options.crs,
        vertical=options.vertical,
        area_wkb=city.area_wkb(options.area, options.crs) if getattr(options, "area", None) else None,
        allow_deletes=getattr(options, "allow_deletes", False),
        max_rejected=getattr(options, "max_rejected", 1.0),
        actor=settings.actor,
        reason=getattr(options, "reason", ""),
        name=getattr(options, "name", None),
        title=Text(title, title) if title else None,
    )


def _parts(given: Sequence[str], feature_type: str | None, dataset: str | None, layer: str | None) -> tuple[PartSpec, ...]:
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


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise RejectedError(f"there is no file {path}", zh=f"没有文件 {path}").with_code("no-such-file")
    return path.absolute()


def _as_of(text: str | None) -> int | dt.datetime | None:
    if text is None:
        return None
    if text.isdigit():
        return int(text)
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise BadRequestError(f"--as-of is a commit number or a time, not {text!r}", zh=f"--as-of 应为提交号或时间：{text!r}") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
