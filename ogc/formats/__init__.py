"""Files that features are handed out as: one module a family of formats, each a writer of what `twin.query` streams."""

from ogc.formats.export import Export, Format
from ogc.formats.known import Formats

__all__ = ["Export", "Format", "Formats"]
