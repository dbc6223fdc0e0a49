"""FeatureTypes and code lists from folders of YAML files: the packaged ones first, a deployment's own may add and override."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from importlib import resources
from pathlib import Path

from twin.featuretypes.document import FeatureTypeError, read_document
from twin.featuretypes.parse import parse_code_list, parse_feature_type
from twin.featuretypes.references import check_references
from twin.model import CodeList, FeatureType

MAX_FILES = 500
"""FeatureTypes (and, apart, code lists) one folder may hold."""


def load_feature_types(*folders: Path) -> dict[str, FeatureType]:
    """Return every FeatureType by name: the packaged ones, then those of each folder in turn, a later one replacing an earlier.

    A folder holds ``NAME.yaml``, one FeatureType each, and ``codelists/NAME.yaml``; a code list there replaces the packaged list of
    that name in every type. A folder that is not there holds nothing. Raises FeatureTypeError with file, place and reason.
    """
    with ExitStack() as stack:
        packaged = stack.enter_context(resources.as_file(resources.files("twin.featuretypes")))
        every = (packaged, *folders)
        code_lists = _code_lists(every)
        types: dict[str, FeatureType] = {}
        for folder in every:
            types.update(_feature_types(folder, code_lists))
    check_references(types)
    return types


def load_code_lists(*folders: Path) -> dict[str, CodeList]:
    """Return every code list by id, packaged ones and those of ``folders``, by the rule of `load_feature_types`."""
    with resources.as_file(resources.files("twin.featuretypes")) as packaged:
        return _code_lists((packaged, *folders))


def _code_lists(folders: tuple[Path, ...]) -> dict[str, CodeList]:
    lists: dict[str, CodeList] = {}
    for folder in folders:
        for path in _yaml_files(folder / "codelists"):
            code_list = parse_code_list(read_document(path), path.name)
            _check_name(path, code_list.id, "id")
            lists[code_list.id] = code_list
    return lists


def _feature_types(folder: Path, code_lists: dict[str, CodeList]) -> Iterator[tuple[str, FeatureType]]:
    for path in _yaml_files(folder):
        feature_type = parse_feature_type(read_document(path), code_lists, path.name)
        _check_name(path, feature_type.name, "name")
        yield feature_type.name, feature_type


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
