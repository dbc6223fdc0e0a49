"""OGC Features and Geometries JSON (OGC 21-045r1, JSON-FG 1.0): items with their CRS, time, type and solids."""
