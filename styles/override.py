"""Style files: ``{feature_type}.json`` in this folder or a deployment's replaces parts of what the FeatureType says."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from twin.errors import TwinError
from twin.model import CodeList, FeatureType

_MAX_BYTES = 1_000_000
_SCHEMA = "style.schema.json"
_LOG = logging.getLogger("styles")


class StyleError(TwinError):
    """A style file is not as its schema or its FeatureType demands."""

    code, status, exit_code = "style-invalid", 500, 2

    def __init__(self, source: str, reason: str) -> None:
        line = " ".join(reason.split())
        super().__init__(f"{source}: {line}", zh=f"样式文件有误：{source}：{line}", extra={"source": source, "reason": line})


@dataclass(frozen=True, slots=True)
class StyleOverride:
    """What one style file says: members of the style to replace, and colours of codes by field."""

    source: str
    style: Mapping[str, Any] = field(default_factory=dict)
    colors: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def load_style_overrides(*folders: Path) -> dict[str, StyleOverride]:
    """Return the style files by FeatureType name: the packaged ones, then those of each folder, a later one replacing an earlier.

    A folder that is not there holds nothing. Raises StyleError with the file and the reason in one line.
    """
    with resources.as_file(resources.files("styles")) as packaged:
        validator = Draft202012Validator(json.loads((packaged / _SCHEMA).read_text("utf-8")))
        paths = [path for folder in (packaged, *folders) if folder.is_dir() for path in sorted(folder.glob("*.json"))]
        return {path.stem: _read(path, validator) for path in paths if path.name != _SCHEMA}


def _read(path: Path, validator: Draft202012Validator) -> StyleOverride:
    with path.open("rb") as stream:
        content = stream.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise StyleError(path.name, f"is larger than {_MAX_BYTES} bytes")
    try:
        document = json.loads(content)
    except ValueError as error:
        raise StyleError(path.name, f"is not JSON: {error}") from error
    fault = best_match(validator.iter_errors(document))
    if fault is not None:
        raise StyleError(path.name, f"{fault.json_path}: {fault.message}")
    colors = document.pop("colors", {})
    return StyleOverride(path.name, document, colors)


def styled(feature_type: FeatureType, override: StyleOverride | None) -> FeatureType:
    """Return the FeatureType as ``override`` wants it drawn; itself when there is none. Its fields, checks and version stay.

    Raises StyleError when the override names a field or code that the FeatureType has not.
    """
    if override is None:
        return feature_type
    _check_names(feature_type, override)
    fields = tuple(
        replace(f, codelist=_recolored(f.codelist, override.colors[f.name], override.source))
        if f.name in override.colors and f.codelist is not None
        else f
        for f in feature_type.fields
    )
    return replace(feature_type, fields=fields, style=replace(feature_type.style, **_members(override.style)))


def _check_names(feature_type: FeatureType, override: StyleOverride) -> None:
    style = override.style
    ramps = style.get("ramps", feature_type.style.ramps)
    choices = tuple(style.get("choices", feature_type.style.choices))
    for name in {*choices, *ramps, *override.colors}:
        if name not in feature_type.field_names:
            raise StyleError(override.source, f"{feature_type.name} has no field {name!r}")
    for name in override.colors:
        if feature_type.field(name).codelist is None:
            raise StyleError(override.source, f"field {name!r} has no codes")
    for name in choices:
        if feature_type.field(name).codelist is None and name not in ramps:
            raise StyleError(override.source, f"field {name!r} has neither codes nor a ramp")
    for name, stops in ramps.items():
        if any(left[0] >= right[0] for left, right in pairwise(stops)):
            raise StyleError(override.source, f"the values of the ramp of {name!r} must rise")
    color_by = style.get("color_by", feature_type.style.color_by)
    if color_by is not None and color_by not in choices:
        raise StyleError(override.source, f"color_by {color_by!r} is not one of the choices")


def _recolored(code_list: CodeList, colors: Mapping[str, str], source: str) -> CodeList:
    unknown = sorted(set(colors) - set(code_list.by_code()))
    if unknown:
        raise StyleError(source, f"code list {code_list.id} has no code {unknown[0]!r}")
    return replace(code_list, codes=tuple(replace(c, color=colors.get(c.code, c.color)) for c in code_list.codes))


def _members(style: Mapping[str, Any]) -> dict[str, Any]:
    members = dict(style)
    if "choices" in members:
        members["choices"] = tuple(members["choices"])
    if "ramps" in members:
        members["ramps"] = {name: tuple((float(v), c) for v, c in stops) for name, stops in members["ramps"].items()}
    return members


class StyleBook:
    """FeatureTypes as the style files of some folders want them drawn; a file that changes is read again when the next one asks.

    A file that is wrong takes nothing down: what was read last holds, and the log says why. Called from several threads.
    """

    def __init__(self, *folders: Path) -> None:
        self._folders = folders
        self._read: tuple[object, Mapping[str, StyleOverride]] | None = None

    def styled(self, feature_type: FeatureType) -> FeatureType:
        """Return the FeatureType as its style file wants it drawn; itself when there is none, or it does not fit."""
        try:
            return styled(feature_type, self._overrides().get(feature_type.name))
        except StyleError as error:
            _LOG.error("%s is drawn as its type says: %s", feature_type.name, error)
            return feature_type

    def _overrides(self) -> Mapping[str, StyleOverride]:
        files = (path for folder in self._folders if folder.is_dir() for path in sorted(folder.glob("*.json")))
        state = tuple((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in files)
        held = self._read
        if held is not None and held[0] == state:
            return held[1]
        try:
            overrides: Mapping[str, StyleOverride] = load_style_overrides(*self._folders)
        except StyleError as error:
            _LOG.error("style files stay as they were: %s", error)
            overrides = {} if held is None else held[1]
        self._read = (state, overrides)
        return overrides
