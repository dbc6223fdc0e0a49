"""Wavefront OBJ with MTL: faces of any number of corners, texture coordinates, colours and pictures; z upwards, as surveyors have it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ingest.readers.gltf_mesh import drawable
from ingest.refusals import rejected
from twin.errors import TwinError
from twin.placed_mesh import Material, MeshPart, PlacedMesh

_KEYWORDS = frozenset(
    b"v vt vn vp f l p o g s mtllib usemtl cstype deg surf curv parm end lod maplib usemap shadow_obj trace_obj bevel mg".split()
)
_LINES_OF_HEAD = 1000
"""So many are looked at: every text in an archive is."""
_BOM = b"\xef\xbb\xbf"
_SRGB_GAMMA = 2.2
_LIBRARY, _FOLDER = ".mtl", "\n"
"""How libraries end, and what no name holds: it parts the folder of a library from a picture."""
_OPTION = re.compile(r"^-\w+$")
_NOT_THERE = frozenset({"model-content-missing", "model-uri-outside"})
"""Why another place is looked at; what is there and may not be unpacked is refused."""
type ReadFile = Callable[[str], bytes]


def is_obj(head: bytes) -> bool:
    """Return whether a text begins as an OBJ does: with statements of OBJ and nothing else, one of them a vertex or a library."""
    lines = _whole_lines(head).split(b"\n", _LINES_OF_HEAD)[:-1] or [head]
    is_one = False
    for line in lines:
        word = next(iter(line.split(None, 1)), b"#")
        if word.startswith(b"#"):
            continue
        if word not in _KEYWORDS:
            return False
        is_one = is_one or word in (b"v", b"mtllib")
    return is_one


def _whole_lines(content: bytes) -> bytes:
    """Return a text without its mark and with lines that go on, a backslash at their end, put together."""
    return content.removeprefix(_BOM).replace(b"\\\r\n", b" ").replace(b"\\\n", b" ")


@dataclass(slots=True)
class _Group:
    """Corners of the triangles of one material: indices of vertex, texture and normal, −1 for none."""

    corners: list[tuple[int, int, int]] = field(default_factory=list)


def obj_mesh(content: bytes, where: str, read_file: ReadFile, most_vertices: int) -> PlacedMesh:
    """Return what an OBJ draws, not placed yet.

    ``read_file`` gives a file it names. RejectedError ``obj-broken``, ``model-too-large`` or ``texture-unsupported``.
    """
    lines = [line.strip() for line in _whole_lines(content).splitlines()]
    vertices, textures, normals = (_table(lines, word, width, where) for word, width in ((b"v", 3), (b"vt", 2), (b"vn", 3)))
    if len(vertices) > most_vertices:
        raise rejected("model-too-large", f"More than {most_vertices} vertices.", f"顶点数超过 {most_vertices}。")
    groups = _groups(lines, (len(vertices), len(textures), len(normals)), where)
    materials, images = _library(lines, groups, where, read_file)
    parts = tuple(
        _part(np.array(group.corners, np.int64), vertices, textures, normals, number)
        for number, group in enumerate(groups.values())
        if group.corners
    )
    return PlacedMesh(parts, materials, images)


def _table(lines: list[bytes], word: bytes, width: int, where: str) -> npt.NDArray[np.float64]:
    """Return the numbers of all statements ``word``; what stands after the first ``width`` (colours, w) is left out."""
    rows = [parts[1 : width + 1] for line in lines if line.startswith(word) and (parts := line.split())[0] == word]
    try:
        return np.array(rows, dtype="S32").astype(np.float64).reshape(-1, width)
    except ValueError as error:
        raise _broken(where, f"{word.decode()}: {error}"[:200]) from error


def _groups(lines: list[bytes], counts: tuple[int, int, int], where: str) -> dict[str, _Group]:
    """Return the triangles by material; faces of more corners become fans. Negative indices count from what was there already."""
    groups: dict[str, _Group] = {}
    here = groups.setdefault("", _Group())
    seen = [0, 0, 0]
    order = {b"v": 0, b"vt": 1, b"vn": 2}
    for line in lines:
        parts = line.split()
        if not parts:
            continue
        if (kind := order.get(parts[0])) is not None:
            seen[kind] += 1
        elif parts[0] == b"f":
            try:
                corners = [_corner(part, seen, counts) for part in parts[1:]]
            except (ValueError, IndexError) as error:
                raise _broken(where, f"f: {line[:80].decode('ascii', 'replace')}") from error
            for second in range(1, len(corners) - 1):
                here.corners += (corners[0], corners[second], corners[second + 1])
        elif parts[0] == b"usemtl":
            here = groups.setdefault(_rest(line), _Group())
    return groups


def _corner(text: bytes, seen: list[int], counts: tuple[int, int, int]) -> tuple[int, int, int]:
    found = [-1, -1, -1]
    for kind, number in enumerate(text.split(b"/")):
        if number:
            index = int(number)
            found[kind] = index - 1 if index > 0 else seen[kind] + index
            if not 0 <= found[kind] < counts[kind]:
                raise IndexError
    if found[0] < 0:
        raise ValueError
    return found[0], found[1], found[2]


def _part(
    corners: npt.NDArray[np.int64],
    vertices: npt.NDArray[np.float64],
    textures: npt.NDArray[np.float64],
    normals: npt.NDArray[np.float64],
    material: int,
) -> MeshPart:
    unique, index = np.unique(corners, axis=0, return_inverse=True)
    v, t, n = unique.T
    textured, shaded = bool((t >= 0).all()), bool((n >= 0).all())
    return MeshPart(
        vertices[v],
        index.reshape(-1, 3).astype(np.uint32),
        (textures[t] * [1.0, -1.0] + [0.0, 1.0]).astype(np.float32) if textured else None,  # v runs upwards in OBJ, downwards in glTF
        normals[n].astype(np.float32) if shaded else None,
        material,
    )


def _library(lines: list[bytes], names: Iterable[str], where: str, read_file: ReadFile) -> tuple[tuple[Material, ...], tuple[bytes, ...]]:
    """Return the material of each name in order, and the pictures."""
    described: dict[str, dict[str, str]] = {}
    for line in lines:
        if line.startswith(b"mtllib"):
            for name, content in _libraries(_rest(line), read_file):
                described |= _materials(content, posixpath.dirname(name.replace("\\", "/")))
    files: dict[str, int] = {}
    materials = tuple(_material(described.get(name, {}), files) for name in names)
    return materials, tuple(drawable(_beside_library(file, read_file), f"{where}/{file.rpartition(_FOLDER)[2]}") for file in files)


def _libraries(names: str, read_file: ReadFile) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the libraries of one statement: one whose name may hold spaces, else several."""
    several = [f"{name}{_LIBRARY}" for name in re.split(rf"{re.escape(_LIBRARY)}(?:\s+|$)", names, flags=re.IGNORECASE) if name]
    try:
        yield names, read_file(names)
    except TwinError as error:
        if error.code not in _NOT_THERE or len(several) < 2:
            raise
        yield from ((name, read_file(name)) for name in several)


