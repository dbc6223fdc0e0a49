"""A seeded generator of source files of a small Chinese city, as its departments would hand them over. Imports nothing of ours."""

from sample_city.generate import generate
from sample_city.manifest import Fact, Fault, Manifest, Source, Update

__all__ = ["Fact", "Fault", "Manifest", "Source", "Update", "generate"]
