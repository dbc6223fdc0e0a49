"""Of which classification the codes of a column are, where its name leaves that open.

It is told by the names beside them, by codes that only one of the two has, and by columns that only tables of the other one have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ingest.names import normalised, spelled
from twin.errors import Text
from twin.model import CodeList, Crosswalk

CODES_DOUBTFUL = "codes-doubtful"
"""The rule by which a person is asked."""
SEEN_ROWS = 1000
"""So many rows decide, of a file as of its sample."""
_CLEARLY = 0.9
_LEAST_VOTES, _LEAST_SHARE = 2, 0.01
"""So many rows, and so many of all that are coded, decide for a column: fewer may be typing errors that the other list happens to have."""
_LEAST_COLUMNS = 2
"""A single column of such a name may be anybody's."""
type Rows = Mapping[str, Sequence[object]]
"""Columns by name, each with the values of the same rows."""


@dataclass(frozen=True, slots=True)
class Classified:
    """What the codes of a column are taken for, and what they may be besides."""

    taken: str
    """Id of the crosswalk or code list by which the column is read."""
    likely: str
    """Id of the one its values speak for; another than ``taken`` where a person should look."""
    text: Text


def classified(column: str, rows: Rows, code_list: CodeList) -> Classified | None:
    """Return what decides of which classification a column's codes are; None where its name does and nothing gainsays that."""
    for crosswalk in code_list.crosswalks:
        if is_named(column, crosswalk.columns):
            told = _by_values(column, rows, code_list, crosswalk)
            return Classified(crosswalk.id, code_list.id, told[1]) if told is not None and told[0] == code_list.id else None
        if is_named(column, crosswalk.columns_perhaps):
            return _asked(column, rows, code_list, crosswalk)
    return None


def is_named(column: str, names: Sequence[str]) -> bool:
    """Return whether a column has one of the names, in any spelling of it."""
    return normalised(column) in {normalised(name) for name in names}


def _asked(column: str, rows: Rows, ours: CodeList, theirs: Crosswalk) -> Classified | None:
    told = _by_values(column, rows, ours, theirs) or _by_columns(rows, theirs)
    if told is not None and told[0]:
        return Classified(told[0], told[0], told[1])
    codes = [spelled(_as_text(v)) for v in rows[column] if v not in (None, "")]
    crossed, own = {spelled(c.code): c.to for c in theirs.codes}, {spelled(c.code) for c in ours.codes}
    open_codes = sorted({c for c in codes if c in own and crossed.get(c, c) != ours_of(ours, c)})
    if open_codes:
        return Classified(ours.id, theirs.id, _question(open_codes[:3], ours, theirs))
    return None if told is None else Classified(ours.id, theirs.id, told[1])


def _question(codes: Sequence[str], ours: CodeList, theirs: Crosswalk) -> Text:
    return Text(
        f"代码（如 {'、'.join(codes)}）在{ours.title.zh}与{theirs.title.zh}中含义不同，数据本身不能确定用的是哪一种，请确认",
        f"codes such as {', '.join(codes)} mean one thing in {ours.title.en} and another in {theirs.title.en},"
        " and the data do not say which it is: find out",
    )


def ours_of(ours: CodeList, spelling: str) -> str | None:
    """Return the code of a list that is spelled so."""
    return next((c.code for c in ours.codes if spelled(c.code) == spelling), None)


def _by_values(column: str, rows: Rows, ours: CodeList, theirs: Crosswalk) -> tuple[str, Text] | None:
    """Return the id that names and codes speak for, empty where they speak for both; None where they say nothing or too few do."""
    coded = sum(v not in (None, "") for v in rows[column])
    least = min(max(_LEAST_VOTES, _LEAST_SHARE * coded), _CLEARLY * coded)
    for votes, what in ((_by_names(column, rows, ours, theirs), _NAMES), (_by_codes(rows[column], ours, theirs), _CODES)):
        total = sum(len(v) for v in votes)
        for found, identifier, title in zip(votes, (theirs.id, ours.id), (theirs.title, ours.title), strict=True):
            if found and len(found) >= max(least, _CLEARLY * total):
                return identifier, Text(what.zh.format(found[0], title.zh), what.en.format(found[0], title.en))
        if all(votes):
            return "", _speaks_for_both(votes, ours, theirs)
    return None


def _speaks_for_both(votes: tuple[list[str], list[str]], ours: CodeList, theirs: Crosswalk) -> Text:
    of_theirs, of_ours = votes[0][0], votes[1][0]
    return Text(
        f"{of_theirs} 属{theirs.title.zh}，{of_ours} 属{ours.title.zh}，数据本身不能确定用的是哪一种，请确认",
        f"{of_theirs} is of {theirs.title.en} only and {of_ours} of {ours.title.en}, and the data do not say which it is: find out",
    )


def _as_text(value: object) -> str:
    """Return a code as it is read: 1001.0 of a column of doubles is 1001."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


_NAMES = Text("旁列的名称（如“{0}”）是{1}的名称", "names beside the codes ('{0}') are those of {1}")
_CODES = Text("有的代码（如 {0}）只有{1}才有", "some of its codes ({0}) are in {1} only")


def _by_names(column: str, rows: Rows, ours: CodeList, theirs: Crosswalk) -> tuple[list[str], list[str]]:
    """Return the names that stand beside codes of two meanings: those of the other classification, and ours."""
    crossed = {spelled(c.code): c for c in theirs.codes}
    own = {spelled(c.code): c for c in ours.codes}
    both = {c for c in crossed.keys() & own.keys() if crossed[c].to != own[c].code}
    found: tuple[list[str], list[str]] = ([], [])
    for name, values in rows.items():
        if name == column:
            continue
        for code, value in zip(rows[column], values, strict=True):
            if isinstance(value, str) and (at := spelled(_as_text(code))) in both:
                if spelled(value) == spelled(crossed[at].title_zh or ""):
                    found[0].append(value)
                elif spelled(value) == spelled(own[at].title.zh):
                    found[1].append(value)
    return found


def _by_codes(values: Sequence[object], ours: CodeList, theirs: Crosswalk) -> tuple[list[str], list[str]]:
    """Return the codes that only the other classification has, and those that only ours has."""
    crossed, own = {spelled(c.code) for c in theirs.codes}, {spelled(c.code) for c in ours.codes}
    texts = [_as_text(v) for v in values if v not in (None, "")]
    only_theirs = [t for t in texts if spelled(t) in crossed and spelled(t) not in own]
    return only_theirs, [t for t in texts if spelled(t) in own and spelled(t) not in crossed]


def _by_columns(rows: Rows, theirs: Crosswalk) -> tuple[str, Text] | None:
    beside = [name for name in rows if is_named(name, theirs.beside)]
    if len(beside) < _LEAST_COLUMNS:
        return None
    shown = beside[:3]
    return theirs.id, Text(
        f"同表的列 {'、'.join(shown)} 是{theirs.title.zh}的属性表才有的",
        f"its table has the columns {', '.join(shown)}, as tables of {theirs.title.en} have",
    )
