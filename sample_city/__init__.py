"""A seeded generator of source files of a small Chinese city, as its departments would hand them over. Imports nothing of ours."""

from sample_city.generate import SMALLEST_SCALE, generate
from sample_city.manifest import Fact, Fault, Manifest, Source, Update

__all__ = ["SMALLEST_SCALE", "Fact", "Fault", "Manifest", "Source", "Update", "generate"]
