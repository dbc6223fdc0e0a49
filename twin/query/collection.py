"""A dataset as a door shows it: its table, its CRSs, its ids, and whether a caller may see it at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from twin.catalogue import Catalogue
from twin.crs import OutputCrs, output_crs_list, storage_crs
from twin.errors import NotFoundError
from twin.model import Dataset, Deployment, FeatureType, Principal, Revision, oid_prefix
from twin.query.filter_ast import ValueType
from twin.query.positions import StoredPositions
from twin.query.unprojecting import Unprojecting
from twin.tables import geometry_type

VALIDITY_FIELDS = ("valid_from", "valid_to")
VALUE_TYPES: Mapping[str, ValueType] = {
    "string": "text",
    "code": "text",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "date": "date",
    "datetime": "timestamp",
}
"""Type of a field → of what a filter compares it with."""
_SEQUENCE = re.compile(r"^[1-9][0-9]{0,17}$")


@dataclass(frozen=True, slots=True, eq=False)
class Collection:
    """What the query core has to know of a dataset; made once per version of the catalogue, and equal to itself only."""

    dataset: Dataset
    feature_type: FeatureType
    revision: Revision
    """The newest one when this was made; statements read the true one in their own snapshot."""
    storage_srid: int
    vertical: str
    oid_prefix: str
    crs: tuple[OutputCrs, ...]
    """CRSs of its positions, the default first."""
    unprojecting: Unprojecting | None = None
    """How its positions become degrees outside the database, where that gives the same numbers."""

    @property
    def slug(self) -> str:
        """The collection's id, which is the dataset's."""
        return self.dataset.slug

    @property
    def stored(self) -> StoredPositions:
        """How its positions lie in the table."""
        return StoredPositions(self.storage_srid, self.feature_type.has_z, self.vertical)

    @property
    def properties(self) -> tuple[str, ...]:
        """Names of the properties its features carry, in order."""
        return (*self.feature_type.field_names, *VALIDITY_FIELDS)

    @property
    def value_types(self) -> Mapping[str, ValueType]:
        """The properties a filter may name and the types of their values."""
        return {f.name: VALUE_TYPES[f.type] for f in self.feature_type.fields} | dict.fromkeys(VALIDITY_FIELDS, "date")

    @property
    def is_coverage(self) -> bool:
        """True when the features are only the footprints of source rasters."""
        return self.feature_type.geometry_type == "coverage"

    @property
    def geometry_type(self) -> str:
        """The simple-features type of its geometries as PostGIS writes it, with Z where they have it."""
        return geometry_type(self.feature_type)

    def fid(self, identifier: str) -> int:
        """Return the sequence number in an OID (or that number alone); NotFoundError when no feature here can have it."""
        sequence = identifier.removeprefix(self.oid_prefix)
        if not _SEQUENCE.match(sequence):
            raise NotFoundError("there is no such feature", zh="没有该要素")
        return int(sequence)


def collection_of(
    catalogue: Catalogue, deployment: Deployment, dataset: Dataset, unprojecting: Unprojecting | None = None
) -> Collection | None:
    """Return the collection of a dataset, None before its first revision."""
    revision = catalogue.current_revision(dataset.slug)
    if revision is None:
        return None
    feature_type = catalogue.feature_type(dataset.feature_type)
    return Collection(
        dataset=dataset,
        feature_type=feature_type,
        revision=revision,
        storage_srid=deployment.storage_srid,
        vertical=deployment.vertical,
        oid_prefix=oid_prefix(deployment.oid_root, dataset.class_number),
        crs=output_crs_list(storage_crs(deployment.storage_srid), has_vertical=feature_type.has_z and deployment.vertical != "none"),
        unprojecting=unprojecting,
    )


def collections_of(catalogue: Catalogue, unprojecting: Unprojecting | None = None) -> dict[str, Collection]:
    """Return every collection by its id, whoever may see it; ``unprojecting`` is how their positions become degrees in pages."""
    deployment = catalogue.deployment
    made = (collection_of(catalogue, deployment, dataset, unprojecting) for dataset in catalogue.datasets())
    return {c.slug: c for c in made if c is not None}


def may_see(collection: Collection, principal: Principal) -> bool:
    """True when one of the caller's sharing classes is the dataset's."""
    return collection.dataset.sharing in principal.classes


def require_visible(collection: Collection, principal: Principal) -> None:
    """Raise NotFoundError unless the caller may see the collection: what is hidden does not exist (reliability.md §1)."""
    if not may_see(collection, principal):
        raise NotFoundError(f"there is no collection {collection.slug!r}", zh=f"没有集合 {collection.slug!r}")
