"""Which function answers which rule, in the order they are asked: each over all parts of a submission before the next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from ingest.set_rules.context import SetCheck, SetContext
from ingest.set_rules.repeated import repeated_values
from ingest.set_rules.targets import missing_nodes, missing_references
from twin.model import Finding

SetRule = Callable[[SetContext, SetCheck], Iterable[Finding]]

SET_RULES: Mapping[str, SetRule] = MappingProxyType(
    {
        "unique": repeated_values,
        "node-exists": missing_nodes,
        "reference": missing_references,
    }
)
"""Rule id → function. It finds; what its findings do to the rows is `ingest.checking`'s."""
