"""city.yaml: what makes a deployment the deployment of one city."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from twin.errors import BadRequestError

_MAX_BYTES = 64 * 1024
_KEYS = frozenset({"name", "storage_crs", "vertical", "extent", "admin_prefix"})


@dataclass(frozen=True, slots=True)
class CityFile:
    """The values of city.yaml, checked."""

    name: str
    storage_srid: int
    vertical: str
    extent_deg: tuple[float, float, float, float] | None
    admin_prefix: str | None


def read_city_file(path: Path) -> CityFile:
    """Return what a city.yaml says; BadRequestError names the file, the key and what it should be."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise _wrong(path, "it is larger than 64 kB")
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _wrong(path, error.strerror or "cannot be read") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _wrong(path, f"not YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(content, dict):
        raise _wrong(path, "it must hold keys name, storage_crs, vertical, extent, admin_prefix")
    unknown = sorted(map(str, content.keys() - _KEYS))
    if unknown:
        raise _wrong(path, f"unknown key {unknown[0]}; known: {', '.join(sorted(_KEYS))}")
    name = content.get("name")
    if not isinstance(name, str) or not name.strip():
        raise _wrong(path, "name must be a text")
    return CityFile(
        name=name.strip(),
        storage_srid=_srid(path, content.get("storage_crs")),
        vertical=_vertical(path, content.get("vertical", "none")),
        extent_deg=_extent(path, content.get("extent")),
        admin_prefix=_prefix(path, content.get("admin_prefix")),
    )


def _srid(path: Path, value: object) -> int:
    match = re.fullmatch(r"EPSG:(\d{4,6})", str(value).strip().upper())
    if match is None:
        raise _wrong(path, f"storage_crs must be EPSG:n, not {value!r}")
    return int(match[1])


def _vertical(path: Path, value: object) -> str:
    text = str(value).strip() if value is not None else "none"
    if text in ("egm96", "none") or re.fullmatch(r"constant:[+-]?\d+(\.\d+)?", text):
        return text
    raise _wrong(path, f"vertical must be egm96, constant:METRES or none, not {value!r}")


def _extent(path: Path, value: object) -> tuple[float, float, float, float] | None:
    if value is None:
        return None
    if isinstance(value, list) and len(value) == 4 and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in value):
        west, south, east, north = map(float, value)
        if -180 <= west < east <= 180 and -90 <= south < north <= 90:
            return west, south, east, north
    raise _wrong(path, "extent must be [west, south, east, north] in degrees, or null")


def _prefix(path: Path, value: object) -> str | None:
    if value is None or value == "":
        return None
    text = str(value)
    if not re.fullmatch(r"\d{2,12}", text):
        raise _wrong(path, f"admin_prefix must be 2–12 digits or null, not {value!r}")
    return text


def _wrong(path: Path, reason: str) -> BadRequestError:
    return BadRequestError(f"{path.name}: {reason}", zh=f"{path.name} 有误：{reason}")
