"""The private PostGIS cluster of a data folder: found, made, started, shared and stopped without anybody's help."""

from twin.embedded.cluster import EmbeddedCluster
from twin.embedded.failures import ClusterError, ForeignClusterError, PostgisMissingError

__all__ = ["ClusterError", "EmbeddedCluster", "ForeignClusterError", "PostgisMissingError"]
