"""`twin ogc config`: our provider in a pygeoapi of one's own."""

from __future__ import annotations

import argparse
from pathlib import Path

import yaml

from ogc.resources import pygeoapi_config
from twin.model import Principal
from twin.query.collection import collections_of, may_see
from twin.server.city import City, open_city
from twin.server.settings import Settings
from twin.server.terminal import Terminal

_DATABASE = "${TWIN_DATABASE_URL}"
"""What pygeoapi replaces by the value of that variable when it reads the file: no address and no password lies in it."""


def config(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> None:
    """Write the configuration of a stock pygeoapi that serves the city's open collections."""
    with open_city(settings) as city:
        text = _configuration(city, options.url.rstrip("/"))
        embedded = None if settings.database_url else city.database_url
    if options.output is None:
        terminal.print(text.rstrip())
    else:
        options.output.write_text(text, encoding="utf-8")
        terminal.say(f"已写入 {options.output}", f"written to {options.output}")
    if embedded is not None:
        terminal.say(
            f'内置数据库（twin serve 运行期间可用）：export TWIN_DATABASE_URL="{embedded}"',
            f'the embedded database, while `twin serve` runs: export TWIN_DATABASE_URL="{embedded}"',
        )
    terminal.result({"output": None if options.output is None else str(options.output)})


def _configuration(city: City, url: str) -> str:
    """Return the YAML; where the deployment has FeatureTypes of its own, it names their folder."""
    everybody = Principal.anonymous()
    open_to_all = {slug: c for slug, c in collections_of(city.catalogue).items() if may_see(c, everybody)}
    folder = city.settings.feature_type_folder
    own = {"feature_types": str(folder)} if _has_types(folder) else {}
    document = pygeoapi_config(city.deployment, open_to_all, url, _DATABASE, **own)
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=120)


def _has_types(folder: Path) -> bool:
    return folder.is_dir() and any(folder.glob("*.yaml"))
