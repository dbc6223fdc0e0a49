"""How the eight-digit feature codes of pipes begin: 5, the number of the class, the number of the subclass.

Numbers of CJJ 61-2017 appendices B and C from a public transcription, not compared with the book; the rule of the digits was found in the
codes listed there (52011000 storm sewer, 51042202 hydrant), so a code that breaks it is a matter for a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_CLASSES: Mapping[str, tuple[str, str]] = {
    "JS": ("1", "JY SS ZS JP JZ XS LS JH"),
    "PS": ("2", "YS WS HS"),
    "RQ": ("3", "MQ YH TR"),
    "RL": ("4", "RS ZQ"),
    "DL": ("5", "GD LD XH DC GG"),
    "TX": ("6", "DH DS XX GB"),
    "GY": ("7", "QQ YQ GQ YX BQ LQ DQ EY AQ JB"),
    "QT": ("8", "ZH BM"),
}
"""Class → its number and its subclasses in the order of their numbers, from 01."""


def _prefixes() -> dict[str, str]:
    found = {}
    for code, (digit, subclasses) in _CLASSES.items():
        found[code] = f"5{digit}"
        found |= {subclass: f"5{digit}{number:02d}" for number, subclass in enumerate(subclasses.split(), start=1)}
    return found


CODE_PREFIXES: Mapping[str, str] = MappingProxyType(_prefixes())
"""Kind of pipe → the digits with which the codes of its features begin; two digits for a class as a whole."""
