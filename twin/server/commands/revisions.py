"""`twin commits`, `twin rollback` and `twin export`: what was published, and when."""

from __future__ import annotations

import argparse
import datetime as dt

from twin.errors import BadRequestError
from twin.server.city import open_city
from twin.server.settings import Settings
from twin.server.terminal import Terminal


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
    from ingest.rollback import rollback as roll_back  # noqa: PLC0415 - the other commands here do without
    from twin.server.assets import build_missing  # noqa: PLC0415

    with open_city(settings) as city:
        published = roll_back(city.catalogue, options.commit, settings.actor, options.reason, city.extent_deg)
        problem = build_missing(city, terminal.progress, only=published.counts)
    if problem is not None:  # the data is published all the same; the server's worker tries again
        terminal.say(problem.text.zh, problem.text.en)
    if published.commit is None:
        terminal.say(f"与提交 {options.commit} 相比没有变化", f"nothing has changed since commit {options.commit}")
    else:
        terminal.say(
            f"已恢复到提交 {options.commit} 的状态，新提交 {published.commit}",
            f"the state of commit {options.commit} is published again as {published.commit}",
        )
    terminal.result({"commit": published.commit, "datasets": published.counts})


def export(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> None:
    """Write a dataset as GeoJSON text sequence of one feature a line, as CityJSON, or its vector tiles as PMTiles."""
    from twin.server.exports import export_dataset, export_dataset_as_cityjson  # noqa: PLC0415 - the other commands here do without

    with open_city(settings) as city:
        as_of = _as_of(options.as_of)
        if options.format == "pmtiles":
            from twin.server.vector_tile_archive import DEEPEST, export_vector_tiles  # noqa: PLC0415 - likewise

            deepest = DEEPEST if options.max_zoom is None else options.max_zoom
            written = export_vector_tiles(
                city.catalogue, city.database_url, options.dataset, as_of, options.output, deepest, terminal.progress
            )
            count, reduced = written.tiles, written.reduced
            terminal.say(
                f"{count} 个瓦片写入 {options.output}，其中 {reduced} 个有所省略",
                f"{count} tiles written to {options.output}; something was left out of {reduced}",
            )
            terminal.result({"tiles": count, "reduced": reduced, "file": str(options.output)})
            return
        if options.format == "geojson":
            count = export_dataset(city, options.dataset, as_of, options.output)
        else:
            count = export_dataset_as_cityjson(city, options.dataset, as_of, options.format, options.output)
    terminal.say(f"{count} 个要素写入 {options.output}", f"{count} features written to {options.output}")
    terminal.result({"features": count, "file": str(options.output)})


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
