"""local_crs.yaml: the parameters of the city's own coordinate systems, a secret that no message repeats.

::

    changzhou_local:                    # declared as X-LOCAL:changzhou_local
      base: EPSG:4549                   # four parameters: to this projected grid
      four: {shift_north_m: …, shift_east_m: …, rotation_sec: …, scale: …}
      accuracy_m: 0.05                  # may be left out
    beijing54_city:
      source: EPSG:2437                 # seven parameters: from this grid on its own ellipsoid
      base: EPSG:4490                   # to this geographic CRS
      seven: {shift_m: [x, y, z], rotation_sec: [x, y, z], scale_ppm: …, convention: coordinate_frame}
"""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from twin.crs import LOCAL, CrsError, Helmert, LocalCrs, Similarity, parse_crs
from twin.errors import BadRequestError

_MAX_BYTES = 64 * 1024
_NAME = re.compile(r"[A-Za-z0-9_\u4e00-\u9fff-]{1,60}")
_CONVENTIONS = ("coordinate_frame", "position_vector")


def local_systems(path: Path, declared: Sequence[str]) -> tuple[LocalCrs, ...]:
    """Return those of the configured systems that are declared (``X-LOCAL:name``); the file is read only when one is.

    CrsError ``crs-local-unknown`` for one that is not configured, BadRequestError when the file is not as it should be, or may be read
    by others than its owner.
    """
    if not declared:
        return ()
    known = read_local_crs(path) if path.is_file() else {}
    wanted = list(dict.fromkeys(crs[len(LOCAL) :] for crs in declared))
    missing = next((name for name in wanted if name not in known), None)
    if missing is not None:
        raise CrsError(f"the local CRS {missing[:60]!r} is not configured here", zh=f"此处未配置城市独立坐标系“{missing[:60]}”").with_code(
            "crs-local-unknown"
        )
    return tuple(known[name] for name in wanted)


def read_local_crs(path: Path) -> Mapping[str, LocalCrs]:
    """Return the systems of a file by name; BadRequestError names the system and the key that is wrong, never a value."""
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise _wrong(path, "others than its owner may use it: chmod 600", "其他用户可访问，请执行 chmod 600")
    if path.stat().st_size > _MAX_BYTES:
        raise _wrong(path, "it is larger than 64 kB", "大于 64 kB")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        raise _wrong(path, "it is not YAML", "不是 YAML") from None  # what a parser says quotes the file
    if not isinstance(content, dict):
        raise _wrong(path, "it must hold names of systems", "应为坐标系名称的列表")
    return {str(name): _system(path, str(name), value) for name, value in content.items()}


def _system(path: Path, name: str, value: object) -> LocalCrs:
    if _NAME.fullmatch(name) is None or not isinstance(value, dict):
        raise _wrong(path, f"{name[:60]!r} is no name, or has no keys", f"“{name[:60]}”名称无效或没有内容")
    unknown = sorted(map(str, value.keys() - {"base", "source", "four", "seven", "accuracy_m"}))
    if unknown or ("four" in value) == ("seven" in value):
        raise _wrong(path, f"{name}: either four or seven parameters, base, source, accuracy_m", f"{name}：应有 four 或 seven、base 等键")
    accuracy = None if value.get("accuracy_m") is None else _number(path, name, "accuracy_m", value["accuracy_m"])
    base = _crs(path, name, "base", value.get("base"), projected="four" in value)
    if "four" in value:
        four = _keys(path, name, "four", value["four"], ("shift_north_m", "shift_east_m", "rotation_sec", "scale"))
        numbers = [_number(path, name, key, four[key]) for key in ("shift_north_m", "shift_east_m", "rotation_sec", "scale")]
        return LocalCrs(name, base, Similarity(*numbers), accuracy_m=accuracy)
    source = _crs(path, name, "source", value.get("source"), projected=True)
    return LocalCrs(name, base, _helmert(path, name, value["seven"]), source, accuracy)


def _helmert(path: Path, name: str, value: object) -> Helmert:
    seven = _keys(path, name, "seven", value, ("shift_m", "rotation_sec", "scale_ppm", "convention"))
    convention = str(seven["convention"])
    if convention not in _CONVENTIONS:
        raise _wrong(path, f"{name}: convention is one of {', '.join(_CONVENTIONS)}", f"{name}：convention 应为 {'、'.join(_CONVENTIONS)}")
    shift, rotation = (_three(path, name, key, seven[key]) for key in ("shift_m", "rotation_sec"))
    scale_ppm = _number(path, name, "scale_ppm", seven["scale_ppm"])
    return Helmert(shift, rotation, scale_ppm, "coordinate_frame" if convention == _CONVENTIONS[0] else "position_vector")


def _keys(path: Path, name: str, key: str, value: object, wanted: Sequence[str]) -> Mapping[str, object]:
    if not isinstance(value, dict) or set(value) != set(wanted):
        raise _wrong(path, f"{name}: {key} has the keys {', '.join(wanted)}", f"{name}：{key} 应有键 {'、'.join(wanted)}")
    return value


def _three(path: Path, name: str, key: str, value: object) -> tuple[float, float, float]:
    if not isinstance(value, list) or len(value) != 3:
        raise _wrong(path, f"{name}: {key} is a list of three numbers", f"{name}：{key} 应为三个数")
    x, y, z = (_number(path, name, key, v) for v in value)
    return x, y, z


def _number(path: Path, name: str, key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(path, f"{name}: {key} must be a number", f"{name}：{key} 应为数值")
    return float(value)


def _crs(path: Path, name: str, key: str, value: object, *, projected: bool) -> str:
    crs = parse_crs(value) if isinstance(value, str) and value.startswith("EPSG:") else None
    if crs is None or crs.is_projected != projected:
        kind = ("projected", "平面") if projected else ("geographic", "经纬度")
        raise _wrong(path, f"{name}: {key} is EPSG:n of a {kind[0]} CRS", f"{name}：{key} 应为{kind[1]}坐标系 EPSG:n")
    return str(value)


def _wrong(path: Path, en: str, zh: str) -> BadRequestError:
    return BadRequestError(f"{path.name}: {en}", zh=f"{path.name} 有误：{zh}")
