"""Values of an ArcGIS query's parameters: flags, whole numbers and names of fields, each refused where it is none."""

from __future__ import annotations

from collections.abc import Mapping

from ogc.arcgis.layers import OBJECT_ID, OID
from ogc.parameters import whole_number
from twin.errors import BadRequestError, TwinError
from twin.query.collection import Collection


def flag(given: Mapping[str, str], name: str, *, default: str = "false") -> bool:
    """Return a parameter that is true or false."""
    value = given.get(name, default).lower()
    if value not in {"true", "false", "1", "0"}:
        raise refused("bad-parameter", f"{name} is true or false", f"{name} 应为 true 或 false")
    return value in {"true", "1"}


def whole(given: Mapping[str, str], name: str, default: int) -> int:
    """Return a parameter that is a whole number."""
    number = whole_number(given.get(name, str(default)))
    if number is None:
        raise refused("bad-parameter", f"{name} is a whole number", f"{name} 应为整数")
    return number


def field_names(text: str, collection: Collection) -> tuple[str, ...]:
    """Return the fields that a list names, whatever their case, each once; all of them for ``*``."""
    known = {name.lower(): name for name in (OBJECT_ID, OID, *collection.properties)}
    asked = [part.strip().strip('"').lower() for part in text.split(",") if part.strip()]
    if "*" in asked:
        return tuple(known.values())
    unknown = [name for name in asked if name not in known]
    if unknown:
        raise refused("unknown-property", f"there is no field {unknown[0][:40]!r}", f"没有字段 {unknown[0][:40]!r}")
    return tuple(dict.fromkeys(known[name] for name in asked))


def refused(code: str, en: str, zh: str) -> TwinError:
    """Return the error of a request that is not of the form it takes."""
    return BadRequestError(en, zh=zh).with_code(code)
