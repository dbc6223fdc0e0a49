"""Search across collections: one question, asked of every collection the caller may see."""

from ogc.search.door import SearchDoor

__all__ = ["SearchDoor"]
