"""Writing features through the door: OGC API - Features - Part 4 (20-002) and atomic transactions over several collections."""
