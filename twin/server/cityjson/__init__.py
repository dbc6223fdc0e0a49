"""Datasets written as CityJSON: what came as CityJSON leaves as it came, everything else from its footprint and 3D."""
