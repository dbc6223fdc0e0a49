"""Chinese texts have Chinese punctuation: no half-width commas, colons and brackets between Chinese characters."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_HAN = "\u4e00-\u9fff"
_HALF_WIDTH = re.compile(f"[{_HAN}”）][,;:(!?]|[,;:)][{_HAN}]")
_NOTATIONS = ("X-LOCAL:名称", "属性[:个数[:顺序]]", "constant:米", "类型:数据集", "主机[:端口]")
"""What is typed just so."""


def half_width(text: str) -> bool:
    for notation in _NOTATIONS:
        text = text.replace(notation, "")
    return _HALF_WIDTH.search(text) is not None


def literals(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and text of every literal with Chinese in it, a placeholder written as X; no docstrings, no English, no patterns."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    parts = {id(v) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for v in node.values}
    patterns = {id(a) for n in ast.walk(tree) if isinstance(n, ast.Call) and ast.unparse(n.func) == "re.compile" for a in ast.walk(n)}
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if id(node) in parts | patterns | docstrings:
            continue
        match node:
            case ast.Constant(value=str(text)):
                yield node.lineno, text
            case ast.JoinedStr(values=values):
                yield node.lineno, "".join(str(v.value) if isinstance(v, ast.Constant) else "X" for v in values)


@pytest.mark.parametrize("package", ["ingest", "ogc", "styles", "tiles", "twin"])
def test_texts_in_chinese_have_chinese_punctuation(package: str) -> None:
    paths = sorted((ROOT / package).rglob("*.py"))
    texts = [(f"{path.relative_to(ROOT)}:{line}", text) for path in paths for line, text in literals(path)]
    assert sum(re.search(f"[{_HAN}]", text) is not None for _, text in texts) > 5
    assert [(where, text) for where, text in texts if half_width(text)] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("有 3 个顶点,超过上限", True),
        ("X:属性嵌套过深", True),
        ("沙箱(X)，未读取", True),
        ("沙箱（X），未读取", False),
        ("X-LOCAL:名称", False),
        ("EPSG:4549 为 CGCS2000", False),
    ],
)
def test_half_width_punctuation_is_found(text: str, found: bool) -> None:
    assert half_width(text) is found
