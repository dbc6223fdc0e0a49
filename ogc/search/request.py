"""What a search asks, read from a query string or from a JSON body of the same members."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import orjson

from ogc.parameters import EVERYWHERE, MAX_LIMIT, Moment, area_of, asked_crs_of, filter_of, flag, moment, page_limit, validity_of
from twin.crs import OutputCrs
from twin.crs.output import CRS84_URI
from twin.errors import BadRequestError, NotFoundError
from twin.query import filter_ast as ast
from twin.query.collection import Collection
from twin.query.condition_grammar import too_complex
from twin.query.feature_query import Boundary, FeatureQuery
from twin.query.order import MOST_SORTED

SEARCH = EVERYWHERE | {
    "collections", "ids", "bbox", "bbox-crs", "datetime", "filter", "filter-lang", "filter-crs", "q", "limit", "crs", "as-of", "cursor",
    "skipGeometry",
}  # fmt: skip
MOST_WORDS = 8
_LONGEST_TEXT = 200
_CURSOR = re.compile(r"([0-9]{1,18})\.(.{1,100})\.([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A search: its collections in the order they are looked through, and one query a collection."""

    queries: tuple[FeatureQuery, ...]
    """From the one the page begins in; each asks for as many features as the page may have."""
    collections: tuple[Collection, ...]
    """All that are looked through, by this page or another."""
    as_of: Moment | None
    limit: int
    crs: OutputCrs
    is_first: bool
    """Whether it begins with the first collection, not behind a cursor."""


def search_request(given: Mapping[str, str], visible: Mapping[str, Collection]) -> SearchRequest:
    """Return what the parameters of a search (:data:`SEARCH`) ask of the collections the caller may see."""
    collections = _collections(given.get("collections"), visible)
    ids = given["ids"].split(",") if "ids" in given else None
    if ids is not None and len(ids) > MAX_LIMIT:
        raise _bad("bad-parameter", f"no more than {MAX_LIMIT} ids", f"ids 至多 {MAX_LIMIT} 个")
    at, slug, boundary = _place(given)
    if slug is not None and slug not in {c.slug for c in collections}:
        raise _bad_cursor()
    limit, crs = page_limit(given.get("limit")), asked_crs_of(given.get("crs"), common_crs(collections))
    queries = []
    for collection in collections:
        if slug is not None and collection.slug < slug:
            continue
        query = FeatureQuery(
            collection=collection,
            crs=crs,
            fids=None if ids is None else _fids(collection, ids),
            boundary=boundary if collection.slug == slug else None,
            area=area_of(given, common_crs(collections), collection.storage_srid),
            validity=validity_of(given.get("datetime")),
            filter=_conditions(given, collection, is_narrow="bbox" in given or ids is not None),
            with_geometry=not flag(given, "skipGeometry"),
            with_collection=True,
            limit=limit,
        )
        if query.fids != ():  # else none of its features is asked for, and yet all parameters have been read
            queries.append(query)
    return SearchRequest(tuple(queries), tuple(collections), at, limit, crs, is_first=slug is None)


def body_parameters(
    content: bytes, allowed: Iterable[str] = SEARCH, kinds: Mapping[str, Callable[[object], bool]] | None = None
) -> dict[str, str]:
    """Return the parameters that the JSON body of a POST means: lists as with commas, a filter that is an object as CQL2 JSON.

    ``kinds`` tells of a member whether its value is of the JSON kind that it has to be, text where it names none; without it a list
    may be text with commas. BadRequestError for a member that is not ``allowed``, is of another kind, or whose value is of no use.
    """
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise _bad("bad-body", "the body is a JSON object", "请求体应为 JSON 对象")
    known = frozenset(allowed)
    found: dict[str, str] = {}
    for name, value in body.items():
        if name not in known:
            raise _bad("unknown-parameter", f"there is no member {name[:40]!r} here", f"此处没有成员 {name[:40]!r}")
        if kinds is not None and not kinds.get(name, _is_text)(value):
            raise _bad_member(name)
        found[name] = _text(name, value)
    if isinstance(body.get("filter"), dict | bool) and found.setdefault("filter-lang", "cql2-json") != "cql2-json":
        raise _bad("bad-filter", "a filter in cql2-text is a string", "cql2-text 过滤条件应为字符串")
    return found


