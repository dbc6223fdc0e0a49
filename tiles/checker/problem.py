"""What the checker reports."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One breach of a standard or of our own accuracy rules: a stable code, where it is, and what was found."""

    code: str
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.code}: {self.message}"


class Problems:
    """The problems found so far in one file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[Problem] = []

    def add(self, code: str, where: str, message: str) -> None:
        """Record one."""
        self.found.append(Problem(code, f"{self.file}#{where}", message))

    def unless(self, holds: object, code: str, where: str, message: str) -> bool:
        """Record one unless ``holds``; return whether it held."""
        if not holds:
            self.add(code, where, message)
        return bool(holds)
