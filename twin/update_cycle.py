"""How often a dataset is brought up to date, and whether it is; pure.

Codes are those of ISO 19115-1, MD_MaintenanceFrequencyCode; titles are what a Chinese catalogue of government data calls them (更新周期);
the last word is the code of the EU's frequency vocabulary, by which DCAT-AP says the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from twin.errors import Text

Freshness = Literal["current", "overdue", "unknown"]


@dataclass(frozen=True, slots=True)
class UpdateCycle:
    """One cycle: its code, its title, after how many days the next revision is due (None: at no set time), and its code in DCAT-AP."""

    code: str
    title: Text
    days: int | None
    frequency: str


UPDATE_CYCLES: Mapping[str, UpdateCycle] = MappingProxyType(
    {
        cycle.code: cycle
        for cycle in (
            UpdateCycle("continual", Text("实时", "continual"), 1, "UPDATE_CONT"),
            UpdateCycle("daily", Text("每日", "daily"), 1, "DAILY"),
            UpdateCycle("weekly", Text("每周", "weekly"), 7, "WEEKLY"),
            UpdateCycle("monthly", Text("每月", "monthly"), 31, "MONTHLY"),
            UpdateCycle("quarterly", Text("每季度", "quarterly"), 92, "QUARTERLY"),
            UpdateCycle("biannually", Text("每半年", "twice a year"), 184, "ANNUAL_2"),
            UpdateCycle("annually", Text("每年", "yearly"), 366, "ANNUAL"),
            UpdateCycle("asNeeded", Text("按需更新", "as needed"), None, "IRREG"),
            UpdateCycle("irregular", Text("不定期", "irregular"), None, "IRREG"),
            UpdateCycle("notPlanned", Text("不更新", "not planned"), None, "NEVER"),
            UpdateCycle("unknown", Text("未知", "unknown"), None, "UNKNOWN"),
        )
    }
)


def next_due(code: str | None, last_revision: dt.datetime) -> dt.datetime | None:
    """Return when the next revision is due after the last one; None without a cycle that says so."""
    cycle = UPDATE_CYCLES.get(code or "")
    return None if cycle is None or cycle.days is None else last_revision + dt.timedelta(days=cycle.days)


def freshness(code: str | None, last_revision: dt.datetime, now: dt.datetime) -> Freshness:
    """Return whether a dataset is as new as its cycle demands: ``unknown`` without a cycle that says when a revision is due."""
    due = next_due(code, last_revision)
    if due is None:
        return "unknown"
    return "current" if now <= due else "overdue"
