"""Whether a text begins as an OBJ: every text in an archive is asked, so that the answer may cost next to nothing."""

from __future__ import annotations

import pytest

from ingest.readers.obj_mesh import is_obj

HEADS = [
    (b"v 1 2 3", True),
    (b"# by hand\n\n  v 1 2 3\r\nvn 0 0 1\nxy", True),
    (b"mtllib a.mtl\nusemtl b\n", True),
    (b"# a\n" * 900 + b"v 1 2 3\n", True),
    (b"g\n" * 8192, False),
    (b"# a\n" * 4096, False),
    (b"v 1 2 3\nvertices 3\nv 1 2 3\n", False),
    (b"\n" * 100, False),
    (b"", False),
]


@pytest.mark.parametrize(("head", "expected"), HEADS, ids=range(len(HEADS)))
def test_statements_of_obj_and_nothing_else_make_one(head: bytes, expected: bool) -> None:
    assert is_obj(head) is expected
