"""The words of the reports that people read, in both languages."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from twin.errors import Text
from twin.model import Severity

SEVERITIES = {
    Severity.BLOCKING: Text("整体拒收", "blocking"),
    Severity.ERROR: Text("错误", "error"),
    Severity.REVIEW: Text("待核查", "to be reviewed"),
    Severity.WARNING: Text("警告", "warning"),
    Severity.INFO: Text("提示", "information"),
}
STATES = {
    "received": Text("已收到", "received"),
    "checked": Text("已检查", "checked"),
    "accepted": Text("检查通过，待发布", "accepted, to be published"),
    "rejected": Text("整体拒收", "rejected"),
    "published": Text("已发布", "published"),
    "withdrawn": Text("已撤回", "withdrawn"),
}
VERTICAL = {
    "egm96": Text("正高（EGM96 大地水准面）", "orthometric (EGM96 geoid)"),
    "none": Text("未定义", "none defined"),
}


def severities_text(counts: Mapping[Severity, int], language: str) -> str:
    """Return how grave the findings of a rule are, and how many of each severity where there are several."""
    if len(counts) == 1:
        return SEVERITIES[next(iter(counts))].in_language(language)
    between = "、" if language.startswith("zh") else ", "
    return between.join(f"{SEVERITIES[severity].in_language(language)} {count:,}" for severity, count in counts.items())


def moment_text(moment: dt.datetime | None) -> str:
    """Return a time as it is here, and how far from UTC that is; ``—`` where there is none."""
    if moment is None:
        return "—"
    here = moment.astimezone()
    return f"{here:%Y-%m-%d %H:%M} UTC{here:%:z}"


def vertical_text(vertical: str) -> Text:
    """Return what a deployment's vertical model is called."""
    return VERTICAL.get(vertical) or Text(f"正高（{vertical}）", f"orthometric ({vertical})")


def operation_text(name: str) -> Text:
    """Return what was done to coordinates: operations of PROJ have English names only."""
    return Text("无需转换", "none needed") if name == "unchanged" else Text(name, name)


def state_text(state: str) -> Text:
    """Return what a state of a submission is called."""
    return STATES.get(state) or Text(state, state)
