"""`twin describe`: who answers for a dataset, under which licence it is, where it comes from and how often it is brought up to date."""

from __future__ import annotations

import argparse

from twin.catalogue import Description
from twin.errors import BadRequestError
from twin.server.city import open_city
from twin.server.settings import Settings
from twin.server.terminal import Terminal
from twin.update_cycle import UPDATE_CYCLES


def describe(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> None:
    """Record what is given and show what is now said of the dataset."""
    cycle = options.update_cycle
    if cycle is not None and cycle not in UPDATE_CYCLES:
        known = ", ".join(UPDATE_CYCLES)
        raise BadRequestError(f"an update cycle is one of {known}", zh=f"更新周期可为：{known}").with_code("bad-update-cycle")
    description = Description(
        title_zh=options.title_zh,
        title_en=options.title_en,
        owner_department=options.owner,
        steward=options.steward,
        licence=options.licence,
        source_platform=options.source_platform,
        update_cycle=cycle,
    )
    with open_city(settings) as city:
        dataset = city.catalogue.describe(options.dataset, description)
    said = {
        "dataset": dataset.slug,
        "title_zh": dataset.title.zh,
        "title_en": dataset.title.en,
        "owner": dataset.owner_department,
        "steward": dataset.steward,
        "licence": dataset.licence,
        "source_platform": dataset.source_platform,
        "update_cycle": dataset.update_cycle,
    }
    if not terminal.json_output:
        for name, value in said.items():
            terminal.print(f"{name:<16} {value or ''}")
    terminal.result(said)
