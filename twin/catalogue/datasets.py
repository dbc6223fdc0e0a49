"""What is said of datasets: when they are made, later, and how they may be called."""

from __future__ import annotations

from dataclasses import dataclass

from twin.errors import BadRequestError, Text
from twin.model import SharingClass

_RESERVED = frozenset({"findings", "catalogue"})
"""Collections that are no datasets."""


@dataclass(frozen=True, slots=True)
class NewDataset:
    """What is said of a dataset when it is first made."""

    slug: str
    feature_type: str
    title: Text
    tolerance_m: float
    owner_department: str = ""
    steward: str = ""
    licence: str = ""
    sharing: SharingClass = SharingClass.OPEN
    source_platform: str | None = None


@dataclass(frozen=True, slots=True)
class Description:
    """What is to be said of a dataset from now on; None leaves it as it is."""

    title_zh: str | None = None
    title_en: str | None = None
    owner_department: str | None = None
    steward: str | None = None
    licence: str | None = None
    source_platform: str | None = None
    update_cycle: str | None = None
    """A code of :data:`twin.update_cycle.UPDATE_CYCLES`."""


def check_slug(slug: str) -> str:
    """Return ``slug`` if it can name a dataset (and so a collection); BadRequestError otherwise."""
    if slug in _RESERVED:
        raise BadRequestError(f"{slug!r} is the platform's own collection", zh=f"{slug!r} 是平台自有集合，请另选名称")
    valid = slug.isascii() and 1 <= len(slug) <= 41 and slug[0].islower() and all(c.islower() or c.isdigit() or c == "_" for c in slug)
    if not valid:
        raise BadRequestError(
            f"a dataset id is a–z, 0–9 and _, begins with a letter, at most 41 long: {slug!r}",
            zh=f"数据集标识只能用小写字母、数字和下划线，以字母开头，最长 41：{slug!r}",
        )
    return slug
