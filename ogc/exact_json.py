"""JSON of pygeoapi's handlers without its corruption: pygeoapi 0.24 writes every "<" and ">" as "&lt;" and "&gt;", in keys and values."""

from __future__ import annotations

import json


def keep_angle_brackets() -> None:
    """Have pygeoapi's handlers in this process write JSON as it is: what they quote is JSON, not HTML, and no client undoes it."""
    from pygeoapi import api  # noqa: PLC0415 - a second of imports, only where it is needed
    from pygeoapi.api import itemtypes  # noqa: PLC0415

    for module in (api, itemtypes):
        module.to_json = _exact_json


def _exact_json(document: object, pretty: bool = False) -> str:
    return json.dumps(document, ensure_ascii=False, allow_nan=False, default=str, indent=4 if pretty else None)
