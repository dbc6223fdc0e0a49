"""Filter Encoding 2.0 (09-026r1) → the tree of CQL2 JSON, which the query core checks and translates like any other filter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from ogc.ows import OwsError
from ogc.wfs import gml_input
from ogc.wfs.names import GEOMETRY, Srs, srs_named
from ogc.wfs.xml_body import Element, children, local_name, text_of
from twin.query import filter_ast as ast
from twin.query.collection import Collection
from twin.query.condition_grammar import Tree, whole_number
from twin.query.filter_build import GEOMETRY_NAMES, build_tree

COMPARISONS: Mapping[str, str] = MappingProxyType(
    {
        "PropertyIsEqualTo": "=",
        "PropertyIsNotEqualTo": "<>",
        "PropertyIsLessThan": "<",
        "PropertyIsGreaterThan": ">",
        "PropertyIsLessThanOrEqualTo": "<=",
        "PropertyIsGreaterThanOrEqualTo": ">=",
    }
)
RELATIONS = ("Equals", "Disjoint", "Touches", "Within", "Overlaps", "Crosses", "Intersects", "Contains")
SPANS: Mapping[str, str] = MappingProxyType(
    {
        "After": "t_after",
        "Before": "t_before",
        "Begins": "t_starts",
        "BegunBy": "t_startedby",
        "TContains": "t_contains",
        "During": "t_during",
        "TEquals": "t_equals",
        "TOverlaps": "t_overlaps",
        "Meets": "t_meets",
        "OverlappedBy": "t_overlappedby",
        "MetBy": "t_metby",
        "Ends": "t_finishes",
        "EndedBy": "t_finishedby",
        "AnyInteracts": "t_intersects",
    }
)
_LOGIC = MappingProxyType({"And": "and", "Or": "or"})
_METRES = frozenset(
    {"", "m", "metre", "meter", "metres", "meters", "urn:ogc:def:uom:EPSG::9001", "http://www.opengis.net/def/uom/EPSG/0/9001"}
)
_DEEPEST = 25
"""Above what the query core takes, so that it is the one to refuse."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What a filter means: features by their ids, or by a condition."""

    resources: tuple[str, ...] = ()
    condition: ast.Predicate | None = None


def read_filter(element: Element, collection: Collection, default: Srs) -> Filter:
    """Return what a ``fes:Filter`` means for a collection; geometries without a CRS are in ``default``.

    Raises OwsError for what is no filter, and what the query core raises for one that does not fit the collection or is too complex.
    """
    parts = list(children(element))
    if parts and all(local_name(part) in {"ResourceId", "FeatureId", "GmlObjectId"} for part in parts):
        return Filter(resources=tuple(_rid(part) for part in parts))
    if len(parts) != 1:
        raise _bad("a Filter holds one condition, or ResourceIds", "Filter 应含一个条件，或若干 ResourceId")
    reader = _Reader(collection)
    tree = reader.predicate(parts[0], 0)
    names = reader.srs_names
    if len(names) > 1:
        raise _bad("all geometries of a filter are in one CRS", "过滤条件中的几何应为同一坐标参考系")
    srs = srs_named(names.pop(), collection.crs, "filter") if names else default
    return Filter(condition=build_tree(tree, srs.crs, collection))


def property_name(reference: str) -> str:
    """Return the property that a value reference names: the last step of its path, without prefix."""
    return reference.strip().rpartition("/")[2].rpartition(":")[2]


