"""Validity of 3D by ISO 19107, with the error codes of val3dity: rings, polygons, shells, solids, composites."""
