"""``python -m tiles.checker PATH``: check a GLB, a tileset.json with all it refers to, or a dataset's folder of the object store."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path

from tiles.checker import Problem, check_glb, check_tileset


def main(arguments: list[str] | None = None) -> int:
    """Print the problems found, one a line; return 1 when there is any, 2 when there is nothing to check."""
    parser = argparse.ArgumentParser(prog="tiles.checker", description=__doc__)
    parser.add_argument("path", type=Path, help="a .glb, a tileset.json, a folder with one, or store/tiles/{dataset}")
    found = _problems(parser.parse_args(arguments).path)
    if found is None:
        sys.stderr.write("nothing to check: neither a GLB nor a tileset\n")
        return 2
    sys.stdout.writelines(f"{problem}\n" for problem in found)
    return 1 if found else 0


def _problems(path: Path) -> list[Problem] | None:
    if path.suffix == ".glb":
        return check_glb(path.read_bytes(), path.name).problems
    if path.suffix == ".json":
        return check_tileset(lambda name: (path.parent / name).read_bytes(), path.name)
    if (path / "tileset.json").is_file():
        return check_tileset(lambda name: (path / name).read_bytes())
    revisions = [p.relative_to(path) for p in path.glob("*/r/*/tileset.json")]
    read = dataset_reader(lambda key: (path / key).read_bytes())
    return [p for r in revisions for p in check_tileset(read, f"{r.parts[2]}/tileset.json@{r.parts[0]}")] if revisions else None


def dataset_reader(get: Callable[[str], bytes]) -> Callable[[str], bytes]:
    """Return a reader by the paths of the web (``7/tileset.json@open``, ``open/c/….glb``) over the keys below ``tiles/{dataset}``."""

    def read(path: str) -> bytes:
        pointer = re.fullmatch(r"(\d+)/tileset\.json@(.+)", path)
        return get(f"{pointer[2]}/r/{pointer[1]}/tileset.json" if pointer else path)

    return read


if __name__ == "__main__":
    sys.exit(main())
