"""Which layer or sheet of a file a part means, when it does not say so by the exact name."""

from __future__ import annotations

from collections.abc import Sequence

from ingest.names import normalised
from ingest.protocol import PartRequest
from ingest.refusals import layer_missing, rejected
from twin.errors import TwinError
from twin.model import FeatureType

_SHOWN = 20
"""Of so many layers the names are given."""


def choose_layer(part: PartRequest, names: Sequence[str]) -> str:
    """Return the layer named by ``part``, else the one named like its FeatureType, else the only one; RejectedError when unclear."""
    if part.layer is not None:
        for name in names:
            if normalised(name) == normalised(part.layer):
                return name
        raise layer_missing(part.layer, tuple(names))
    matching = layers_named_like(part.feature_type, names)
    if len(matching) == 1:
        return matching[0]
    if len(names) == 1:
        return names[0]
    raise layer_unclear(part.feature_type, names)


def layer_unclear(feature_type: FeatureType, names: Sequence[str]) -> TwinError:
    """Return the error of several layers of which nobody says which one is meant."""
    zh, en = "、".join(names[:_SHOWN]), ", ".join(names[:_SHOWN])
    return rejected(
        "layer-missing",
        f"The file has several layers, of which none alone is called a {feature_type.title.en}: say which ({en}).",
        f"文件有多个图层，无法确定哪个是{feature_type.title.zh}，请指定图层（{zh}）。",
    )


def layers_named_like(feature_type: FeatureType, names: Sequence[str]) -> list[str]:
    """Return the names that are the type's name, title or alias, or hold one of them; exact ones alone when there are any."""
    spellings = spellings_of(feature_type)
    exact = [n for n in names if normalised(n) in spellings]
    return exact or [n for n in names if any(s in normalised(n) for s in spellings if len(s) > 1)]


def spellings_of(feature_type: FeatureType) -> set[str]:
    """Return the normalised names by which a layer may call a type."""
    return {normalised(t) for t in (feature_type.name, feature_type.title.zh, feature_type.title.en, *feature_type.aliases)}
