"""The catalogue: sole reader and writer of deployment, FeatureTypes, datasets, commits, revisions, submissions, findings and assets."""

from twin.catalogue.assets import asset_kind, has_tree
from twin.catalogue.catalogue import Catalogue
from twin.catalogue.datasets import Description, NewDataset, check_slug

__all__ = ["Catalogue", "Description", "NewDataset", "asset_kind", "check_slug", "has_tree"]
