"""The frozen values every package speaks in: FeatureType, Dataset, Commit, Revision, Finding and their kin. No I/O."""

from __future__ import annotations

import datetime as dt
import enum
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from twin.errors import Text

GeometryType = Literal["Point", "LineString", "MultiPolygon", "coverage"]
FieldType = Literal["string", "code", "integer", "number", "boolean", "date", "datetime"]
Recipe = Literal["extrude", "envelope", "tube", "well", "view", "drape", "terrain", "imagery", "point_cloud", "model", "none"]
Scalar = str | int | float | bool | dt.date | dt.datetime | None


@dataclass(frozen=True, slots=True)
class Code:
    """One entry of a code list: the code as stored, its titles, its colour and how sure we are of it."""

    code: str
    title: Text
    color: str | None = None
    aliases: tuple[str, ...] = ()
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class CrossedCode:
    """A code of another classification, what it is called there, and what it is in ours."""

    code: str
    to: str
    title_zh: str | None = None


@dataclass(frozen=True, slots=True)
class Crosswalk:
    """Codes of another classification, old or local, and what they are in a code list."""

    id: str
    title: Text
    source: str
    verified: bool
    codes: tuple[CrossedCode, ...]
    columns: tuple[str, ...] = ()
    """Names of source columns whose values are codes of the other classification, even where the same code means something else here."""
    columns_perhaps: tuple[str, ...] = ()
    """Names of columns that hold codes of either: their values decide, else a person."""
    beside: tuple[str, ...] = ()
    """Names of columns that only tables of the other classification have."""
    prefix: str = ""
    """What stands before its codes where they are among ours."""


@dataclass(frozen=True, slots=True)
class CodeList:
    """A closed list of codes with the source it was taken from."""

    id: str
    title: Text
    source: str
    verified: bool
    codes: tuple[Code, ...]
    crosswalks: tuple[Crosswalk, ...] = ()

    def by_code(self) -> dict[str, Code]:
        """Return the codes keyed by code."""
        return {c.code: c for c in self.codes}

    def resolve(self) -> dict[str, str]:
        """Return every accepted spelling → code: a code wins over an alias, that over a title, and our own over those of crosswalks."""
        spellings: dict[str, str] = {}
        for crosswalk in self.crosswalks:
            spellings.update({c.title_zh: c.to for c in crosswalk.codes if c.title_zh is not None})
            if crosswalk.prefix or not crosswalk.columns:
                spellings.update({crosswalk.prefix + c.code: c.to for c in crosswalk.codes})
        for c in reversed(self.codes):
            spellings.update({c.title.en: c.code, c.title.zh: c.code})
        for c in self.codes:
            spellings.update(dict.fromkeys(c.aliases, c.code))
        spellings.update({c.code: c.code for c in self.codes})
        return spellings


@dataclass(frozen=True, slots=True)
class Reference:
    """What the values of a field name: features of ``type`` by the value of their ``field``, which is unique there."""

    type: str
    field: str
    relation: str
    """Stable word for what the reference says, e.g. ``stands-on``."""
    title: Text


@dataclass(frozen=True, slots=True)
class Field:
    """One typed attribute of a FeatureType."""

    name: str
    type: FieldType
    title: Text
    unit: str | None = None
    aliases: tuple[str, ...] = ()
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    codelist: CodeList | None = None
    no_value: tuple[float, ...] = ()
    """Numbers by which a source says that it has none, e.g. 0 for a height that nobody measured."""
    default: Scalar = None
    default_by: tuple[str, Mapping[str, Scalar]] | None = None
    """(other field, {its value: default here}): used where the source gives none."""
    derived: str | None = None
    """Name of the derivation that fills it at publish where the source gives none (``ground_height``…); None for a plain field."""
    max_length: int | None = None
    template: str | None = None
    """Text with {field} places used where the source gives none and all those fields have a value, e.g. "{start_node}-{end_node}"."""
    reference: Reference | None = None
    """The feature another department keeps that a value names; None for a plain field."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check rule with its parameters, as a FeatureType names it."""

    rule: str
    parameters: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Style:
    """How a FeatureType is drawn by default."""

    color_by: str | None
    default_color: str
    choices: tuple[str, ...]
    """Fields a user can colour by, in order; ``color_by`` is the first shown."""
    ramps: Mapping[str, tuple[tuple[float, str], ...]]
    """Stops (value, #rrggbb) for numeric choices."""
    draw_order: int = 0
    fill_opacity: float = 1.0
    line_width_px: float = 1.0
    underground: bool = False
    visible: bool = True


