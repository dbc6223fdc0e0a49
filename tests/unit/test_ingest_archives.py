"""ZIP and gzip archives as an attacker packs them, and DBF encodings as departments write them."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from pathlib import Path

import pytest

from ingest.protocol import Limits, ReadRequest
from ingest.readers.archive import Archive, read_gzip
from ingest.readers.dbf import Dbf
from ingest.readers.encodings import codec_of, dbf_encoding, declared_codec, detect
from ingest.readers.model_archive import limits_of
from twin.errors import TwinError


def packed(path: Path, *entries: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


def code_of(path: Path, limits: Limits | None = None) -> str:
    with pytest.raises(TwinError) as caught:
        read_all(path, limits or Limits())
    return caught.value.code


def read_all(path: Path, limits: Limits) -> None:
    archive = Archive(path, limits)
    for name in archive.names:
        archive.read(name)


@pytest.mark.parametrize("name", ["../a.shp", "a/../../b.shp", "/etc/passwd", "\\\\server\\x", "..\\a.shp", "C:/a.shp", "a" * 201])
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    assert code_of(packed(tmp_path / "a.zip", (name, b"x"))) == "zip-unsafe-path"


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("a.shp")
    link.external_attr = 0o120777 << 16
    assert code_of(packed(tmp_path / "a.zip", (link, b"/etc/passwd"))) == "zip-symlink"


@pytest.mark.parametrize(
    ("root", "is_one"),
    [
        (b'{"asset": {"version": "1.1"}, "root": {}}', True),
        (gzip.compress(b'\xef\xbb\xbf{"asset": {}, "root": {}}', mtime=0), True),
        (b'{"asset": {}}', False),
        (b"", False),
        (b"\x1f\x8bno gzip", False),
    ],
)
def test_only_a_tileset_may_hold_more(tmp_path: Path, root: bytes, is_one: bool) -> None:
    def entries(*files: tuple[str, bytes]) -> int:
        path = packed(tmp_path / "a.zip", *files)
        return limits_of(ReadRequest(path, (), 0, limits=Limits(archive_entries=10, model_entries=99))).archive_entries

    assert entries(("top/tileset.json", root), ("a.shp", b"")) == (99 if is_one else 10)
    assert entries(("a/tileset.json", root), ("b/tileset.json", root)) == 10, "of two side by side neither is read"


def test_two_names_that_are_one_on_some_disks_are_refused(tmp_path: Path) -> None:
    assert code_of(packed(tmp_path / "a.zip", ("a.shp", b"1"), ("A.SHP", b"2"))) == "zip-duplicate"


def test_an_archive_in_the_archive_is_refused(tmp_path: Path) -> None:
    assert code_of(packed(tmp_path / "a.zip", ("inner.zip", b"PK"))) == "zip-nested"


def test_an_encrypted_archive_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", ("a.shp", b"x"))
    content = bytearray(path.read_bytes())
    for magic, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(magic) + at] |= 1
    path.write_bytes(bytes(content))
    assert code_of(path) == "zip-encrypted"


def test_too_many_entries_are_refused(tmp_path: Path) -> None:
    assert (
        code_of(packed(tmp_path / "a.zip", *((f"{i}.txt", b"") for i in range(11))), Limits(archive_entries=10)) == "zip-too-many-entries"
    )


def test_a_bomb_is_refused_by_its_ratio_before_it_has_unpacked(tmp_path: Path) -> None:
    assert code_of(packed(tmp_path / "a.zip", ("a.shp", bytes(64 << 20)))) == "zip-bomb"


def test_a_size_that_the_header_hides_counts_all_the_same(tmp_path: Path) -> None:
    """The sizes in the central directory say 10 bytes; what comes out is what counts."""
    path = packed(tmp_path / "a.zip", ("a.shp", bytes(2 << 20)))
    content = bytearray(path.read_bytes())
    for magic, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", content, content.index(magic) + at, 10)
    path.write_bytes(bytes(content))
    assert code_of(path, Limits(unpacked_bytes=1 << 20)) in ("zip-bomb", "archive-broken")


def test_all_entries_share_one_limit(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", *((f"{i}.shp", bytes(400_000)) for i in range(4)))
    assert code_of(path, Limits(unpacked_bytes=1_000_000)) == "zip-bomb"


def test_a_cut_archive_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", ("a.shp", bytes(range(256)) * 100))
    path.write_bytes(path.read_bytes()[:-30])
    assert code_of(path) == "archive-broken"


def test_names_in_gbk_are_read_as_such(tmp_path: Path) -> None:
    """Chinese Windows writes names in GBK and does not flag them; Python reads them as code page 437."""
    name = "区县界.shp"
    path = packed(tmp_path / "a.zip", ("PLACEHOLDR", b"x"))
    raw = name.encode("gb18030")
    assert len(raw) == 10
    path.write_bytes(path.read_bytes().replace(b"PLACEHOLDR", raw))
    assert Archive(path, Limits()).names == (name,)


def test_a_gzip_bomb_and_a_cut_gzip_are_refused(tmp_path: Path) -> None:
    bomb, cut = tmp_path / "bomb.gz", tmp_path / "cut.gz"
    bomb.write_bytes(gzip.compress(bytes(64 << 20)))
    cut.write_bytes(gzip.compress(b"{}" * 1000, mtime=0)[:-6])
    codes = []
    for path in (bomb, cut):
        with pytest.raises(TwinError) as caught:
            read_gzip(path, Limits())
        codes.append(caught.value.code)
    assert codes == ["gzip-bomb", "archive-broken"]


@pytest.mark.parametrize(
    ("name", "codec"),
    [("UTF-8", "utf-8"), ("GBK", "gb18030"), ("936", "gb18030"), ("CP936\n", "gb18030"),
     ("ANSI 936", "gb18030"), ("Big5", "cp950"), ("950", "cp950"), ("ISO-8859-1", "iso8859-1"), ("88591", "iso8859-1"),
     ("ISO 88591", "iso8859-1"), ("1252", "cp1252"), ("ANSI 1252", "cp1252"), ("nonsense", None)],
)  # fmt: skip
def test_what_stands_in_a_cpg(name: str, codec: str | None) -> None:
    assert codec_of(name) == codec


@pytest.mark.parametrize("name", ["hex", "zlib", "rot13", "base64", "idna", "punycode", "undefined", "a\0b", "编码"])
def test_what_gives_no_text_of_a_file_is_no_encoding(name: str) -> None:
    assert codec_of(name) is None
    with pytest.raises(TwinError) as caught:
        declared_codec(name)
    assert caught.value.code == "encoding"


CITY = "常州市天宁区钟楼区新北区武进区金坛区溧阳市居住用地道路中心学校医院公园绿地"
TRADITIONAL = "臺北市中正區大同區松山區大安區萬華區信義區學校醫院公園綠地道路住宅用地"


@pytest.mark.parametrize(("text", "codec"), [(CITY, "utf-8"), (CITY, "gb18030"), (TRADITIONAL, "cp950"), ("plain ascii", "utf-8")])
def test_an_undeclared_encoding_is_told_from_the_bytes(text: str, codec: str) -> None:
    texts = [text[i : i + 4].encode(codec) for i in range(0, len(text), 4)]
    assert detect(texts) == codec


def test_a_declaration_wins_while_it_can_be_true() -> None:
    gbk = [CITY.encode("gb18030")]
    assert dbf_encoding(b"Big5", 0x4D, [TRADITIONAL.encode("cp950")]).codec == "cp950"
    assert dbf_encoding(b"UTF-8", 0x4D, gbk).codec == "gb18030"
    assert dbf_encoding(b"ISO-8859-1", 0, gbk).codec == "iso8859-1"
    assert dbf_encoding(None, 0x4D, gbk).codec == "gb18030"
    assert dbf_encoding(None, 0x57, gbk).codec == "gb18030"
    assert dbf_encoding(None, 0x57, ["Zürich".encode("cp1252")]).codec == "cp1252"


def dbf(fields: list[tuple[str, str, int, int]], rows: list[bytes], count: int | None = None) -> bytes:
    out = io.BytesIO()
    record = 1 + sum(f[2] for f in fields)
    out.write(struct.pack("<B3xIHH20x", 3, len(rows) if count is None else count, 32 + 32 * len(fields) + 1, record))
    for name, kind, width, decimals in fields:
        out.write(struct.pack("<11sc4xBB14x", name.encode("gb18030"), kind.encode(), width, decimals))
    out.write(b"\r" + b"".join(rows))
    return out.getvalue()


def test_a_dbf_gives_typed_columns_and_names_deleted_records() -> None:
    rows = [
        b" " + "雨水".encode("gb18030").ljust(8) + b"  1.50" + b"20190502" + b"T",
        b"*" + b"x".ljust(8) + b"******" + b"        " + b"?",
    ]
    table = Dbf(dbf([("管线种类", "C", 8, 0), ("埋深", "N", 6, 2), ("日期", "D", 8, 0), ("在用", "L", 1, 0)], rows))
    assert table.names("gb18030") == ("管线种类", "埋深", "日期", "在用")
    columns = [table.column(i, "gb18030", 0, 2)[0].to_pylist() for i in range(4)]
    assert [c[0] for c in columns][:2] == ["雨水", 1.5]
    assert str(columns[2][0]) == "2019-05-02"
    assert [c[1] for c in columns] == ["x", None, None, None]
    assert table.deleted.tolist() == [False, True]


def test_a_character_cut_by_the_width_of_its_field_loses_only_itself() -> None:
    table = Dbf(dbf([("A", "C", 5, 0)], [b" " + "常州市".encode("gb18030")[:5]]))
    values, clean = table.column(0, "gb18030", 0, 1)
    assert values.to_pylist() == ["常州"]
    assert clean


@pytest.mark.parametrize("content", [b"", b"\3" * 10, dbf([("A", "C", 5, 0)], [], count=10**6), dbf([], [])])
def test_a_dbf_whose_sizes_do_not_agree_is_refused(content: bytes) -> None:
    with pytest.raises(TwinError) as caught:
        Dbf(content)
    assert caught.value.code == "dbf-broken"
