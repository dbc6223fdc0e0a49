"""Reading one YAML document strictly, and the error every fault in a FeatureType or code list file becomes."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from pathlib import Path

import yaml

from twin.errors import TwinError

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
_REASON_CHARS = 300


class FeatureTypeError(TwinError):
    """A FeatureType or code list is not as its schema or its own references demand."""

    code, status, exit_code = "feature-type-invalid", 500, 2

    def __init__(self, source: str, place: str, reason: str) -> None:
        line = re.sub(r"\s+", " ", reason).strip()
        line = line if len(line) <= _REASON_CHARS else f"{line[:_REASON_CHARS]}…"
        where = f"{source}: {place}" if place else source
        super().__init__(
            f"{where}: {line}",
            zh=f"要素类型定义有误：{where}：{line}",
            extra={"source": source, "place": place, "reason": line},
        )


class _StrictLoader(yaml.CSafeLoader):
    """Safe YAML whose mappings have texts as keys, each given once: of two equal keys a reader of the file would miss one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        """Construct one mapping; MarkedYAMLError at a key that is no text or was there before."""
        seen: set[str] = set()
        for key, _ in node.value:
            name = self.construct_object(key, deep=True)
            if not isinstance(name, str):
                raise yaml.MarkedYAMLError(problem=f"key {name!r} is not a text; put it in quotes", problem_mark=key.start_mark)
            if name in seen:
                raise yaml.MarkedYAMLError(problem=f"key {name!r} is given twice", problem_mark=key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep=deep)


def _check_events(source: str, text: str) -> None:
    """Refuse references, which let a small file become a huge value, and nesting that would exhaust the stack, before any value is made."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise FeatureTypeError(source, _line(event), "references (*name) are not used here")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise FeatureTypeError(source, _line(event), f"nested deeper than {MAX_DEPTH}")


def _line(event: yaml.Event) -> str:
    return f"line {event.start_mark.line + 1}" if event.start_mark else ""


def read_document(path: Path) -> object:
    """Return what one YAML file says: texts, numbers, booleans, lists and mappings with text keys, nothing else.

    Raises FeatureTypeError with file and line when the file cannot be read, is larger than MAX_BYTES, is not UTF-8 or is
    not strict YAML.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise FeatureTypeError(path.name, "", f"cannot be read: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise FeatureTypeError(path.name, "", f"is larger than {MAX_BYTES} bytes")
    return _parse(path.name, content)


def _parse(source: str, content: bytes) -> object:
    try:
        text = content.decode("utf-8-sig")
        _check_events(source, text)
        document = yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - _StrictLoader is a safe loader
    except UnicodeDecodeError as error:
        raise FeatureTypeError(source, "", f"is not UTF-8 at byte {error.start}") from error
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise FeatureTypeError(source, line, error.problem or "is not YAML") from error
    except (yaml.YAMLError, ValueError) as error:
        raise FeatureTypeError(source, "", f"is not YAML: {error}") from error
    return _plain(source, "", document)


def _plain(source: str, place: str, value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(source, f"{place}.{key}".lstrip("."), item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(source, f"{place}[{number}]", item) for number, item in enumerate(value)]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise FeatureTypeError(source, place, f"{value} is a {type(value).__name__} to YAML; put it in quotes")


def place_of(parts: Iterator[str | int]) -> str:
    """Return a path in a document as text, as in ``fields[3].title.zh``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")
