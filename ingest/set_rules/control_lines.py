"""Rules over plots and control lines: what may lie in which line is data, one rule per kind of line (twin/rules/planning.yaml)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import shapely
from psycopg import sql

from ingest.set_rules.context import SetCheck, SetContext
from ingest.set_rules.places import QUERIES, features_of
from twin.errors import Text
from twin.model import Finding

_BATCH = 2000


def plots_in_control_lines(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield plots of which more than ``tolerance_m2`` lies in a control line of the rule's ``kind``, or ``outside`` all of them.

    Plots whose code begins with one of ``allowed`` may lie there. Where the type has no land-use code everything is judged, else what has
    a code; what is repealed is not.
    """
    names, shapes = _lines(context, check.text("kind"))
    if not len(shapes):
        return
    tree = shapely.STRtree(shapes)
    outside = bool(check.parameters["outside"])
    allowed = tuple(check.names("allowed"))
    has_code = "land_use_code" in context.feature_type.field_names
    with context.connection.cursor(name="plots") as cursor:
        cursor.itersize = _BATCH
        cursor.execute(_plots(context), binary=True)
        while rows := cursor.fetchmany(_BATCH):
            judged = [row for row in rows if not has_code or (row[3] and not row[3].startswith(allowed))]
            plots = shapely.from_wkb(np.array([row[2] for row in judged], dtype=object))
            for k, plot in enumerate(plots):
                near = tree.query(plot, predicate="intersects")
                wrong = _outside(plot, shapes[near]) if outside else _inside(plot, shapes[near])
                if wrong.area > check.number("tolerance_m2"):
                    yield _finding(check, judged[k], wrong, [names[n] for n in near], outside=outside)


def _inside(plot: shapely.Geometry, lines: np.ndarray[tuple[int], np.dtype[np.object_]]) -> shapely.Geometry:
    return shapely.union_all(shapely.intersection(plot, lines))


def _outside(plot: shapely.Geometry, lines: np.ndarray[tuple[int], np.dtype[np.object_]]) -> shapely.Geometry:
    return shapely.difference(plot, shapely.union_all(lines))


def _finding(
    check: SetCheck, row: tuple[int, str | None, bytes, str], wrong: shapely.Geometry, names: list[str], *, outside: bool
) -> Finding:
    title, point = check.rule.title, wrong.representative_point()
    lines = "" if outside else f"（{'、'.join(names[:3])}）", "" if outside else f" ({', '.join(names[:3])})"
    message = Text(zh=f"{title.zh}：{wrong.area:.2f} m²{lines[0]}", en=f"{title.en}: {wrong.area:.2f} m²{lines[1]}")
    return Finding(
        rule=check.rule.id,
        severity=check.severity,
        row=row[0],
        key=row[1],
        message=message,
        place=(point.x, point.y),
        value=f"{wrong.area:.2f}",
    )


def _lines(context: SetContext, kind: str) -> tuple[list[str], np.ndarray[tuple[int], np.dtype[np.object_]]]:
    query = QUERIES["control_lines"].format(lines=features_of(context, "control_line", ("line_id", "kind", "geom", "valid_to")))
    rows = context.connection.execute(query, {"kind": kind}, binary=True).fetchall()
    return [str(row[0]) for row in rows], shapely.from_wkb(np.array([row[1] for row in rows], dtype=object))


def _plots(context: SetContext) -> sql.Composed:
    names = context.feature_type.field_names
    state = next((name for name in ("plan_state", "state") if name in names), None)
    return QUERIES["plots"].format(
        staging=context.staging.table,
        code=sql.Identifier("land_use_code") if "land_use_code" in names else sql.SQL("NULL"),
        state=sql.Identifier(state) if state else sql.SQL("NULL"),
    )
