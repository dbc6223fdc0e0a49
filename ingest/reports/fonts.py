"""The font the acceptance sheet is set in: one with Chinese, found where distributions put it, and embedded so that any reader shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from twin.errors import UnavailableError

FOLDERS: Sequence[Path] = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path("~/.local/share/fonts"))
_KNOWN: Sequence[tuple[str, int]] = (
    ("NotoSansCJK-Regular.ttc", 2),
    ("NotoSansCJKsc-Regular.otf", 0),
    ("NotoSansSC-Regular.otf", 0),
    ("NotoSansSC-Regular.ttf", 0),
    ("SourceHanSansSC-Regular.otf", 0),
    ("SourceHanSansCN-Regular.otf", 0),
    ("NotoSerifCJK-Regular.ttc", 2),
    ("wqy-microhei.ttc", 0),
    ("DroidSansFallbackFull.ttf", 0),
)
"""File, and in a collection the number of the face with Chinese forms; all are openly licensed, the best to read first."""


@dataclass(frozen=True, slots=True)
class FontFile:
    """A font on this machine."""

    path: Path
    face: int


def find_font(folders: Sequence[Path] = FOLDERS) -> FontFile:
    """Return a font with Chinese; UnavailableError ``font-missing``, saying what to install, when there is none."""
    there = {path.name: path for folder in folders for path in folder.expanduser().rglob("*.[to]t[cf]")}
    for name, face in _KNOWN:
        if name in there:
            return FontFile(there[name], face)
    error = UnavailableError(
        "there is no font with Chinese on this machine: install fonts-noto-cjk", zh="本机没有中文字体，请安装 fonts-noto-cjk"
    )
    raise error.with_code("font-missing")
