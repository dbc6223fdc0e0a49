"""A dataset as the catalogue describes it: who answers for it, how new and how good it is, where it comes from; pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from ogc.formats import Format
from ogc.volumes import Volume
from twin.errors import Text
from twin.model import SharingClass
from twin.query.collection import Collection
from twin.query.records import DatasetFacts
from twin.query.time_spans import TimeSpan
from twin.update_cycle import UPDATE_CYCLES, Freshness, freshness, next_due

SHARING: Mapping[SharingClass, Text] = {
    SharingClass.OPEN: Text("无条件共享", "open to everybody"),
    SharingClass.SHARED: Text("有条件共享", "shared on conditions"),
    SharingClass.RESTRICTED: Text("不予共享", "restricted"),
}
FRESHNESS: Mapping[Freshness, Text] = {
    "current": Text("按期更新", "up to date"),
    "overdue": Text("逾期未更新", "overdue"),
    "unknown": Text("无更新要求", "no cycle is set"),
}
NO_FACTS = DatasetFacts(0, None, None, None, None, ())
"""Of a dataset without a revision."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the catalogue, at one time."""

    collection: Collection
    facts: DatasetFacts
    now: dt.datetime
    span: TimeSpan | None = None
    """When what the dataset holds is valid, or was taken; None where it says nothing of that."""
    files: tuple[Format, ...] = ()
    """What its features are written as besides GeoJSON."""
    volume: Volume | None = None
    """What is built of it in 3D."""

    @property
    def id(self) -> str:
        """The dataset's id."""
        return self.collection.slug

    @property
    def freshness(self) -> Freshness:
        """Whether the dataset is as new as its update cycle demands."""
        last = self.facts.last
        return "unknown" if last is None else freshness(self.collection.dataset.update_cycle, last, self.now)

    @property
    def next_due(self) -> dt.datetime | None:
        """When the next revision is due."""
        last = self.facts.last
        return None if last is None else next_due(self.collection.dataset.update_cycle, last)

    def findings(self, *severities: str) -> int:
        """Return how many findings of these severities the last check had that nobody let pass."""
        return sum(f.count for f in self.facts.findings if f.severity in severities and not f.waived)

    @property
    def waived(self) -> int:
        """How many findings a reviewer let pass."""
        return sum(f.count for f in self.facts.findings if f.waived)

    def keywords(self, language: str) -> list[str]:
        """Return the words by which the dataset is looked for, without repetition."""
        kind = self.collection.feature_type
        words = [kind.title.in_language(language), kind.cim_class, kind.cim_level, *kind.aliases]
        return list(dict.fromkeys(word for word in words if word))

    def searched_text(self) -> str:
        """Return everything that a search by words looks at, in both languages, in one case."""
        dataset, kind = self.collection.dataset, self.collection.feature_type
        texts = (dataset.title, kind.title, kind.description, *(f.title for f in kind.fields))
        said = [part for text in texts for part in (text.zh, text.en)]
        other = (dataset.slug, dataset.owner_department, dataset.steward, dataset.source_platform or "", dataset.licence, kind.name)
        return "\n".join([*said, *other, *self.keywords("zh"), *self.keywords("en")]).casefold()

    def queryable_row(self, language: str) -> dict[str, object]:
        """Return the values by which a filter asks (twin/query/records.py), and the extent."""
        dataset, kind, facts = self.collection.dataset, self.collection.feature_type, self.facts
        edges = self.collection.revision.extent_deg or (None, None, None, None)
        return {
            "id": self.id,
            "type": "dataset",
            "title": dataset.title.in_language(language),
            "description": kind.description.in_language(language),
            "created": rfc3339(facts.first),
            "updated": rfc3339(facts.last),
            "owner_department": dataset.owner_department or None,
            "steward": dataset.steward or None,
            "source_platform": dataset.source_platform,
            "licence": dataset.licence or None,
            "sharing": dataset.sharing.value,
            "update_cycle": dataset.update_cycle,
            "freshness": self.freshness,
            "next_due": rfc3339(self.next_due),
            "feature_type": kind.name,
            "cim_class": kind.cim_class,
            "cim_level": kind.cim_level,
            "revision": self.collection.revision.commit,
            "count": self.collection.revision.count,
            "errors": self.findings("blocking", "error"),
            "warnings": self.findings("warning", "review"),
            **dict(zip(("west", "south", "east", "north"), edges, strict=True)),
        }


def cycle_title(code: str | None, language: str) -> str | None:
    """Return what an update cycle is called; a code that is none of ours is its own title."""
    cycle = UPDATE_CYCLES.get(code or "")
    return code if cycle is None else cycle.title.in_language(language)


def rfc3339(time: dt.datetime | None) -> str | None:
    """Return a time in UTC as the standard's schema has it, None for none."""
    return None if time is None else time.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
