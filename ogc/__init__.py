"""The OGC API of a city: native hot routes and pygeoapi's documents over one query core."""
