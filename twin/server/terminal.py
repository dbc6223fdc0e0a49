"""What a command says on the terminal: progress and messages on stderr, results on stdout, JSON as the last line when asked for."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping

import orjson

from twin.errors import Text, TwinError
from twin.server.pace import Pace

_REDRAW_S, _RESAID_S = 0.1, 5.0
"""How often progress is shown at most: on a terminal, and elsewhere."""
_YES = frozenset({"y", "yes", "是"})


class Terminal:
    """One command's voice, in the language of the user's environment."""

    def __init__(self, *, json_output: bool, environment: Mapping[str, str]) -> None:
        self.json_output = json_output
        locale = (
            environment.get("TWIN_LANG") or environment.get("LC_ALL") or environment.get("LC_MESSAGES") or environment.get("LANG") or ""
        )
        self.language = "zh" if locale.startswith("zh") else "en"
        self._interactive = sys.stderr.isatty()
        self._last_drawn = 0.0
        self._line_open = False
        self._pace = Pace()

    def say(self, zh: str, en: str) -> None:
        """Say one line to the user."""
        self._close_line()
        print(Text(zh, en).in_language(self.language), file=sys.stderr, flush=True)

    def print(self, line: str) -> None:
        """Give one line of result."""
        self._close_line()
        print(line, flush=True)

    def confirm(self, zh: str, en: str) -> bool:
        """Ask the person at the terminal; False where there is none."""
        if self.json_output or not (self._interactive and sys.stdin.isatty()):
            return False
        self._close_line()
        print(f"{Text(zh, en).in_language(self.language)} [y/N] ", end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip().casefold() in _YES

    def result(self, document: Mapping[str, object]) -> None:
        """Give the machine-readable result, when it was asked for."""
        self._close_line()
        if self.json_output:
            print(orjson.dumps(document, default=str).decode(), flush=True)

    def fail(self, error: TwinError) -> None:
        """Say why the command ends, in one line."""
        self._close_line()
        text = " ".join(error.text.in_language(self.language).split())
        print(f"twin: {text} [{error.code}]", file=sys.stderr, flush=True)
        if self.json_output:
            self.result({"error": {"code": error.code, "zh": error.text.zh, "en": error.text.en}})

    def progress(self, what: str, done: int, total: int | None) -> None:
        """Show how far something is, how fast it goes and when it is done; on a terminal the line is drawn over, elsewhere said rarely."""
        if time.monotonic() - self._last_drawn >= (_REDRAW_S if self._interactive else _RESAID_S):
            self._draw(self._pace.line(what, done, total, time.monotonic()))

    def step(self, step: Text) -> None:
        """Show what begins: on a terminal always, for it may take long and say nothing more; elsewhere as rarely as progress."""
        if self._interactive or time.monotonic() - self._last_drawn >= _RESAID_S:
            self._draw(step.in_language(self.language))

    def _draw(self, line: str) -> None:
        self._last_drawn = time.monotonic()
        if self._interactive:
            print(f"\r\033[K  {line}", end="", file=sys.stderr, flush=True)
            self._line_open = True
        else:
            print(f"  {line}", file=sys.stderr, flush=True)

    def _close_line(self) -> None:
        if self._line_open:
            print("\r\033[K", end="", file=sys.stderr)
            self._line_open = False
