"""What FeatureTypes say of each other: the type and field that a reference or a ``node-exists`` check names must be there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from twin.featuretypes.document import FeatureTypeError
from twin.model import FeatureType, Field, Reference


def check_references(types: Mapping[str, FeatureType]) -> None:
    """Raise FeatureTypeError at the first reference whose target is missing, not unique there, or of another kind of value.

    A deployment's own type may refer to packaged ones; where it replaces a packaged type it keeps the fields others refer to.
    """
    for feature_type in types.values():
        for place, reason in _faults(feature_type, types):
            raise FeatureTypeError(f"{feature_type.name}.yaml", place, reason)


def _faults(feature_type: FeatureType, types: Mapping[str, FeatureType]) -> Iterator[tuple[str, str]]:
    for number, field in enumerate(feature_type.fields):
        if field.reference is not None:
            for place, reason in _reference_faults(field, field.reference, types):
                yield f"fields[{number}].references.{place}", reason
    for number, check in enumerate(feature_type.checks):
        names = check.parameters.get("fields", ())
        if check.rule == "node-exists":
            target, name = str(check.parameters["type"]), str(check.parameters["field"])
            for place, reason in _target_faults(target, name, types):
                yield f"checks[{number}].{place}", reason
        elif check.rule == "reference" and isinstance(names, tuple):
            for name in names:
                if feature_type.field(str(name)).reference is None:
                    yield f"checks[{number}].fields", f"field {name!r} has no references"


def _reference_faults(field: Field, reference: Reference, types: Mapping[str, FeatureType]) -> Iterator[tuple[str, str]]:
    faults = tuple(_target_faults(reference.type, reference.field, types))
    if faults:
        yield from faults
        return
    target = types[reference.type]
    if not target.is_unique(reference.field):
        yield "field", f"{reference.field!r} is not unique in {reference.type}: neither its key nor under a check 'unique'"
    elif (target.field(reference.field).type == "integer") != (field.type == "integer"):
        kinds = (target.field(reference.field).type, field.type)
        yield "field", f"{reference.field!r} of {reference.type} is of type {kinds[0]}, {field.name!r} of type {kinds[1]}"


def _target_faults(target: str, name: str, types: Mapping[str, FeatureType]) -> Iterator[tuple[str, str]]:
    if target not in types:
        yield "type", f"there is no FeatureType {target!r}"
    elif name not in types[target].field_names:
        yield "field", f"{target} has no field {name!r}"
