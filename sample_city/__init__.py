"""A seeded generator of source files of a small Chinese city, as its departments would hand them over. Imports nothing of ours."""

from sample_city.generate import generate
from sample_city.manifest import Fault, Manifest, Source

__all__ = ["Fault", "Manifest", "Source", "generate"]
