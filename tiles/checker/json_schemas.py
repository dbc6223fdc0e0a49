"""The published JSON Schemas of 3D Tiles 1.1 as a further check of every tileset file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

_BASE = "https://schemas.invalid/"
"""The schemas refer to each other by relative addresses, which need some base; nothing is fetched."""


def tileset_validator(folder: Path) -> Callable[[dict[str, Any]], list[str]]:
    """Return a function that lists how a tileset breaks the schemas in ``folder`` (that of ``tileset.schema.json``); they are read once."""
    return schema_validator(folder, "tileset.schema.json")


def schema_validator(folder: Path, schema: str) -> Callable[[dict[str, Any]], list[str]]:
    """Return a function that lists how a document breaks ``schema``, a path below ``folder``."""
    documents = {p.relative_to(folder).as_posix(): orjson.loads(p.read_bytes()) for p in sorted(folder.rglob("*.schema.json"))}
    named = [(_BASE + name, Resource.from_contents({**document, "$id": _BASE + name})) for name, document in documents.items()]
    registry: Registry[Any] = Registry().with_resources(named)
    validator = Draft202012Validator({"$ref": f"{_BASE}{schema}"}, registry=registry)
    return lambda document: [f"/{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in validator.iter_errors(document)]
