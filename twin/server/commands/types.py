"""`twin types`: the FeatureTypes of a deployment, without a database; their pages, as docs/data has them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from twin.errors import BadRequestError
from twin.featuretypes.code_page import code_legend, code_lists, code_page
from twin.featuretypes.index_page import index_page
from twin.featuretypes.loader import load_feature_types
from twin.featuretypes.page import Example, SourceFile, type_page
from twin.model import FeatureType
from twin.server.settings import Settings
from twin.server.terminal import Terminal

_CITIES = Path(__file__).parents[1] / "demo_cities.yaml"


def types(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> int:
    """List the types, or say one of them whole; with ``--pages`` write the page of each. What is wrong in a file is told in one line."""
    known = load_feature_types(settings.feature_type_folder)
    if options.pages is not None:
        written = _write_pages(options.pages, known)
        terminal.say(f"写出 {written} 个文件", f"{written} files written")
    elif options.type is not None:
        if options.type not in known:
            names = ", ".join(sorted(known))
            raise BadRequestError(
                f"there is no FeatureType {options.type!r}; known: {names}", zh=f"没有要素类型 {options.type!r}；可用：{names}"
            )
        terminal.print(type_page(known[options.type], known, None, ()))
    else:
        for ft in known.values():
            terminal.print(
                f"{ft.name:<22} {ft.geometry_type + (' Z' if ft.has_z else ''):<15} {ft.cim_level}  {ft.title.zh} · {ft.title.en}"
            )
    terminal.result({"types": {ft.name: ft.version for ft in known.values()}})
    return 0


def _write_pages(folder: Path, known: Mapping[str, FeatureType]) -> int:
    written = pages(known, folder / "examples")
    for name, text in written.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return len(written)


def pages(known: Mapping[str, FeatureType], examples: Path) -> dict[str, str]:
    """Return every page by its path below docs/data; ``examples`` holds NAME.geojson with rows of the types that have some."""
    found = {"README.md": index_page(known)}
    sources = list(_source_files())
    for ft in known.values():
        files = [source for name, source in sources if name == ft.name]
        found[f"{ft.name}.md"] = type_page(ft, known, _example(examples / f"{ft.name}.geojson"), files)
    for code_list in code_lists(known).values():
        found[f"codes/{code_list.id}.md"] = code_page(code_list, known)
        found[f"codes/{code_list.id}.svg"] = code_legend(code_list)
    return found


def _example(path: Path) -> Example | None:
    if not path.is_file():
        return None
    first = json.loads(path.read_text(encoding="utf-8"))["features"][0]
    properties = ",\n".join(f"    {json.dumps({k: v}, ensure_ascii=False)[1:-1]}" for k, v in first["properties"].items())
    geometry = json.dumps(first["geometry"])
    row = f'{{"type": "Feature",\n  "properties": {{\n{properties}}},\n  "geometry": {geometry}}}'
    return Example(row, f"examples/{path.name}")


def _source_files() -> Iterator[tuple[str, SourceFile]]:
    """Yield (FeatureType, file) for every part of every demo city."""
    for city, entry in yaml.safe_load(_CITIES.read_text(encoding="utf-8")).items():
        for load in entry["loads"]:
            for part in load["parts"]:
                yield part["type"], SourceFile(load["file"], part.get("layer"), city)
