"""``python -m tiles.checker PATH``: check a GLB, a tileset.json with all it refers to, or a dataset's folder of the object store."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tiles.checker import Problem, check_glb, check_tileset
from tiles.checker.json_schemas import tileset_validator
from tiles.implicit import root_subtree
from tiles.subtrees import find_content, find_subtree


def main(arguments: list[str] | None = None) -> int:
    """Print the problems found, one a line; return 1 when there is any, 2 when there is nothing to check."""
    parser = argparse.ArgumentParser(prog="tiles.checker", description=__doc__)
    parser.add_argument("path", type=Path, help="a .glb, a tileset.json, a folder with one, or store/tiles/{dataset}")
    parser.add_argument(
        "--schemas", type=Path, help="folder of the JSON Schemas of 3D Tiles 1.1, to validate each tileset file with as well"
    )
    given = parser.parse_args(arguments)
    found = problems_at(given.path, tileset_validator(given.schemas) if given.schemas else None)
    if found is None:
        sys.stderr.write("nothing to check: neither a GLB nor a tileset\n")
        return 2
    sys.stdout.writelines(f"{problem}\n" for problem in found)
    return 1 if found else 0


def problems_at(path: Path, validate_json: Callable[[dict[str, Any]], list[str]] | None = None) -> list[Problem] | None:
    """Return the problems of what lies at ``path``, None when it is nothing that can be checked."""
    if path.suffix == ".glb" and path.is_file():
        return check_glb(path.read_bytes(), path.name).problems
    if path.suffix == ".json" and path.is_file():
        return check_tileset(lambda name: (path.parent / name).read_bytes(), path.name, validate_json)
    if (path / "tileset.json").is_file():
        return check_tileset(lambda name: (path / name).read_bytes(), validate_json=validate_json)
    revisions = sorted(p.relative_to(path).parts for p in path.glob("*/r/*/tileset.json"))
    read = dataset_reader(lambda key: (path / key).read_bytes())
    entries = [f"{revision}/{name}@{variant}" for variant, _, revision, _ in revisions for name in ("tileset.json", "implicit.json")]
    return [p for entry in entries for p in check_tileset(read, entry, validate_json)] if entries else None


def dataset_reader(get: Callable[[str], bytes]) -> Callable[[str], bytes]:
    """Return a reader by the paths of the web (``7/tileset.json@open``, ``open/c/….glb``) over the keys below ``tiles/{dataset}``.

    Templates of implicit tiling (``7/i/0/0/0.glb``) are those of the variant whose ``7/implicit.json@…`` was read last.
    """
    variant = ""

    def read(path: str) -> bytes:
        nonlocal variant
        if (pointer := re.fullmatch(r"(\d+)/(tileset|implicit)\.json@(.+)", path)) is not None:
            variant = pointer[3]
            return get(f"{variant}/r/{pointer[1]}/{pointer[2]}.json")
        if (template := re.fullmatch(r"(\d+)/i/(\d+)/(\d+)/(\d+)\.(glb|subtree)", path)) is not None:
            root = root_subtree(get(f"{variant}/r/{template[1]}/implicit.json"))
            find, folder = (find_content, "c") if template[5] == "glb" else (find_subtree, "s")
            level, x, y = (int(n) for n in template.groups()[1:4])
            name = None if root is None else find(lambda file: get(f"{variant}/s/{file}.subtree"), root, level, x, y)
            return get(f"{variant}/{folder}/{name}.{template[5]}")
        return get(path)

    return read


if __name__ == "__main__":
    sys.exit(main())
