"""FeatureTypes and code lists from folders of YAML files: the packaged ones first, a deployment's own may add and override."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import cast

from twin.featuretypes.consistency import check_crosswalk
from twin.featuretypes.document import FeatureTypeError, read_document
from twin.featuretypes.parse import (
    Document,
    parse_code_list,
    parse_crosswalk,
    parse_feature_type,
    read_code_list,
    read_crosswalk,
    read_feature_type,
)
from twin.featuretypes.references import check_references
from twin.model import CodeList, Crosswalk, FeatureType

MAX_FILES = 500
"""FeatureTypes (and, apart, code lists) one folder may hold."""


def load_feature_types(*folders: Path) -> dict[str, FeatureType]:
    """Return every FeatureType by name: the packaged ones, then those of each folder in turn, a later one replacing an earlier.

    A folder holds ``NAME.yaml``, one FeatureType each, and ``codelists/NAME.yaml``; a code list there replaces the packaged list of
    that name in every type, and ``crosswalks/NAME.yaml`` adds codes of another classification to a list. A folder that is not there
    holds nothing. Raises FeatureTypeError with file, place and reason.
    """
    code_lists = load_code_lists(*folders)
    types = {path.stem: read_feature_type(document, code_lists, path.name) for path, document in _packaged("")}
    for path in _files(folders):
        feature_type = parse_feature_type(read_document(path), code_lists, path.name)
        _check_name(path, feature_type.name, "name")
        types[feature_type.name] = feature_type
    check_references(types)
    return types


def load_code_lists(*folders: Path) -> dict[str, CodeList]:
    """Return every code list by id, packaged ones and those of ``folders``, by the rule of `load_feature_types`."""
    lists = {path.stem: read_code_list(document, path.name) for path, document in _packaged("codelists")}
    for path in _files(folder / "codelists" for folder in folders):
        code_list = parse_code_list(read_document(path), path.name)
        _check_name(path, code_list.id, "id")
        lists[code_list.id] = code_list
    return _with_crosswalks(lists, folders)


def _with_crosswalks(lists: Mapping[str, CodeList], folders: Iterable[Path]) -> dict[str, CodeList]:
    """Return the lists with the crosswalks of files ``crosswalks/NAME.yaml``, a later one replacing an earlier of its name."""
    known = {path.stem: _fitting(*read_crosswalk(document), lists) for path, document in _packaged("crosswalks")}
    for path in _files(folder / "crosswalks" for folder in folders):
        of, crosswalk = parse_crosswalk(read_document(path), path.name)
        _check_name(path, crosswalk.id, "id")
        known[crosswalk.id] = (of, crosswalk)
    result = dict(lists)
    for of, crosswalk in known.values():
        if of not in result:
            raise FeatureTypeError(f"{crosswalk.id}.yaml", "codes_of", f"there is no code list {of!r}; known: {', '.join(sorted(lists))}")
        result[of] = replace(result[of], crosswalks=(*result[of].crosswalks, crosswalk))
        check_crosswalk(crosswalk, result[of], f"{crosswalk.id}.yaml")
    return result


def _fitting(of: str, crosswalk: Crosswalk, lists: Mapping[str, CodeList]) -> tuple[str, Crosswalk]:
    """Return a packaged crosswalk with the codes that its list has here: a deployment may have a list of its own under that name."""
    ours = lists[of].by_code()
    return of, replace(crosswalk, codes=tuple(c for c in crosswalk.codes if c.to in ours))


@cache
def _packaged(folder: str) -> tuple[tuple[Path, Document], ...]:
    """Return what the packaged files say, read once a process: they are part of the program and do not change while it runs."""
    with resources.as_file(resources.files("twin.featuretypes")) as package:
        return tuple((path, cast("Document", read_document(path))) for path in _yaml_files(package / folder))


def _files(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from _yaml_files(folder)


def _yaml_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    paths = sorted(path for path in folder.iterdir() if path.suffix in {".yaml", ".yml"} and path.is_file())
    if len(paths) > MAX_FILES:
        raise FeatureTypeError(folder.name, "", f"holds more than {MAX_FILES} files")
    return paths


def _check_name(path: Path, name: str, place: str) -> None:
    if path.stem != name:
        raise FeatureTypeError(path.name, place, f"{name!r} is not the name of the file")
