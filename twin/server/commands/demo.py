"""`twin demo`: a city to look at, and `twin sample-city`: its source files."""

from __future__ import annotations

import argparse

from twin.errors import BadRequestError
from twin.server import demo as demo_city
from twin.server.settings import Settings
from twin.server.terminal import Terminal


def demo(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> int:
    """Make, load, build and serve a city to look at."""
    return demo_city.run(settings, options.city, terminal, explicit_folder=options.data_dir is not None, check=options.check)


def sample_city(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> None:
    """Write the sample city's source files."""
    import sample_city as generator  # noqa: PLC0415 - `twin demo` needs it only the first time

    least = generator.SMALLEST_SCALE
    if options.scale < least:
        raise BadRequestError(
            f"--scale is {least} buildings or more, not {options.scale}", zh=f"--scale 不小于 {least}，而非 {options.scale}"
        )
    if options.seed < 0:
        raise BadRequestError(f"--seed is 0 or more, not {options.seed}", zh=f"--seed 不小于 0，而非 {options.seed}")
    manifest = generator.generate(options.folder, scale=options.scale, seed=options.seed)
    terminal.say(f"示例城市已写入 {options.folder}", f"the sample city's files are in {options.folder}")
    terminal.result({"folder": str(options.folder), "files": sorted({s.file for s in manifest.sources}), "faults": len(manifest.faults)})
