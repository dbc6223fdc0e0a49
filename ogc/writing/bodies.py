"""Bodies of writing requests → GeoJSON features, strictly: what the schema of the collection does not know is refused and named."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
from starlette.requests import Request

from ogc.json_fg.profile import MEDIA_TYPES as JSON_FG_TYPES
from ogc.writing.writer import WriteFault
from twin.crs import OutputCrs, output_crs
from twin.errors import BadRequestError, Text, TwinError, UnsupportedMediaError
from twin.featuretypes.validity import validity_fields
from twin.model import FeatureType, FieldType
from twin.query.collection import Collection

GEOJSON_TYPES = ("application/geo+json", "application/json")
FEATURE_TYPES = (*GEOJSON_TYPES, *JSON_FG_TYPES)
PATCH_TYPES = ("application/merge-patch+json", *JSON_FG_TYPES)
"""A patch in JSON-FG is a merge patch as well, of the feature's form in JSON-FG."""
MOST_FEATURES = 10_000
_CONTENT_CRS = re.compile(r"\s*<?([^<>]+)>?\s*")
_KINDS: Mapping[FieldType, tuple[type, ...]] = {
    "string": (str,),
    "code": (str,),
    "date": (str,),
    "datetime": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}

Json = dict[str, Any]


async def json_body(request: Request, media_types: Sequence[str]) -> Json:
    """Return the JSON object of a request.

    BadRequestError without Content-Type (20-002, /req/create-replace-delete/post-content-type) and for what is no JSON object,
    UnsupportedMediaError for another media type.
    """
    given = request.headers.get("content-type")
    if given is None:
        raise BadRequestError("say in Content-Type what the body is", zh="请用 Content-Type 说明请求体的类型").with_code(
            "content-type-missing"
        )
    if media_type(request) not in media_types:
        raise UnsupportedMediaError(f"the body is {' or '.join(media_types)}", zh=f"请求体应为 {' 或 '.join(media_types)}")
    try:
        value = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise _bad("bad-json", f"the body is not JSON: {error}", f"请求体不是有效的 JSON：{error}") from error
    if not isinstance(value, dict):
        raise _bad("bad-json", "the body is not a JSON object", "请求体不是 JSON 对象")
    return value


def features_of(body: Json) -> list[Json]:
    """Return the features of a Feature or FeatureCollection (:func:`require_feature`); BadRequestError for anything else."""
    if body.get("type") == "Feature":
        return [require_feature(body)]
    features = body.get("features")
    if body.get("type") != "FeatureCollection" or not isinstance(features, list):
        raise _bad("bad-feature", "the body is no GeoJSON Feature or FeatureCollection", "请求体不是 GeoJSON 要素或要素集合")
    if not 1 <= len(features) <= MOST_FEATURES:
        raise _bad("bad-feature", f"a collection to be written has 1 to {MOST_FEATURES} features", f"要素数应为 1 至 {MOST_FEATURES}")
    for feature in features:
        require_feature(feature)
    return features


def require_feature(value: object) -> Json:
    """Return a value that is a GeoJSON Feature (RFC 7946 §3.2) as far as its members go; BadRequestError otherwise."""
    if not isinstance(value, dict) or value.get("type") != "Feature":
        raise _bad("bad-feature", "not a GeoJSON Feature", "不是 GeoJSON 要素")
    if not isinstance(value.get("properties", {}), dict | None) or not isinstance(value.get("geometry"), dict | None):
        raise _bad(
            "bad-feature", "properties and geometry of a Feature are objects or null", "要素的 properties 和 geometry 应为对象或 null"
        )
    return value


def require_own_id(feature: Mapping[str, Any], collection: Collection, fid: int) -> None:
    """Raise BadRequestError when a feature says another id than the one it is written to."""
    said = feature.get("id")
    if said is not None and str(said) not in {f"{collection.oid_prefix}{fid}", str(fid)}:
        raise _bad("other-id", "the id of the feature is not that of the address", "要素的 id 与地址不一致")


def merged(target: Any, patch: Any, levels: int = 2) -> Any:  # noqa: ANN401 - any JSON value
    """Return ``target`` with a JSON merge patch applied (RFC 7396 §2), in which a member that is null stays as null.

    What lies deeper in a feature than the members of its ``properties`` and ``geometry`` is replaced whole.
    """
    if not isinstance(patch, dict) or levels == 0:
        return patch
    base = dict(target) if isinstance(target, dict) else {}
    return base | {name: merged(base.get(name), value, levels - 1) for name, value in patch.items()}


def content_crs(request: Request, collection: Collection) -> OutputCrs:
    """Return the CRS of the positions in the body: that of Content-Crs, else the collection's default (20-002, features/default-crs)."""
    given = request.headers.get("content-crs")
    if given is None:
        return collection.crs[0]
    match = _CONTENT_CRS.fullmatch(given)
    return output_crs(match[1].strip() if match else given, collection.crs)


def property_faults(feature_type: FeatureType, feature: Mapping[str, Any], action: int, before: Mapping[str, Any]) -> Iterator[WriteFault]:
    """Yield what is wrong with the properties of a feature by the schema alone: unknown, read-only, of another JSON type.

    ``before`` are those it has: a read-only one may come back as it is. GeoJSON has no members ``place`` and ``time``.
    """
    for member in ("place", "time"):
        if feature.get(member) is not None:
            said = Text(f"{member} 是 JSON-FG 的成员，请以 JSON-FG 提交", f"{member} is a member of JSON-FG: send it as JSON-FG")
            yield WriteFault(action, f"/{member}", "unknown-property", said)
    fields = {f.name: f for f in (*feature_type.fields, *validity_fields())}
    for name, value in (feature.get("properties") or {}).items():
        pointer = f"/properties/{str(name).replace('~', '~0').replace('/', '~1')}"
        field = fields.get(name)
        if field is None:
            shown = str(name)[:40]
            yield WriteFault(action, pointer, "unknown-property", Text(f"没有属性 {shown!r}", f"there is no property {shown!r}"))
        elif value is None:
            continue
        elif is_read_only(feature_type, name):
            if value != before.get(name):
                yield WriteFault(
                    action, pointer, "read-only", Text(f"{field.title.zh}由系统计算，不可写入", f"{name} is computed and cannot be written")
                )
        elif not _is_of_type(field.type, value):
            said = Text(f"{field.title.zh}应为 {field.type} 类型", f"{name} takes a value of type {field.type}")
            yield WriteFault(action, pointer, "type", said, value=_shown(value))


def _shown(value: object) -> str:
    """Return the beginning of a value as JSON, of one that is nested beyond all sense only that it is."""
    try:
        return orjson.dumps(value).decode()[:60]
    except TypeError:
        return "[…"


def is_read_only(feature_type: FeatureType, name: str) -> bool:
    """Return whether a property is computed and never given (``readOnly`` in the schema)."""
    return any(f.name == name and f.derived is not None and not f.aliases for f in feature_type.fields)


def writable(feature_type: FeatureType, feature: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of a feature without those that are computed."""
    given = feature.get("properties") or {}
    return {name: value for name, value in given.items() if not is_read_only(feature_type, name)}


def media_type(request: Request) -> str:
    """Return the media type that Content-Type says, without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _is_of_type(kind: FieldType, value: object) -> bool:
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    if isinstance(value, str) and "\x00" in value:
        return False
    return isinstance(value, _KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _bad(code: str, en: str, zh: str) -> TwinError:
    return BadRequestError(en, zh=zh).with_code(code)
