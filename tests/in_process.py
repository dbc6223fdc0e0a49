"""Loading without the sandbox's processes, for tests of what becomes of rows rather than of how they are confined."""

from __future__ import annotations

from dataclasses import replace

from ingest.load import LoadResult
from ingest.load import load as load_files
from ingest.readers.choice import choose_reader
from ingest.reading import read_parts
from ingest.request import LoadRequest
from twin.server.city import City
from twin.server.loading import workplace


def load(city: City, asked: LoadRequest) -> LoadResult:
    """Load and publish, the files read in this process; no tiles are built."""
    place = replace(workplace(city, lambda *_: None), read=lambda request: read_parts(choose_reader(request), request))
    return load_files(place, asked)