@dataclass(slots=True)
class _Reader:
    collection: Collection
    srs_names: set[str] = field(default_factory=set)

    def predicate(self, element: Element, depth: int) -> Tree:
        if depth > _DEEPEST:
            raise _bad(f"deeper than {_DEEPEST} levels", f"嵌套超过 {_DEEPEST} 层")
        name, parts = local_name(element), list(children(element))
        if name in _LOGIC:
            return {"op": _LOGIC[name], "args": [self.predicate(part, depth + 1) for part in parts]}
        if name == "Not":
            return {"op": "not", "args": [self.predicate(part, depth + 1) for part in parts]}
        if name in COMPARISONS:
            return self._comparison(COMPARISONS[name], element, parts)
        read = {
            "PropertyIsLike": self._like,
            "PropertyIsBetween": self._between,
            "PropertyIsNull": self._null,
            "PropertyIsNil": self._null,
            "BBOX": self._bbox,
            "DWithin": self._distance,
            "Beyond": self._distance,
        }.get(name)
        if read is not None:
            return read(element, parts)
        if name in RELATIONS:
            return {"op": f"s_{name.lower()}", "args": [self._side(part) for part in _some(parts, 2)]}
        if name in SPANS:
            return {"op": SPANS[name], "args": [self._span(part) for part in _some(parts, 2)]}
        raise OwsError("OptionNotSupported", "filter", f"{name[:40]} is not supported", f"不支持 {name[:40]}")

    def _comparison(self, operator: str, element: Element, parts: Sequence[Element]) -> Tree:
        left, right = _some(parts, 2)
        kind = self._kind(left, right)
        sides = [self._operand(left, kind), self._operand(right, kind)]
        if kind == "text" and element.get("matchCase") == "false":
            sides = [{"op": "casei", "args": [side]} for side in sides]
        return {"op": operator, "args": sides}

    def _like(self, element: Element, parts: Sequence[Element]) -> Tree:
        reference, pattern = _some(parts, 2)
        marks = (element.get("wildCard", "*"), element.get("singleChar", "?"), element.get("escapeChar", element.get("escape", "\\")))
        sides: list[object] = [self._operand(reference, "text"), like_pattern(text_of(pattern), *marks)]
        if element.get("matchCase") == "false":
            sides = [{"op": "casei", "args": [side]} for side in sides]
        return {"op": "like", "args": sides}

    def _between(self, _: Element, parts: Sequence[Element]) -> Tree:
        of, low, high = _some(parts, 3)
        kind = self._kind(of)
        ends = [self._operand(_some(list(children(end)), 1)[0], kind) for end in (low, high)]
        return {"op": "between", "args": [self._operand(of, kind), *ends]}

    def _null(self, _: Element, parts: Sequence[Element]) -> Tree:
        return {"op": "isNull", "args": [self._reference(_some(parts, 1)[0])]}

    def _bbox(self, _: Element, parts: Sequence[Element]) -> Tree:
        envelopes = [part for part in parts if gml_input.is_geometry(part)]
        (envelope,) = _some(envelopes, 1)
        self.srs_names |= gml_input.srs_names(envelope)
        return {"op": "s_intersects", "args": [{"property": GEOMETRY}, self._geometry(envelope)]}

    def _distance(self, element: Element, parts: Sequence[Element]) -> Tree:
        reference, shape, distance = _some(parts, 3)
        if distance.get("uom", distance.get("units", "")) not in _METRES:
            raise OwsError("OptionNotSupported", "filter", "a distance is in metres", "距离单位为米")
        far: Tree = {"op": "distance", "args": [self._side(reference), self._side(shape)]}
        operator = "<=" if local_name(element) == "DWithin" else ">"
        return {"op": operator, "args": [far, _number(text_of(distance))]}

    def _side(self, element: Element) -> object:
        if gml_input.is_geometry(element):
            self.srs_names |= gml_input.srs_names(element)
            return self._geometry(element)
        return self._reference(element)

    def _geometry(self, element: Element) -> object:
        return {"bbox": gml_input.bounds(element)} if local_name(element) in {"Envelope", "Box"} else gml_input.geometry(element)

    def _span(self, element: Element) -> object:
        name = local_name(element)
        if name in {"ValueReference", "PropertyName"}:
            return self._reference(element)
        times = [text_of(part).strip() for part in element.iter() if isinstance(part.tag, str) and text_of(part).strip()]
        if name == "TimePeriod" and len(times) == 2:
            return {"interval": times}
        if len(times) != 1:
            raise _bad("a temporal operator takes a TimeInstant or a TimePeriod", "时间运算符只接受 TimeInstant 或 TimePeriod")
        return times[0]

    def _operand(self, element: Element, kind: ast.ValueType) -> object:
        name = local_name(element)
        if name in {"ValueReference", "PropertyName"}:
            return self._reference(element)
        if name != "Literal":
            raise OwsError("OptionNotSupported", "filter", f"{name[:40]} is not supported", f"不支持 {name[:40]}")
        return _LITERALS[kind](text_of(element))

    def _reference(self, element: Element) -> Tree:
        if local_name(element) not in {"ValueReference", "PropertyName"}:
            found = local_name(element)[:40]
            raise _bad(f"{found} stands where a ValueReference is due", f"{found} 处应为 ValueReference")
        name = property_name(text_of(element))
        return {"property": GEOMETRY if name in GEOMETRY_NAMES else name}

    def _kind(self, *operands: Element) -> ast.ValueType:
        """Return the type of the property among operands: a literal in XML is only a text."""
        types = self.collection.value_types
        found = [types[name] for o in operands if (name := property_name(text_of(o))) in types and local_name(o) != "Literal"]
        return found[0] if found else "text"


def like_pattern(text: str, wild_card: str, single: str, escape: str) -> str:
    """Return a pattern with other marks as one with ``%``, ``_`` and the backslash."""
    made, at = [], 0
    while at < len(text):
        mark = text[at : at + 1]
        if escape and text.startswith(escape, at) and at + len(escape) < len(text):
            at += len(escape)
            made.append(_plain(text[at]))
            at += 1
        elif wild_card and text.startswith(wild_card, at):
            made.append("%")
            at += len(wild_card)
        elif single and text.startswith(single, at):
            made.append("_")
            at += len(single)
        else:
            made.append(_plain(mark))
            at += 1
    return "".join(made)


def _plain(character: str) -> str:
    return f"\\{character}" if character in "%_\\" else character


def _number(text: str) -> float:
    try:
        digits = text.strip()
        return whole_number(digits) if digits.lstrip("+-").isdecimal() else float(digits)
    except ValueError:
        raise _bad(f"{text[:40]!r} is no number", f"{text[:40]!r} 不是数值") from None


def _boolean(text: str) -> bool:
    found = {"true": True, "1": True, "false": False, "0": False}.get(text.strip().lower())
    if found is None:
        raise _bad(f"{text[:40]!r} is neither true nor false", f"{text[:40]!r} 不是布尔值")
    return found


_LITERALS: Mapping[ast.ValueType, Callable[[str], object]] = MappingProxyType(
    {
        "text": str,
        "number": _number,
        "boolean": _boolean,
        "date": lambda text: {"date": text.strip()[:10]},
        "timestamp": lambda text: {"timestamp": text.strip()},
    }
)


def _some(parts: Sequence[Element], count: int) -> Sequence[Element]:
    if len(parts) != count:
        raise _bad(f"an operator takes {count} operands and has {len(parts)}", f"运算符需要 {count} 个操作数，实有 {len(parts)} 个")
    return parts


def _rid(element: Element) -> str:
    return element.get("rid") or element.get("fid") or ""


def _bad(en: str, zh: str) -> OwsError:
    return OwsError("OperationParsingFailed", "filter", en, zh)
