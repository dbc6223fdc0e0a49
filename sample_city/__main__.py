"""``python -m sample_city DIR [--scale N] [--seed N]``."""

from __future__ import annotations

import argparse
from pathlib import Path

from sample_city.generate import SMALLEST_SCALE, generate


def main() -> None:
    """Write a sample city and print one line per file."""
    parser = argparse.ArgumentParser(prog="sample_city", description="Write the source files of a small Chinese city.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scale", type=int, default=3000, help=f"number of buildings, from {SMALLEST_SCALE}")
    parser.add_argument("--seed", type=int, default=4549)
    arguments = parser.parse_args()
    if arguments.scale < SMALLEST_SCALE or arguments.seed < 0:
        parser.error(f"a city has at least {SMALLEST_SCALE} buildings, and a seed is not negative")
    manifest = generate(arguments.folder, arguments.scale, arguments.seed)
    for source in manifest.sources:
        print(f"{source.file}\t{source.layer}\t{source.feature_type}\t{source.rows}\t{source.rejected}")


if __name__ == "__main__":
    main()