@dataclass(frozen=True, slots=True)
class FeatureType:
    """What a kind of thing is; everything else about it (table, checks, API, tiles, style, form) derives from this."""

    name: str
    version: int
    title: Text
    description: Text
    cim_class: str
    cim_level: str
    geometry_type: GeometryType
    has_z: bool
    fields: tuple[Field, ...]
    natural_key: tuple[str, ...]
    checks: tuple[Check, ...]
    recipe: Recipe
    recipe_fields: Mapping[str, str]
    """Role of the recipe → field name, e.g. {"height": "height_m"}."""
    style: Style
    tolerance_m: float = 0.001
    aliases: tuple[str, ...] = ()
    """Sheet and layer names by which a source may call it."""
    cim_verified: bool = False
    """True when class and level were compared with the text of the standard."""
    cityjson_types: tuple[str, ...] = ()
    """Types of CityJSON's city objects that are features of this type."""
    osm_tags: tuple[str, ...] = ()
    """Tags of OpenStreetMap (``key`` or ``key=value``), any of which makes an object a feature of this type."""

    def field(self, name: str) -> Field:
        """Return the field called ``name``; KeyError when there is none."""
        for f in self.fields:
            if f.name == name:
                return f
        raise KeyError(name)

    def is_unique(self, name: str) -> bool:
        """Return whether no two features of a dataset have the same value of field ``name``: its key, or an error of rule ``unique``."""
        if self.natural_key == (name,):
            return True
        return any(
            check.rule == "unique" and check.parameters.get("fields") == (name,) and check.parameters.get("severity", "error") == "error"
            for check in self.checks
        )

    @property
    def field_names(self) -> tuple[str, ...]:
        """Names of all fields, in order."""
        return tuple(f.name for f in self.fields)


class SharingClass(enum.StrEnum):
    """Who may see a dataset."""

    OPEN = "open"
    SHARED = "shared"
    RESTRICTED = "restricted"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: every door passes one to the query core, so rights are one place."""

    name: str
    classes: frozenset[SharingClass]

    @staticmethod
    def anonymous() -> Principal:
        """Return the caller nobody knows: open data only."""
        return Principal("anonymous", frozenset({SharingClass.OPEN}))

    @staticmethod
    def system() -> Principal:
        """Return the platform itself (tile builds, exports by the operator)."""
        return Principal("system", frozenset(SharingClass))


@dataclass(frozen=True, slots=True)
class Deployment:
    """One city: the values fixed when it was made (`twin init`)."""

    name: str
    storage_srid: int
    vertical: str
    """``egm96``, ``constant:METRES`` or ``none``."""
    extent_deg: tuple[float, float, float, float] | None
    admin_prefix: str | None
    oid_root: str
    geocentric_pipeline: str
    """PROJ pipeline storage CRS + ellipsoidal height → geocentric WGS 84, chosen once at init."""
    geocentric_accuracy_m: float | None
    geocentric_operation: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """A published series of one FeatureType."""

    id: int
    slug: str
    feature_type: str
    class_number: int
    title: Text
    owner_department: str
    steward: str
    licence: str
    sharing: SharingClass
    tolerance_m: float
    source_platform: str | None = None
    update_cycle: str | None = None


@dataclass(frozen=True, slots=True)
class Commit:
    """A strictly ordered act of publishing."""

    number: int
    time: dt.datetime
    actor: str
    reason: str
    name: str | None
    kind: Literal["publish", "rollback"]


@dataclass(frozen=True, slots=True)
class Revision:
    """The state of one dataset at a commit; never changed afterwards."""

    dataset: int
    commit: int
    inserted: int
    updated: int
    deleted: int
    count: int
    lineage: Mapping[str, object]
    extent_deg: tuple[float, float, float, float] | None


class Severity(enum.StrEnum):
    """How much a finding matters, gravest first: BLOCKING rejects the file, ERROR the row, the others nothing; REVIEW asks for a look."""

    BLOCKING = "blocking"
    ERROR = "error"
    REVIEW = "review"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of one check rule."""

    rule: str
    severity: Severity
    row: int | None
    """1-based number of the feature (or spreadsheet row) in its source layer; None for the file as a whole."""
    message: Text
    layer: str = ""
    key: str | None = None
    place: tuple[float, float] | None = None
    """x, y in the storage CRS."""
    value: str | None = None
    """What the source has there, where one value is wrong."""
    proposal: str | None = None
    """What we would write instead."""
    file: str = ""
    """Name of the file; filled in where the finding is kept."""
    waived: str | None = None
    """Why a reviewer let it pass: it then rejects nothing."""
    waived_by: str | None = None
    field: str | None = None
    """The field it is about, where it is about one."""

    @property
    def rejects(self) -> bool:
        """Whether its row is left out."""
        return self.waived is None and self.severity in (Severity.BLOCKING, Severity.ERROR)


@dataclass(frozen=True, slots=True)
class FindingKind:
    """What findings are counted by."""

    rule: str
    severity: Severity
    waived: bool

    @staticmethod
    def of(finding: Finding) -> FindingKind:
        """Return the kind of a finding."""
        return FindingKind(finding.rule, finding.severity, finding.waived is not None)


class SubmissionState(enum.StrEnum):
    """Where uploaded files are on their way."""

    RECEIVED = "received"
    CHECKED = "checked"
    REJECTED = "rejected"
    ACCEPTED = "accepted"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Asset:
    """Something built from a revision; it has a state and can be rebuilt."""

    dataset: int
    revision: int
    kind: Literal["tileset", "terrain"]
    variant: str
    state: Literal["missing", "building", "ready", "failed"]
    detail: Mapping[str, object]


def oid_prefix(root: str, class_number: int) -> str:
    """Return what stands before the sequence in every OID of one FeatureType: root, class arc ``2``, class number (DESIGN 7)."""
    return f"{root}.2.{class_number}."


def new_oid_root() -> str:
    """Return a fresh self-assigned root 2.25.<UUID as integer> (ISO/IEC 9834-8)."""
    return f"2.25.{uuid.uuid4().int}"
