"""`twin init`: the deployment of a city."""

from __future__ import annotations

import argparse

from twin.server.city import make_city
from twin.server.city_file import read_city_file
from twin.server.commands.token import show
from twin.server.settings import Settings
from twin.server.terminal import Terminal
from twin.tokens import Tokens


def init(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> None:
    """Make the deployment of a city.yaml."""
    city_file = read_city_file(options.city)
    tokens: list[str] = []
    deployment = make_city(settings, city_file, lambda city: tokens.append(Tokens(city.pool).make(settings.actor, "reviewer")))
    if options.city.absolute() != settings.city_file:
        settings.data_dir.mkdir(parents=True, exist_ok=True)  # with a database server of its own nobody has made it yet
        settings.city_file.write_text(options.city.read_text(encoding="utf-8"), encoding="utf-8")
    d, folder = deployment, settings.data_dir
    accuracy = "?" if deployment.geocentric_accuracy_m is None else f"{deployment.geocentric_accuracy_m:g} m"
    terminal.say(
        f"已建立城市“{d.name}”：EPSG:{d.storage_srid}，高程 {d.vertical}，转换“{d.geocentric_operation}”（{accuracy}），数据目录 {folder}",
        f"made the city {d.name}: EPSG:{d.storage_srid}, vertical {d.vertical},"
        f" operation {d.geocentric_operation!r} ({accuracy}), data in {folder}",
    )
    for token in tokens:
        show(settings.actor, token, terminal)
    terminal.result(
        {
            "token": tokens[0] if tokens else None,
            "name": deployment.name,
            "storage_crs": f"EPSG:{deployment.storage_srid}",
            "vertical": deployment.vertical,
            "operation": deployment.geocentric_operation,
            "accuracy_m": deployment.geocentric_accuracy_m,
            "oid_root": deployment.oid_root,
        }
    )
