"""Whole numbers in paths: ``{z:number}`` matches 1 to 9 digits, so that a path with more of them names nothing (404).

Starlette's own ``int`` takes any number of digits, of which Python refuses to read more than 4300.
"""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor


class WholeNumber(Convertor[int]):
    """A whole number below 10⁹: more than there are commits, levels of tiles, and tiles of a row."""

    regex = "[0-9]{1,9}"

    def convert(self, value: str) -> int:
        """Return the number."""
        return int(value)

    def to_string(self, value: int) -> str:
        """Return its digits."""
        return str(value)


def know_numbers() -> None:
    """Let paths of routes that are added from now on say ``{name:number}``; Starlette keeps one table of such words for all."""
    register_url_convertor("number", WholeNumber())
