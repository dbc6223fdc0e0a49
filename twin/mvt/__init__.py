"""Mapbox Vector Tile 2.1: rows of features as PostgreSQL sends them → the layer of a tile, in compiled code; no database."""
