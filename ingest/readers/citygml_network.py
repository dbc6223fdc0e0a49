"""Utility Network ADE: which functional elements a pipe lies between, of what material it is and what it carries (ADE 0.9.2).

The graph of a network says it: a pipe's own graph has a link between two nodes, links between features join these to nodes of others.
Only names are kept, not geometry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ingest.readers.citygml_stream import HREF, Element, Member, gml_id, local_name, namespace, reference

_ADE = "/ade/utility"
CLASSES: Mapping[str, str] = {
    **dict.fromkeys(("RoundPipe", "RectangularPipe", "OtherShapePipe"), "Pipe"),
    **dict.fromkeys(("SimpleFunctionalElement", "ComplexFunctionalElement", "TerminalElement"), "FunctionalElement"),
}
"""Class of the ADE → what features of it are together: the pipes of a city are one layer, whatever the shape of their section."""


@dataclass
class Network:
    """The names in the graphs of all networks of a document."""

    media: str | None = None
    _ends: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Graph of a feature → nodes at the start and end of its inner link."""
    _graph_of: dict[str, str] = field(default_factory=dict)
    """Node → graph of the feature it is of."""
    _joined: dict[str, list[str]] = field(default_factory=dict)
    """Node → nodes that links between features join it to."""
    _feature_of: dict[str, str] = field(default_factory=dict)
    """Graph → feature whose graph it is."""
    _materials: dict[str, str] = field(default_factory=dict)
    _connected: dict[str, str] = field(default_factory=dict)
    """Functional element → the city object it stands for."""

    def add(self, member: Member) -> bool:
        """Take in a member that is of a network's description; return whether it is nothing else."""
        element = member.element
        if _ADE not in namespace(element):
            return False
        match local_name(element):
            case "FeatureGraph":
                self._add_graph(element)
            case "InterFeatureLink" | "NetworkLink":
                start, end = _link(element)
                self._joined.setdefault(start, []).append(end)
                self._joined.setdefault(end, []).append(start)
            case "ExteriorMaterial" | "InteriorMaterial":
                self._materials[gml_id(element) or ""] = (element.findtext("{*}type") or "").strip()
            case "Network":
                self.media = self.media or (element.findtext("{*}transportedMedium/{*}*/{*}type") or "").strip() or None
            case _:
                self._add_feature(element)
                return False
        return True

    def named(self) -> set[str]:
        """Return the ids of city objects that functional elements stand for."""
        return set(self._connected.values())

    def attributes(self, element: Element) -> dict[str, object]:
        """Return what the networks say of a feature: its class, the nodes it lies between, its material, the medium it carries."""
        if _ADE not in namespace(element):
            return {}
        said: dict[str, object] = {"utilityClass": local_name(element)}
        if self.media:
            said["transportedMedium"] = self.media
        if (material := self._material(element)) is not None:
            said["material"] = material
        graph = _named(element, "topoGraph")
        if graph is not None and graph in self._ends:
            for name, node in zip(("start_node", "end_node"), self._ends[graph], strict=True):
                if (neighbour := self._neighbour(node, graph)) is not None:
                    said[name] = neighbour
        return said

    def stands_for(self, element: Element) -> str | None:
        """Return the id of the city object that a functional element stands for."""
        return self._connected.get(gml_id(element) or "")

    def _add_graph(self, graph: Element) -> None:
        name = gml_id(graph) or ""
        for node in graph.iterchildren("{*}nodeMember"):
            for inner in node.iterchildren("*"):
                self._graph_of[gml_id(inner) or ""] = name
        for link in graph.iterchildren("{*}linkMember"):
            for inner in link.iterchildren("*"):
                self._ends[name] = _link(inner)

    def _add_feature(self, element: Element) -> None:
        name = gml_id(element)
        graph = _named(element, "topoGraph")
        connected = next((e for e in element.iterchildren("{*}connectedCityObject")), None)
        if name is not None and graph is not None and graph not in self._ends:
            self._feature_of[graph] = name
        if name is not None and connected is not None:
            target = reference(connected) or (connected.text or "").strip().removeprefix("#")
            if target:
                self._connected[name] = target

    def _neighbour(self, node: str, graph: str) -> str | None:
        features = (
            self._feature_of.get(self._graph_of.get(other, "")) for other in self._reached(node) if self._graph_of.get(other) != graph
        )
        return next((f for f in features if f is not None), None)

    def _reached(self, node: str) -> Iterator[str]:
        yield node
        yield from self._joined.get(node, ())

    def _material(self, element: Element) -> str | None:
        for held in element.iterchildren("{*}hasMaterial"):
            if (name := reference(held)) is not None:
                return self._materials.get(name) or None
            return next(((inner.findtext("{*}type") or "").strip() or None for inner in held.iterchildren("*")), None)
        return None


def _link(element: Element) -> tuple[str, str]:
    start, end = (element.find(f"{{*}}{name}") for name in ("start", "end"))
    return tuple(str(e.get(HREF) or "").removeprefix("#") if e is not None else "" for e in (start, end))  # type: ignore[return-value]


def _named(element: Element, prop: str) -> str | None:
    return next((reference(e) for e in element.iterchildren(f"{{*}}{prop}")), None)
