"""Links of the documents, absolute under the address the caller used."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from starlette.requests import Request

Link = dict[str, object]
_PLAIN = re.compile(r"[A-Za-z0-9_.~,:/-]*")
"""What stands in a query as it is."""
_LONGEST_HOST = 300
"""Characters of a Host header whose address is remembered: a name has 253 (RFC 1035, 2.3.4), a port 6."""
RELATIONS = "http://www.opengis.net/def/rel/ogc/1.0/"
"""Where OGC's own link relations are registered."""

TITLES: Mapping[str, tuple[str, str]] = {
    "json": ("本文档（JSON）", "This document as JSON"),
    "html": ("本文档（HTML）", "This document as HTML"),
    "next": ("下一页", "Next page"),
    "prev": ("上一页", "Previous page"),
    "queryables": ("可查询属性", "Queryables"),
    "sortables": ("可排序属性", "Sortables"),
    "schema": ("要素模式", "Schema of the features"),
    "functions": ("过滤函数", "Functions of filters"),
    "search": ("跨集合搜索", "Search across collections"),
    "versions": ("各版本", "Versions"),
    "collection": ("所属集合", "The collection"),
}


def base_url(request: Request) -> str:
    """Return the address of the landing page as the caller sees it, without a slash at its end."""
    scope = request.scope
    server, root = scope.get("server"), scope.get("app_root_path", scope.get("root_path", ""))
    host = request.headers.get("host")
    written = _kept_base_url if len(host or "") <= _LONGEST_HOST else _base_url
    return written(scope.get("scheme", "http"), host, tuple(server) if server else None, root)


def _base_url(scheme: str, host: str | None, server: tuple[str, int | None] | None, root: str) -> str:
    headers = [] if host is None else [(b"host", host.encode("latin-1"))]
    scope = {"type": "http", "scheme": scheme, "server": server, "root_path": root, "path": "/", "query_string": b"", "headers": headers}
    return f"{str(Request(scope).base_url).rstrip('/')}/ogc"


_kept_base_url = functools.lru_cache(maxsize=256)(_base_url)


def collection_address(request: Request, slug: str) -> str:
    """Return the address of a collection."""
    return f"{base_url(request)}/collections/{slug}"


def link(href: str, rel: str, media_type: str, title: str) -> Link:
    """Return one link object (RFC 8288 relation)."""
    return {"href": href, "rel": rel, "type": media_type, "title": title}


def header(made: Iterable[Link]) -> str:
    """Return the value of a Link header (RFC 8288); commas in addresses are encoded, for readers that split at every one."""
    return ", ".join(f'<{str(found["href"]).replace(",", "%2C")}>; rel="{found["rel"]}"; type="{found["type"]}"' for found in made)


def items_header(address: str, made: Iterable[Link], language: str, schemas: Iterable[str] = ("queryables", "sortables", "schema")) -> str:
    """Return the Link header of items: their links, and what may be asked of their collection (19-079r2, 7.3; 24-030, 6.2)."""
    of_collection = [link(f"{address}/{name}", f"{RELATIONS}{name}", "application/schema+json", title(name, language)) for name in schemas]
    return header([*made, *of_collection])


def with_parameters(address: str, pairs: Iterable[tuple[str, str]]) -> str:
    """Return an address with query parameters, commas and colons left readable."""
    text = "&".join([f"{_written(name)}={_written(value)}" for name, value in pairs])
    return f"{address}?{text}" if text else address


def _written(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else quote(text, safe=",:/")


def self_and_alternate(address: str, pairs: Iterable[tuple[str, str]], shown: str, json_type: str, language: str) -> list[Link]:
    """Return the links to this document: ``shown`` is the form it has now."""
    others = [(name, value) for name, value in pairs if name not in {"f", "profile"}]
    made = []
    for form, media_type in (("json", json_type), ("html", "text/html")):
        href = with_parameters(address, [*others, ("f", form)])
        made.append(link(href, "self" if form == shown else "alternate", media_type, title(form, language)))
    return made


def title(key: str, language: str) -> str:
    """Return the title of a link in a language."""
    zh, en = TITLES[key]
    return zh if language == "zh" else en