def _beside_library(file: str, read_file: ReadFile) -> bytes:
    """Return a picture that a library in a folder of its own names: it lies beside the library, or beside the OBJ."""
    folder, _, picture = file.rpartition(_FOLDER)
    if not folder:
        return read_file(picture)
    try:
        return read_file(f"{folder}/{picture}")
    except TwinError as error:
        if error.code not in _NOT_THERE:
            raise
        return read_file(picture)


def _materials(content: bytes, folder: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    here: dict[str, str] = {}
    for line in content.removeprefix(_BOM).splitlines():
        word, rest = (*_text(line).split(None, 1), "", "")[:2]
        if word == "newmtl":
            here = found.setdefault(rest.strip(), {_FOLDER: folder})
        else:
            here[word.casefold()] = rest.strip()
    return found


def _material(described: dict[str, str], files: dict[str, int]) -> Material:
    picture = described.get("map_kd")
    number = None if picture is None else files.setdefault(f"{described[_FOLDER]}{_FOLDER}{_picture(picture)}", len(files))
    try:
        red, green, blue = (float(c) ** _SRGB_GAMMA for c in described["kd"].split()[:3]) if picture is None else (1.0, 1.0, 1.0)
        opacity = float(described.get("d", 1.0))
    except (KeyError, ValueError, TypeError):
        red, green, blue, opacity = (*Material().color[:3], 1.0) if picture is None else (1.0, 1.0, 1.0, 1.0)
    color = (min(max(red, 0.0), 1.0), min(max(green, 0.0), 1.0), min(max(blue, 0.0), 1.0), min(max(opacity, 0.0), 1.0))
    return Material(color, number, is_unlit=picture is not None, is_masked="map_d" in described)


def _picture(statement: str) -> str:
    """Return the file of ``map_Kd -s 1 1 1 name with spaces.jpg``."""
    words = statement.split()
    if not any(_OPTION.match(w) for w in words):
        return statement
    last = max(n for n, w in enumerate(words) if _OPTION.match(w))
    rest = words[last + 1 :]
    while len(rest) > 1 and re.fullmatch(r"[-+.\deE]+|on|off", rest[0]):
        rest = rest[1:]
    return " ".join(rest)


def _rest(line: bytes) -> str:
    return (*_text(line).split(None, 1), "", "")[1].strip()


def _text(line: bytes) -> str:
    """Return a line as text: UTF-8, else GB 18030."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("gb18030", "replace")


def _broken(where: str, reason: str) -> TwinError:
    return rejected("obj-broken", f"{where}: {reason}", f"{where} 无法读取：{reason}")
