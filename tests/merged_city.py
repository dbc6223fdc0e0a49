"""CityJSON documents made of CityJSONSeq: objects of all lines in one, their vertices one behind the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson


def merge_city(sequence: Path, to: Path, features: int | None = None) -> int:
    """Write the first ``features`` of a sequence (all of them where that is None) as a document, and return how many vertices it has.

    Geometries name vertices in ``boundaries`` only: nothing has a template or an address here.
    """
    vertices: list[bytes] = []
    count = 0
    with sequence.open("rb") as lines, to.open("wb") as out:
        head = orjson.loads(next(lines))
        out.write(orjson.dumps({k: v for k, v in head.items() if k not in ("CityObjects", "vertices")})[:-1] + b',"CityObjects":{')
        for number, line in enumerate(lines):
            if number == features:
                break
            content = orjson.loads(line)
            for city_object in content["CityObjects"].values():
                for geometry in city_object.get("geometry", []):
                    geometry["boundaries"] = _moved(geometry["boundaries"], count)
            out.write((b"," if number else b"") + orjson.dumps(content["CityObjects"])[1:-1])
            vertices.append(orjson.dumps(content["vertices"])[1:-1])
            count += len(content["vertices"])
        out.write(b'},"vertices":[' + b",".join(vertices) + b"]}")
    return count


def _moved(boundaries: Any, by: int) -> Any:
    return boundaries + by if type(boundaries) is int else [_moved(b, by) for b in boundaries]
