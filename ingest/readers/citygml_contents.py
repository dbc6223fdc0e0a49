"""What a first pass over a CityGML document tells: reference system, counts, versions, and the elements that other members name."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import IO

from lxml import etree

from ingest.readers.citygml_appearance import Appearances
from ingest.readers.citygml_network import Network
from ingest.readers.citygml_objects import type_of
from ingest.readers.citygml_stream import HREF, Element, Head, gml_id, invalid, local_name, members, with_ids
from twin.errors import Text

Opened = Callable[[], IO[bytes]]

OBJECT_ROLES = frozenset({"cityObjectMember", "featureMember", "member", "component"})
"""Properties by which a model or a network has its objects."""
NO_FEATURES = frozenset({"Network", "ExteriorMaterial", "InteriorMaterial", "ProtectiveElement", "FillingMaterial"})
"""Classes of the utility network that describe features and are none."""
_GEOMETRY_LINKS = etree.XPath(
    ".//*[@xlink:href][starts-with(local-name(), 'lod') or contains("
    "' surfaceMember surfaceMembers baseSurface solidMember exterior interior curveMember pointMember geometryMember relativeGMLGeometry "
    "relativeGeometry boundedBy boundary opening fillingSurface ', concat(' ', local-name(), ' '))]",
    namespaces={"xlink": "http://www.w3.org/1999/xlink"},
)
_SRS_NAMES = etree.XPath("descendant-or-self::*/@srsName", smart_strings=False)
_FIRST_POSITION = etree.XPath("string((.//*[local-name()='lowerCorner' or local-name()='pos' or local-name()='posList'])[1])")
_MOST_SHARED = 100_000


@dataclass
class Contents:
    """A document as its first pass leaves it."""

    srs_names: set[str] = field(default_factory=set)
    corner: tuple[float, float] | None = None
    """The first position, in the order of the document."""
    counts: dict[str, int] = field(default_factory=dict)
    """Objects of the model by type of city object."""
    shared: dict[str, Element | None] = field(default_factory=dict)
    """What other members name, by id; None where several have it."""
    superseded: frozenset[str] = frozenset()
    """Ids of objects that only older versions have (CityGML 3.0 §7.16)."""
    network: Network = field(default_factory=Network)
    appearances: Appearances = field(default_factory=Appearances)
    notes: list[Text] = field(default_factory=list)

    @property
    def srs_name(self) -> str | None:
        """The name of the reference system, None when the document says nothing."""
        return next(iter(sorted(self.srs_names)), None)


def read_contents(opened: Opened) -> Contents:
    """Return what is in a document; RejectedError as :func:`ingest.readers.citygml_stream.members`.

    A second pass follows only where members name parts of others, or older versions are to be left out.
    """
    contents = Contents()
    named: set[str] = set()
    versions = _Versions()
    with opened() as stream:
        for told in members(stream):
            if isinstance(told, Head):
                _read_head(contents, told)
            elif told.role == "versionMember":
                versions.add(told.element)
            elif told.role == "versionTransitionMember":
                versions.follow(told.element)
            elif told.role == "appearanceMember":
                contents.appearances.add(told.element)
            elif not contents.network.add(told):
                _count(contents, told.element)
                named |= _named_elsewhere(told.element)
                contents.appearances.add(told.element)
    named |= contents.network.named()
    contents.superseded = versions.superseded()
    if named or contents.superseded:
        _look_again(contents, opened, named)
    _note(contents, versions)
    return contents


def _read_head(contents: Contents, head: Head) -> None:
    if head.envelope is not None:
        contents.srs_names |= set(_SRS_NAMES(head.envelope))
        contents.corner = _position(str(_FIRST_POSITION(head.envelope)))


def _count(contents: Contents, element: Element) -> None:
    if local_name(element) in NO_FEATURES:
        return
    kind = type_of(element)
    contents.counts[kind] = contents.counts.get(kind, 0) + 1
    contents.srs_names |= set(_SRS_NAMES(element))
    if contents.corner is None:
        contents.corner = _position(str(_FIRST_POSITION(element)))


def _position(text: str) -> tuple[float, float] | None:
    try:
        x, y = (float(v) for v in text.split()[:2])
    except ValueError:
        return None
    return (x, y) if math.isfinite(x) and math.isfinite(y) else None


def _named_elsewhere(element: Element) -> set[str]:
    if local_name(element) == "CityObjectGroup":
        return set()
    named = {str(e.get(HREF))[1:] for e in _GEOMETRY_LINKS(element) if str(e.get(HREF)).startswith("#")}
    return named - with_ids(element).keys() if named else named


def _look_again(contents: Contents, opened: Opened, named: set[str]) -> None:
    contents.counts.clear()
    with opened() as stream:
        for told in members(stream):
            if isinstance(told, Head) or told.role not in OBJECT_ROLES:
                continue
            if named:
                _share(contents, told.element, named)
            if len(contents.shared) > _MOST_SHARED:
                raise invalid("too many parts that other objects name", "被其他对象引用的部分过多")
            if gml_id(told.element) not in contents.superseded:
                _count(contents, told.element)


def _share(contents: Contents, element: Element, named: set[str]) -> None:
    for name, part in with_ids(element).items():
        if name in named:
            contents.shared[name] = deepcopy(part) if name not in contents.shared else None


@dataclass
class _Versions:
    """Versions of the city and the transitions between them."""

    objects: dict[str, frozenset[str]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)
    """Versions that a transition leads away from."""

    def add(self, version: Element) -> None:
        name = gml_id(version) or f"version {len(self.objects)}"
        hrefs = (str(e.get(HREF) or "") for e in version.iterchildren("{*}versionMember"))
        self.objects[name] = frozenset(h[1:] for h in hrefs if h.startswith("#"))
        self.tags[name] = version.findtext("{*}tag") or name

    def follow(self, transition: Element) -> None:
        self.left |= {str(e.get(HREF) or "")[1:] for e in transition.iterchildren("{*}from")}

    @property
    def latest(self) -> str | None:
        """The version no transition leads away from; of several the last in the document."""
        return next((name for name in reversed(self.objects) if name not in self.left), None)

    def superseded(self) -> frozenset[str]:
        """Return the objects that older versions have and the latest has not."""
        if self.latest is None:
            return frozenset()
        return frozenset().union(*self.objects.values()) - self.objects[self.latest]


def _note(contents: Contents, versions: _Versions) -> None:
    if versions.latest is not None:
        tag, count = versions.tags[versions.latest][:60], len(versions.objects)
        zh, en = f"文件含 {count} 个版本，只取最新版本“{tag}”", f"the file has {count} versions; the latest, {tag!r}, is taken"
        contents.notes.append(Text(zh=zh, en=en))
    if unread := contents.appearances.unread:
        zh, en = f"{unread} 个纹理的类型不支持，没有读取", f"{unread} textures are of a kind that is not read"
        contents.notes.append(Text(zh=zh, en=en))
