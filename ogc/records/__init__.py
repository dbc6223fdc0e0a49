"""The catalogue as a collection of records (OGC API - Records - Part 1: Core, 20-004r1)."""