def common_crs(collections: Sequence[Collection]) -> tuple[OutputCrs, ...]:
    """Return the CRSs that all the collections offer, the default first: CRS84h where all have heights, else CRS84."""
    shared = [crs for crs in collections[0].crs if all(crs in other.crs for other in collections)] if collections else []
    return tuple(shared) or (OutputCrs(CRS84_URI, 4326, xy=True, height="none"),)


def cursor_of(commit: int, slug: str, fid: int) -> str:
    """Return the cursor of the page that goes on after a feature of a collection."""
    return f"{commit}.{slug}.{fid}"


def _collections(text: str | None, visible: Mapping[str, Collection]) -> list[Collection]:
    slugs = sorted(set(text.split(","))) if text is not None else sorted(visible)
    unknown = [slug for slug in slugs if slug not in visible]
    if unknown:
        raise _bad("unknown-collection", f"there is no collection {unknown[0][:60]!r}", f"没有集合 {unknown[0][:60]!r}")
    return [visible[slug] for slug in slugs]


def _place(given: Mapping[str, str]) -> tuple[Moment | None, str | None, Boundary | None]:
    if "cursor" not in given:
        return moment(given.get("as-of")), None, None
    match = _CURSOR.fullmatch(given["cursor"])
    if match is None or "as-of" in given:
        raise _bad_cursor()
    return int(match[1]), match[2], Boundary(int(match[3]))


def _fids(collection: Collection, ids: Sequence[str]) -> tuple[int, ...]:
    found = []
    for identifier in ids:
        if identifier.startswith(collection.oid_prefix):
            try:
                found.append(collection.fid(identifier))
            except NotFoundError:
                continue
    return tuple(found)


def _conditions(given: Mapping[str, str], collection: Collection, *, is_narrow: bool) -> ast.Predicate | None:
    asked = filter_of(given, collection)
    if "q" not in given:
        return asked
    if collection.revision.count > MOST_SORTED and not is_narrow:
        slug = collection.slug
        raise _bad("search-too-wide", f"{slug} is too large for q alone: name collections or a bbox", f"{slug} 过大，请限定集合或范围")
    words = _words(given["q"], collection)
    return words if asked is None else ast.And((asked, words))


def _words(text: str, collection: Collection) -> ast.Predicate:
    """Return the condition that every word of ``text`` stands in some text property, in any case and with any accents."""
    words = text.split()
    if not words or len(words) > MOST_WORDS or len(text) > _LONGEST_TEXT:
        raise _bad("bad-parameter", f"q has 1 to {MOST_WORDS} words", f"q 应含 1 至 {MOST_WORDS} 个词")
    texts = [ast.Property(name, kind) for name, kind in collection.value_types.items() if kind == "text"]
    if not texts:
        return ast.Constant(value=False)
    return ast.And(tuple(ast.Or(tuple(ast.Like(_folded(text), _folded(_anywhere(word))) for text in texts)) for word in words))


def _anywhere(word: str) -> ast.Value:
    escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return ast.Value(f"%{escaped}%", "text")


def _folded(scalar: ast.Scalar) -> ast.Scalar:
    return ast.CaseInsensitive(ast.AccentInsensitive(scalar))


def _text(name: str, value: object) -> str:
    match value:
        case str():
            text = value
        case bool():
            text = "true" if value else "false"
        case int() | float():
            text = repr(value)
        case list() if all(type(member) in {str, int, float} for member in value):
            text = ",".join(map(str, value))
        case dict() if name in {"filter", "intersects"}:
            text = _json_text(value)
        case _:
            raise _bad_member(name)
    if "\x00" in text:
        raise _bad("bad-parameter", f"member {name!r} holds a NUL character", f"成员 {name!r} 含 NUL 字符")
    return text


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _bad_member(name: str) -> BadRequestError:
    return _bad("bad-parameter", f"member {name!r} is not valid", f"成员 {name!r} 无效")


def _json_text(value: Mapping[str, object]) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        raise too_complex("nested too deep", "嵌套过深") from None


def _bad_cursor() -> BadRequestError:
    return _bad("bad-cursor", "cursor comes from a next link of the same search", "cursor 取自同一搜索的 next 链接")


def _bad(code: str, en: str, zh: str) -> BadRequestError:
    return BadRequestError(en, zh=zh).with_code(code)
