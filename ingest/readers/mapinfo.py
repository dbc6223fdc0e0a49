"""MapInfo tables: TAB (with .dat, .map, .id) and MIF (with .mid), loose with their files or in a ZIP.

The character set a file declares is looked at before it is believed: ``Neutral`` and ``WindowsLatin1`` stand before Chinese text, too.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path, PurePosixPath

from ingest.gdal_policy import MemoryFile
from ingest.protocol import ReadRequest
from ingest.readers.archive import Archive
from ingest.readers.content import declared_encoding
from ingest.readers.dbf import Dbf
from ingest.readers.encodings import Encoding, declared_or_detected
from ingest.readers.mapped_text import mapped
from ingest.readers.ogr import OgrFile, OgrSource
from ingest.readers.replaced_head import with_head
from ingest.readers.unpacked import Unpacked
from ingest.refusals import missing_member, rejected
from twin.errors import Text, TwinError

FORMAT, _DRIVER = "MapInfo", "MapInfo File"
_MEMBERS: Mapping[str, tuple[str, ...]] = {".tab": (".dat", ".map", ".id"), ".mif": (".mid",)}
_OPTIONAL = (".ind",)
TAB_MEMBERS, MIF_MEMBERS = (*_MEMBERS[".tab"], *_OPTIONAL), _MEMBERS[".mif"]
_ALL = frozenset({*_MEMBERS, *(suffix for needed in _MEMBERS.values() for suffix in needed), *_OPTIONAL})
_CODECS: Mapping[str, str] = {
    "WindowsSimpChinese": "gb18030", "WindowsTradChinese": "cp950", "WindowsJapanese": "cp932", "WindowsKorean": "cp949",
    "WindowsLatin2": "cp1250", "WindowsCyrillic": "cp1251", "WindowsGreek": "cp1253", "WindowsTurkish": "cp1254",
    "UTF-8": "utf-8", "WindowsLatin1": "cp1252", "ISO8859-1": "iso8859-1",
}  # fmt: skip
_UNSEEN = ("windowslatin1", "neutral")
"""What software writes without looking at the text."""
_CHARSET = re.compile(rb'(?im)^([ \t]*!charset[ \t]+|[ \t]*Charset[ \t]+"|.*\bType[ \t]+NATIVE[ \t]+Charset[ \t]+")([\w-]+)')
_NATIVE = re.compile(rb"(?i)\bType\s+NATIVE\b")
_HEADER_END = re.compile(rb"(?im)^[ \t]*Data[ \t]*\r?$")
_FIELD = re.compile(rb"(?im)^([ \t]*)(\S+)(?=[ \t]+(?:Char|Integer|SmallInt|LargeInt|Decimal|Float|Date|Time|DateTime|Logical)\b)")
_DESTROYED_UTF8 = re.compile(rb"(?=[^\xe2-\xef]*[\xe2-\xef]__)(?:[\0-\x7f]|[\xc2-\xdf]_|[\xe2-\xef]__)+", re.DOTALL)
_DESTROYED_GBK = re.compile(rb"(?=.*_)[\0-\x7f\xc0-\xff]*", re.DOTALL)
"""Names in which GDAL wrote an underscore for every byte between 80 and BF (TABCleanFieldName): of UTF-8 only lead bytes are left."""
_SAMPLED_BYTES, _MOST_HEADER_BYTES = 4 << 20, 4 << 20
_DBF_NAME_BYTES = (10, 11)
"""What of a longer name stands in the .dat, with and without a zero behind it."""

Members = Mapping[str, Unpacked]
"""Extension → content of one table."""


def is_mapinfo(text_head: bytes) -> bool:
    """Return whether a text begins as a TAB or a MIF does."""
    return re.match(rb"(?i)(!table\s|Version\s+\d+\s*\r?\n)", text_head) is not None


def loose_sidecars(path: Path) -> tuple[Path, ...]:
    """Return the names under which the other files of a loose table may lie."""
    extensions = [*_MEMBERS[".tab"], *_MEMBERS[".mif"], *_OPTIONAL]
    return tuple(path.with_suffix(s) for e in extensions for s in (e, e.upper()))


def open_loose(request: ReadRequest) -> OgrFile:
    """Return the table of ``request`` with the files beside it; RejectedError ``missing-member`` when it lacks one."""
    path = request.path
    text = _mapped(path)
    main = ".tab" if bytes(text[:6]).lower() == b"!table" else ".mif"
    members = {main: text} | {p.suffix.casefold(): _mapped(p) for p in loose_sidecars(path) if p.exists()}
    return OgrFile(FORMAT, [_source(0, path.stem, main, members, declared_encoding(request))], request.limits)


def _mapped(path: Path) -> memoryview:
    return memoryview(mapped(path))


def is_archived(archive: Archive) -> bool:
    """Return whether a ZIP holds a MapInfo table."""
    return any(_suffix(name) in _MEMBERS for name in archive.names)


def members_of(archive: Archive) -> list[str]:
    """Return the files that belong to tables."""
    return [name for name in archive.names if _suffix(name) in _ALL]


def open_archived(archive: Archive, request: ReadRequest) -> OgrFile:
    """Return every table of a ZIP as a layer; RejectedError ``missing-member`` when one lacks a file."""
    mains = [name for name in archive.names if _suffix(name) in _MEMBERS]
    declared = declared_encoding(request)
    sources = [_source(i, _stem(name), _suffix(name), dict(_archived_members(archive, name)), declared) for i, name in enumerate(mains)]
    return OgrFile(FORMAT, sources, request.limits)


def _archived_members(archive: Archive, main: str) -> Iterator[tuple[str, Unpacked]]:
    stem = main[: -len(_suffix(main))].casefold()
    wanted = (_suffix(main), *_MEMBERS[_suffix(main)], *_OPTIONAL)
    names = [n for n in archive.names if n[: len(n) - len(_suffix(n))].casefold() == stem and _suffix(n) in wanted]
    return ((_suffix(name), content) for name, content in archive.mapped(names).items())


def _source(index: int, name: str, main: str, members: Members, codec: str | None) -> OgrSource:
    if main == ".tab" and not _NATIVE.search(members[main]):
        raise _not_native(name)
    for needed in _MEMBERS[main]:
        if needed not in members:
            raise missing_member(f"{name}{needed}")
    encoding = _encoding(main, members) if codec is None else Encoding(codec, "the surveyor")
    charset = next((c for c, codec in _CODECS.items() if codec == encoding.codec), "Neutral")
    destroyed = _destroyed_names(members[main])
    written = {**members, main: _headed(members[main], charset, destroyed)}
    memory = tuple(MemoryFile(f"mapinfo{index}/{name}{suffix}", content) for suffix, content in written.items())
    path = next(m.path for m in memory if m.path.endswith(main))
    return OgrSource(_DRIVER, path, memory, name, encoding=encoding.codec, notes=(_note(encoding), *_destroyed_notes(destroyed)))


def _destroyed_names(text: Unpacked) -> frozenset[bytes]:
    """Return the names of columns that were destroyed when they were written; under another charset letters may look so."""
    stated, names = _stated_codec(text), {found[2] for found in _FIELD.finditer(text, 0, _header_bytes(text))}
    if stated in (None, "utf-8"):
        return frozenset(name for name in names if _DESTROYED_UTF8.fullmatch(name))
    if stated == "gb18030":
        return frozenset(name for name in names if _DESTROYED_GBK.fullmatch(name) and not _is_chinese(name))
    return frozenset()


def _is_chinese(name: bytes) -> bool:
    try:
        return bool(name.decode("gb2312"))
    except UnicodeDecodeError:
        return False


def _headed(text: Unpacked, charset: str, destroyed: frozenset[bytes]) -> Unpacked:
    """Return a text that declares ``charset`` and names no column as in ``destroyed``: the same where it does so already."""
    end = _header_bytes(text)
    header = bytes(text[:end])
    wanted = _CHARSET.sub(rb"\g<1>" + charset.encode(), _numbered(header, destroyed))
    return text if wanted == header else with_head(wanted, text, end)


def _numbered(header: bytes, destroyed: frozenset[bytes]) -> bytes:
    """Return a header whose destroyed names are numbers of columns: what is left of them may be no text, or twice the same."""
    if not destroyed:
        return header
    numbers = count(1)

    def named(field: re.Match[bytes]) -> bytes:
        number = next(numbers)
        return field[1] + (b"column_%d" % number if field[2] in destroyed else field[2])

    return _FIELD.sub(named, header)


def _destroyed_notes(destroyed: frozenset[bytes]) -> tuple[Text, ...]:
    if not destroyed:
        return ()
    return (
        Text(
            zh=f"{len(destroyed)} 个列名在写出时已损坏（GDAL、QGIS 未指定编码时会这样），记为 column_序号：请指定字段，或按 GBK 重新导出",
            en=f"{len(destroyed)} names of columns were destroyed when the file was written (GDAL and QGIS do so without an encoding) "
            "and are called column_number: map them by hand, or export again as CP936",
        ),
    )


def _header_bytes(text: Unpacked) -> int:
    """Return where the header of a MIF ends; a TAB is nothing else. No further than a header goes is looked for its end."""
    end = _HEADER_END.search(text, 0, _MOST_HEADER_BYTES)
    return end.start() if end else min(len(text), _MOST_HEADER_BYTES)


def _encoding(main: str, members: Members) -> Encoding:
    return declared_or_detected(_stated_codec(members[main]), "Charset", _texts(main, members))


def _stated_codec(text: Unpacked) -> str | None:
    """Return the codec of the charset that a text declares, None where it declares none or one that says nothing."""
    found = _CHARSET.search(text, 0, _header_bytes(text))
    stated = found[2].decode("ascii", "replace") if found else None
    return None if stated is None or stated.casefold() in _UNSEEN else _codec(stated)


def _codec(charset: str) -> str | None:
    known = {name.casefold(): codec for name, codec in _CODECS.items()}
    try:
        return known.get(charset.casefold()) or codecs.lookup(charset).name
    except LookupError:
        return None


def _texts(main: str, members: Members) -> Sequence[bytes]:
    """Return the names of columns and the text fields of the first records."""
    destroyed = _destroyed_names(members[main])
    if main == ".tab":
        left_out = destroyed | {name[:most] for name in destroyed for most in _DBF_NAME_BYTES}
        return [text for text in (*bytes(members[".tab"]).split(), *Dbf(members[".dat"]).raw_texts()) if text not in left_out]
    header, rows = members[".mif"][: _header_bytes(members[".mif"])], members[".mid"][:_SAMPLED_BYTES]
    words = [word for word in bytes(header).split() if word not in destroyed]
    return [*words, *bytes(rows).splitlines()[:4000]]


def _note(encoding: Encoding) -> Text:
    place = encoding.declared_in
    zh, en = (f"由 {place} 声明", f"declared by {place}") if place else ("根据内容检测", "told from its bytes")
    return Text(zh=f"文字编码 {encoding.codec}({zh})", en=f"text is {encoding.codec} ({en})")


def _stem(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).stem


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.casefold()


def _not_native(name: str) -> TwinError:
    return rejected(
        "mapinfo-linked",
        f"{name}.tab is no table of its own: it points to another file. Export it as a native table or as MIF.",
        f"{name}.tab 不是原生表，只指向其他文件；请另存为 MapInfo 原生表或 MIF。",
    )
