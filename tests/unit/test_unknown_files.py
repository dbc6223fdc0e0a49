"""What is said of archives and XML that no reader takes: what is wrong with them, and what to do."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from ingest.protocol import ReadRequest
from ingest.readers.choice import choose_reader
from twin.errors import TwinError


@pytest.mark.parametrize(
    ("names", "code", "zh"),
    [
        ((), "empty-file", "压缩包中没有文件"),
        (("a/", "__MACOSX/._b"), "empty-file", "压缩包中没有文件"),
        (("普查/管线.dbf", "普查/管线.prj"), "unsupported-media", "缺少 .shp 文件"),
        (("成果.pdf", "照片.jpg"), "unsupported-media", "没有可识别的数据文件：成果.pdf、照片.jpg"),
        (tuple(f"{n}.pdf" for n in range(7)), "unsupported-media", "4.pdf……"),
    ],
)
def test_a_zip_without_anything_to_read_says_what_is_in_it(tmp_path: Path, names: tuple[str, ...], code: str, zh: str) -> None:
    with zipfile.ZipFile(path := tmp_path / "a.zip", "w") as archive:
        for name in names:
            archive.writestr(name, b"" if name.endswith("/") else b"\x01nothing known")
    with pytest.raises(TwinError) as refused:
        choose_reader(ReadRequest(path, (), 0))
    assert (refused.value.code, zh in refused.value.text.zh) == (code, True), refused.value.text.zh


@pytest.mark.parametrize(("name", "head"), [("成果.pdf", b"%PDF-1.7"), ("照片.jpg", b"\xff\xd8\xff"), ("a.xtf", b"<TRANSFER/>")])
def test_a_file_of_no_known_kind_says_what_may_be_handed_in(tmp_path: Path, name: str, head: bytes) -> None:
    (path := tmp_path / name).write_bytes(head + bytes(100))
    with pytest.raises(TwinError) as refused:
        choose_reader(ReadRequest(path, (), 0))
    assert (refused.value.code, "工作簿（XLSX）" in refused.value.text.zh) == ("unsupported-media", True)


@pytest.mark.parametrize("name", ["普查.dbf", "普查.SHX", "普查.cpg"])
def test_a_part_of_a_shapefile_alone_says_what_it_belongs_to(tmp_path: Path, name: str) -> None:
    (path := tmp_path / name).write_bytes(b"\x03\x7a\x07\x1aUTF-8" + bytes(40))
    with pytest.raises(TwinError) as refused:
        choose_reader(ReadRequest(path, (), 0))
    assert refused.value.code == "unsupported-media"
    assert refused.value.text.zh.startswith(f"{name} 是 Shapefile 的附属文件"), refused.value.text.zh


@pytest.mark.parametrize("name", ["a.gml", "a.kml"])
def test_a_doctype_is_refused_with_what_to_do(tmp_path: Path, name: str) -> None:
    (path := tmp_path / name).write_text('<?xml version="1.0"?><!DOCTYPE kml [<!ENTITY x "y">]><kml>&x;</kml>', encoding="utf-8")
    with pytest.raises(TwinError) as refused:
        choose_reader(ReadRequest(path, (), 0))
    assert refused.value.code == "xml-dtd-forbidden"
    assert "删去该声明" in refused.value.text.zh
    assert "take it out" in refused.value.text.en
