"""pygeoapi 0.24 as the shell: it writes the landing page and the collection documents, one API per catalogue version and address."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from ogc import answers, links
from ogc.exact_json import keep_angle_brackets
from ogc.provider import Source
from ogc.resources import pygeoapi_config, storage_crs_uri
from ogc.state import DoorState
from twin.catalogue import Catalogue
from twin.errors import NotFoundError
from twin.featuretypes.json_schema import ID_NAME
from twin.model import Principal
from twin.query.collection import Collection

Document = dict[str, Any]
_SERVED_TYPES = frozenset({"application/json", "application/geo+json", "application/schema+json", "text/html"})
_MOST_ADDRESSES = 8
_LOCALES = {"zh": "zh-Hans", "en": "en"}
_FORMS = {"text/html": "HTML", "application/geo+json": "GeoJSON"}
_TITLES: Mapping[str, tuple[str, str]] = {
    "root": ("首页", "Landing page"),
    "service-desc": ("接口定义", "API definition"),
    "service-doc": ("接口定义", "API definition"),
    "conformance": ("符合性", "Conformance classes"),
    "data": ("全部集合", "All collections"),
    "items": ("要素", "Features"),
    f"{links.RELATIONS}schema": ("要素模式", "Schema of the features"),
    f"{links.RELATIONS}queryables": ("可查询属性", "Queryables"),
}
"""What pygeoapi has titles for in English only, by relation."""


class Shell:
    """Calls pygeoapi's handlers; everything here blocks and belongs into a thread.

    pygeoapi is never handed what a caller sent: paths, languages and formats are checked before and given to it clean, so its
    failures on bad input (pygeoapi24.md §1) cannot be reached.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._apis: OrderedDict[tuple[int, str, tuple[str, ...]], Any] = OrderedDict()

    def landing(self, state: DoorState, principal: Principal, base_url: str, language: str) -> Document:
        """Return the landing page as pygeoapi writes it."""
        from pygeoapi import api as handlers  # noqa: PLC0415 - a second of imports, only where it is needed

        return self._call(handlers.landing_page, state, principal, base_url, language)

    def collections(self, state: DoorState, principal: Principal, base_url: str, language: str) -> Document:
        """Return the document of all collections the caller may see."""
        from pygeoapi import api as handlers  # noqa: PLC0415

        return self._call(handlers.describe_collections, state, principal, base_url, language)

    def collection(self, state: DoorState, principal: Principal, base_url: str, language: str, slug: str) -> Document:
        """Return the document of one collection."""
        from pygeoapi import api as handlers  # noqa: PLC0415

        if slug not in state.visible(principal):
            raise NotFoundError(f"there is no collection {slug[:60]!r}", zh=f"没有集合 {slug[:60]!r}")
        return self._call(handlers.describe_collections, state, principal, base_url, language, slug)

    def _call(self, handler: Any, state: DoorState, principal: Principal, base_url: str, language: str, *names: str) -> Document:
        from pygeoapi.api import APIRequest  # noqa: PLC0415

        api = self._api(state, principal, base_url)
        request = APIRequest(_CleanRequest(_LOCALES[language]), api.locales)
        _, status, content = handler(api, request, *names)
        if status != 200:
            raise RuntimeError(f"pygeoapi answered {status}")
        document: Document = json.loads(content)
        for described in (document, *document.get("collections", ())):
            described["links"] = [_titled(entry, language) for entry in described["links"]]
        return document

    def _api(self, state: DoorState, principal: Principal, base_url: str) -> Any:
        visible = state.visible(principal)
        key = (state.version, base_url, tuple(sorted(principal.classes)))
        if key not in self._apis:
            while len(self._apis) >= _MOST_ADDRESSES:
                self._apis.popitem(last=False)
            self._apis[key] = new_api(pygeoapi_config(state.deployment, visible, base_url, Source(self._catalogue, principal)))
        return self._apis[key]


def _titled(entry: Mapping[str, Any], language: str) -> dict[str, Any]:
    """Return a link of pygeoapi's titled in a language, without the one it says the target has: that is negotiated."""
    made = {name: value for name, value in entry.items() if name != "hreflang"}
    form = _FORMS.get(entry.get("type", ""), "JSON")
    if entry["rel"] in _TITLES:
        zh, en = _TITLES[entry["rel"]]
        made["title"] = f"{zh}（{form}）" if language == "zh" else f"{en} as {form}"
    elif entry["rel"] in {"self", "alternate"}:
        made["title"] = links.title(form.lower(), language) if form != "GeoJSON" else form
    return made


class _CleanRequest:
    """The little of a request that pygeoapi reads."""

    def __init__(self, locale: str) -> None:
        self.query_params: Mapping[str, str] = {"f": "json", "lang": locale}
        self.headers: Mapping[str, str] = {}
        self.path_info = ""


def new_api(config: Mapping[str, object]) -> Any:
    """Return pygeoapi's API object of a configuration, whose handlers write JSON as it is."""
    from pygeoapi import api as handlers  # noqa: PLC0415

    keep_angle_brackets()
    return handlers.API(config, {})


def completed_collection(document: Document, collection: Collection, base_url: str, language: str) -> Document:
    """Return a collection document with what pygeoapi cannot know, without links to what is not served."""
    address = f"{base_url}/collections/{collection.slug}"
    document["links"] = [entry for entry in document["links"] if entry["type"] in _SERVED_TYPES]
    document["storageCrs"] = storage_crs_uri(collection)
    document["crs"] = [crs.uri for crs in collection.crs]
    document["defaultSortOrder"] = [ID_NAME]
    sortables = f"{links.RELATIONS}sortables"
    document["links"].append(links.link(f"{address}/sortables", sortables, answers.SCHEMA, links.title("sortables", language)))
    document["links"].append(links.link(f"{address}/versions", "version-history", answers.JSON, links.title("versions", language)))
    if not collection.is_coverage:
        title = "矢量瓦片" if language == "zh" else "Vector tiles"
        document["links"].append(links.link(f"{address}/tiles", f"{links.RELATIONS}tilesets-vector", answers.JSON, title))
    if collection.dataset.licence:
        document["license"] = collection.dataset.licence
    document["feature_type"] = collection.feature_type.name
    document["revision"] = collection.revision.commit
    document["count"] = collection.revision.count
    return document
