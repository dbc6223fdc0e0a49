"""What the nodes of one tree are made with, in this process or, sent there, in another."""

from __future__ import annotations

import functools
import pickle
from dataclasses import dataclass, field

from tiles.content import Drawing
from tiles.glb import Encoding
from tiles.journal import Journal
from tiles.kept_pictures import KeptPictures
from tiles.local_frame import ToGeocentric
from tiles.massing_form import far_form_for
from tiles.metadata import MetadataClass, metadata_class
from tiles.node_store import NodeStore, Objects
from tiles.tiling import Budget
from tiles.tree import TreeMaker
from twin.model import FeatureType


@dataclass(frozen=True, slots=True)
class Means:
    """All that decides what the nodes of a tree are and where they are stored; pickles where ``to_geocentric`` and ``objects`` do.

    ``journal`` names the notes of the build; ``anew``: objects are written even where they are stored.
    """

    feature_type: FeatureType
    to_geocentric: ToGeocentric
    objects: Objects
    dataset: str
    variant: str
    encoding: Encoding
    budget: Budget
    journal: str
    anew: bool = False


@dataclass(frozen=True)
class Making:
    """The means of a tree, and what comes of them. In another process it is made from the means, once for all that is sent there."""

    means: Means
    metadata: MetadataClass = field(init=False, repr=False)
    store: NodeStore = field(init=False, repr=False)
    maker: TreeMaker = field(init=False, repr=False)
    journal: Journal = field(init=False, repr=False)

    def __post_init__(self) -> None:
        m = self.means
        store, metadata = NodeStore(m.objects, m.dataset, m.variant, anew=m.anew), metadata_class(m.feature_type)
        far = far_form_for(m.feature_type, metadata, m.encoding)
        maker = TreeMaker(store, Drawing(metadata, m.to_geocentric, m.encoding, KeptPictures(m.objects)), m.budget, far)
        for name, value in (("metadata", metadata), ("store", store), ("maker", maker), ("journal", Journal(store, m.journal))):
            object.__setattr__(self, name, value)

    @functools.cached_property
    def _pickled(self) -> bytes:
        return pickle.dumps(self.means, pickle.HIGHEST_PROTOCOL)

    def __reduce__(self) -> tuple[object, ...]:
        return _opened, (self._pickled,)


@functools.lru_cache(maxsize=2)
def _opened(pickled: bytes) -> Making:
    """Return what is made with the means that some process sent, which is one of ours."""
    return Making(pickle.loads(pickled))  # noqa: S301
