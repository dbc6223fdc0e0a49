"""Values of a statement under construction: each gets a name, the SQL text only its placeholder."""

from __future__ import annotations

from psycopg import sql


class Parameters:
    """Bound values by name, in the order they were added: the same question gives the same SQL text."""

    def __init__(self, first: int = 0) -> None:
        self.values: dict[str, object] = {}
        self._first = first

    def add(self, value: object) -> sql.Placeholder:
        """Bind a value and return where it goes."""
        name = f"v{self._first + len(self.values)}"
        self.values[name] = value
        return sql.Placeholder(name)
