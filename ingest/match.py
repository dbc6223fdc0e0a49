"""Which staged row is which published feature, and what therefore happens to it: insert, update, unchanged or delete (DESIGN 7, 14)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from psycopg import sql

from ingest import representations
from ingest.staging import Mode, Staging, columns
from twin.db import Connection
from twin.errors import RejectedError, Text
from twin.model import Dataset, Finding, Severity

_LARGE_DELETE_SHARE = 0.2
_DELETE_WORDS = frozenset({"d", "del", "delete", "deleted", "删除", "删", "注销", "废除"})
MATCH_RULES = ("kept", "natural-key", "delete-unknown")
"""Rules whose findings come of matching, so that they go when rows are matched again."""
_OPERATION_COLUMNS = ("op", "变更", "变更类型", "操作")


def assign(
    connection: Connection,
    staging: Staging,
    mode: Mode,
    tolerance_m: float,
    kept_keys: Sequence[str],
    area_wkb: bytes | None,
) -> tuple[Finding, ...]:
    """Give every staged row its feature and its action, and mark what is to be deleted; return warnings for the surveyor.

    It holds for the dataset's commit that was current before it began: when another is current at publish, :func:`forget` and assign again.
    """
    findings = () if mode == "delta" else _kept(connection, staging, kept_keys)
    connection.execute(staging.query("match_by_key"))
    if _unmatched_without_key(connection, staging) and (matched := _match_without_key(connection, staging, tolerance_m)):
        findings = (*findings, _matched_by_place(matched))
    connection.execute(
        staging.query(
            "classify",
            staged_attributes=columns(staging.attributes, "s"),
            current_attributes=columns(staging.attributes, "c"),
        ),
        {"tolerance_m": tolerance_m},
    )
    representations.classify(connection, staging, tolerance_m)
    connection.execute(staging.query("classify_new"))
    if mode == "delta":
        findings = (*findings, *_mark_declared_deletes(connection, staging))
    else:
        connection.execute(staging.query("mark_missing", inside=_inside(area_wkb)), {"kept": list(kept_keys)})
    return findings


def forget(connection: Connection, staging: Staging) -> None:
    """Make staged rows as they were before :func:`assign`."""
    connection.execute(staging.query("forget_missing"))
    connection.execute(staging.query("forget_assigned"))


def replaceable(connection: Connection, staging: Staging, mode: Mode, area_wkb: bytes | None) -> int:
    """Return how many published features the file stands for: what it lacks of them is deleted."""
    if mode == "delta":
        return 0
    row = connection.execute(staging.query("count_current", inside=_inside(area_wkb))).fetchone()
    return int(row[0]) if row else 0


def many_deletes(dataset: Dataset, deleted: int, of: int) -> RejectedError | None:
    """Return why nobody may publish a file unasked that would delete more than a fifth of what it replaces (code ``many-deletes``)."""
    if of == 0 or deleted <= _LARGE_DELETE_SHARE * of:
        return None
    error = RejectedError(
        f"{deleted} of {of} features of {dataset.slug} are missing from the file, which publishing would delete;"
        " allow deletes (allow-deletes) if that is meant, or take mode delta, which adds and changes only",
        zh=f"文件缺少 {dataset.slug} 已发布的 {of} 个要素中的 {deleted} 个，发布将删除它们；"
        "确需删除请明确允许（allow-deletes），只增改请用增量方式（delta）",
    )
    error.with_code("many-deletes")
    return error


def _kept(connection: Connection, staging: Staging, kept_keys: Sequence[str]) -> tuple[Finding, ...]:
    """A typo in a manhole must not strand its pipes: the published feature of a rejected row stays, and the surveyor is told."""
    rows = connection.execute(staging.query("keys_published"), {"keys": list(kept_keys)}).fetchall()
    return tuple(
        Finding(
            rule="kept",
            severity=Severity.INFO,
            row=None,
            key=key,
            message=Text(
                zh=f"{key} 所在行被拒收，已发布的要素保持不变", en=f"the row of {key} was rejected; its published feature stays as it is"
            ),
        )
        for (key,) in rows
    )


def _unmatched_without_key(connection: Connection, staging: Staging) -> bool:
    row = connection.execute(sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE natural_key IS NULL)").format(staging.table)).fetchone()
    return bool(row and row[0])


def _match_without_key(connection: Connection, staging: Staging, tolerance_m: float) -> int:
    """Match features that have no key by place, then by what is said of them, and return how many were matched.

    What we derived says nothing of which feature it is: a moved building stands on other ground.
    """
    derived = {f.name for f in staging.feature_type.fields if f.derived} | {"natural_key", "admin_codes"}
    if any(f.derived == "building_height" for f in staging.feature_type.fields):
        derived.add(staging.feature_type.recipe_fields.get("height", ""))
    attributes = tuple(c for c in staging.attributes if c not in derived)
    matched = connection.execute(staging.query("match_by_same_geometry", content=columns(attributes))).rowcount
    matched += connection.execute(staging.query("match_within_tolerance"), {"tolerance_m": tolerance_m}).rowcount
    if attributes:
        matched += connection.execute(staging.query("match_by_attributes", attributes=columns(attributes))).rowcount
    return matched


def _matched_by_place(count: int) -> Finding:
    return Finding(
        rule="natural-key",
        severity=Severity.WARNING,
        row=None,
        message=Text(
            zh=f"{count} 个要素没有唯一编号，按位置与属性对应已发布要素",
            en=f"{count} features without a key were matched to published ones by place and attributes",
        ),
    )


def drop_declared_deletes(connection: Connection, staging: Staging) -> tuple[Finding, ...]:
    """Leave out rows of a first load whose op/变更 column says delete, and say so: there is nothing they could delete."""
    rows = _declared_deletes(connection, staging)
    if rows:
        connection.execute(staging.query("reject_rows"), {"rows": rows})
    message = Text(zh="要删除的要素尚未发布", en="there is no published feature to delete")
    return tuple(Finding(rule="delete-unknown", severity=Severity.ERROR, row=row, message=message) for row in rows)


@contextmanager
def deletes_aside(
    connection: Connection, staging: Staging, mode: Mode, kept_keys: Iterable[str], area_wkb: bytes | None
) -> Iterator[tuple[Staging, list[int]]]:
    """Give the staging whose ``leaving`` says which published features will be deleted, and the rows that only say so.

    For a block in which rules are asked.

    These rows are no features to any rule: they are out of the table until the block ends, and then there once. One whose
    key another row has as well, which does not say so, is left where it is: that is for the rules to say.
    """
    if staging.first_load or mode not in ("delta", "area"):
        yield staging, []
    elif mode == "area":
        missing = connection.execute(staging.query("keys_missing", inside=_inside(area_wkb)), {"kept": list(kept_keys)}).fetchall()
        yield replace(staging, leaving=dict.fromkeys((str(key) for (key,) in missing), 0), area_wkb=area_wkb), []
    elif not (rows := _declared_deletes(connection, staging)):
        yield staging, []
    else:
        aside = sql.Identifier(f"{staging.name}_deletes")
        connection.execute(staging.query("begin_deletes", aside=aside))
        leaving = connection.execute(staging.query("set_deletes_aside", aside=aside), {"rows": rows}).fetchall()
        by_key = {str(key): int(row) for row, key in leaving if key is not None}
        yield replace(staging, leaving=by_key), [int(row) for row, _ in leaving]
        connection.execute(staging.query("put_deletes_back", aside=aside))


def _declared_deletes(connection: Connection, staging: Staging) -> list[int]:
    # Where the text names none of the columns, as of most rows, it is not taken apart, which each ->> would do anew.
    named = [sql.SQL("strpos(extra::text, {}) > 0").format(sql.Literal(f'"{name}"')) for name in _OPERATION_COLUMNS]
    values = [sql.SQL("extra ->> {}").format(sql.Literal(name)) for name in _OPERATION_COLUMNS]
    statement = sql.SQL("SELECT row FROM {} WHERE CASE WHEN {} THEN lower(btrim(coalesce({}))) = ANY (%s) END").format(
        staging.table, sql.SQL(" OR ").join(named), sql.SQL(", ").join(values)
    )
    return [int(row) for (row,) in connection.execute(statement, (sorted(_DELETE_WORDS),)).fetchall()]


def _mark_declared_deletes(connection: Connection, staging: Staging) -> tuple[Finding, ...]:
    """Delta: only a row whose op/变更 column says so deletes its feature; one that names no published feature is a finding."""
    rows = _declared_deletes(connection, staging)
    if not rows:
        return ()
    connection.execute(staging.query("mark_declared_deletes"), {"rows": rows})
    unknown = connection.execute(staging.query("pass_over_unknown_deletes"), {"rows": rows}).fetchall()
    message = Text(zh="要删除的要素尚未发布", en="there is no published feature to delete")
    return tuple(Finding(rule="delete-unknown", severity=Severity.WARNING, row=int(r[0]), message=message) for r in unknown)


def _inside(area_wkb: bytes | None) -> sql.Composable:
    if area_wkb is None:
        return sql.SQL("true")
    return sql.SQL("ST_Intersects(c.geom, ST_GeomFromEWKB({}))").format(sql.Literal(area_wkb))
