"""The process ``export-area`` as it is described to callers, in both languages (18-062r2, 7.9 and 7.10)."""

from __future__ import annotations

from collections.abc import Mapping

from ogc.formats import Formats
from ogc.processes.export_area import DEFAULT_FORMAT, EXPORT_AREA, MOST_COLLECTIONS, POLYGONS
from twin.crs.output import CRS84_URI
from twin.query.collection import Collection

VERSION = "1.0.0"
Document = dict[str, object]


def description(collections: Mapping[str, Collection], formats: Formats, language: str) -> Document:
    """Return the process description (18-062r2, 7.10) without its links; inputs name what the caller may see."""
    return {
        **summary(language),
        "inputs": _features_meant(collections, language) | _form_wanted(collections, formats, language),
        "outputs": _outputs(language),
    }


def summary(language: str) -> Document:
    """Return the process summary (18-062r2, 7.9) without its links."""
    zh = language == "zh"
    return {
        "id": EXPORT_AREA,
        "version": VERSION,
        "title": "按范围导出" if zh else "Export of an area",
        "description": (
            "将一个范围内若干集合的要素导出为文件，打包为 ZIP" if zh else "Features of several collections in an area, as files in a ZIP"
        ),
        "keywords": ["导出", "下载"] if zh else ["export", "download"],
        "jobControlOptions": ["sync-execute", "async-execute", "dismiss"],
        "outputTransmission": ["value", "reference"],
    }


def _features_meant(collections: Mapping[str, Collection], language: str) -> Document:
    """Return the inputs that say which features are meant."""
    zh, crs = language == "zh", _crs_uris(collections)
    slugs = [slug for slug, collection in collections.items() if not collection.is_coverage]
    return {
        "area": {
            "title": "范围" if zh else "Area",
            "description": (
                "矩形（bbox，可带 crs）或 GeoJSON 多边形（WGS 84 经纬度，可带 crs 成员另指坐标系）；与之相交的要素整体导出"
                if zh
                else "A bbox with its crs, or a GeoJSON polygon (longitude and latitude unless its member crs names another CRS);"
                " features that meet it are exported whole"
            ),
            "schema": {"oneOf": [_bbox_schema(crs), _polygon_schema(crs)]},
        },
        "collections": {
            "title": "集合" if zh else "Collections",
            "description": "每个集合一个文件，全部取自同一提交" if zh else "One file each, all of them as of one commit",
            "schema": {
                "type": "array",
                "minItems": 1,
                "maxItems": MOST_COLLECTIONS,
                "uniqueItems": True,
                "items": {"type": "string", **({"enum": slugs} if slugs else {})},
            },
        },
    }


def _form_wanted(collections: Mapping[str, Collection], formats: Formats, language: str) -> Document:
    """Return the inputs that say in what form features are wanted, and of what time."""
    zh, crs = language == "zh", _crs_uris(collections)
    return {
        "format": {
            "title": "格式" if zh else "Format",
            "description": "文件格式" if zh else "Format of the files",
            "minOccurs": 0,
            "schema": {"type": "string", "enum": [form.name for form in formats.all], "default": DEFAULT_FORMAT},
        },
        "crs": {
            "title": "输出坐标系" if zh else "Output CRS",
            "description": "缺省为城市坐标系" if zh else "The city's own CRS by default",
            "minOccurs": 0,
            "schema": {"type": "string", "format": "uri", **({"enum": crs} if crs else {})},
        },
        "asOf": {
            "title": "时点" if zh else "As of",
            "description": (
                "提交编号，或带时区的 RFC 3339 时间；缺省为当前"
                if zh
                else "A commit's number, or an RFC 3339 time with its offset; the current state by default"
            ),
            "minOccurs": 0,
            "schema": {"oneOf": [{"type": "integer", "minimum": 0}, {"type": "string", "format": "date-time"}]},
        },
    }


def _outputs(language: str) -> Document:
    zh = language == "zh"
    return {
        "archive": {
            "title": "压缩包" if zh else "Archive",
            "description": (
                "ZIP：每个集合一个文件，另有 manifest.json（内容、时点、提交、数量、许可、校验和）"
                if zh
                else "A ZIP of one file a collection and manifest.json: what, when, commit, counts, licences, hashes"
            ),
            "schema": {"type": "string", "contentMediaType": "application/zip", "contentEncoding": "binary"},
        }
    }


def _crs_uris(collections: Mapping[str, Collection]) -> list[str]:
    return list(dict.fromkeys(c.uri for collection in collections.values() for c in collection.crs))


def _bbox_schema(crs: list[str]) -> Document:
    return {
        "type": "object",
        "format": "ogc-bbox",
        "required": ["bbox"],
        "properties": {
            "bbox": {
                "type": "array",
                "items": {"type": "number"},
                "oneOf": [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}],
            },
            "crs": _crs_schema(crs),
        },
        "additionalProperties": False,
    }


def _polygon_schema(crs: list[str]) -> Document:
    return {
        "type": "object",
        "format": "geojson-geometry",
        "required": ["type", "coordinates"],
        "properties": {
            "type": {"type": "string", "enum": sorted(POLYGONS)},
            "coordinates": {"type": "array", "items": {"type": "array"}, "minItems": 1},
            "crs": _crs_schema(crs),
        },
        "additionalProperties": False,
    }


def _crs_schema(crs: list[str]) -> Document:
    return {"type": "string", "format": "uri", "default": CRS84_URI, **({"enum": crs} if crs else {})}
