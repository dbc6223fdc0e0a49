"""The text of DBF tables in every encoding of the corpus: declared by .cpg or language driver, wrongly, or not at all."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pyogrio
import pytest

from ingest.readers.dbf import Dbf
from ingest.readers.encodings import codec_of, dbf_encoding, detect
from tests.vector_layers import Layer, inspected, refusal

CORPUS = "bad-shapefile/encodings"
HITACHINAKA = ["ひたちなか市", "西蒲原郡弥彦村"]


def texts(path: Path) -> tuple[str, list[str | None]]:
    cpg = path.with_suffix(".cpg")
    table = Dbf(path.read_bytes())
    encoding = dbf_encoding(cpg.read_bytes() if cpg.exists() else None, table.language_driver, table.raw_texts())
    column, clean = table.column(0, encoding.codec, 0, table.rows)
    assert clean
    return encoding.codec, column.to_pylist()


@pytest.mark.parametrize(
    ("file", "codec", "expected"),
    [
        ("gbk", "gb18030", ["简体国语"]), ("gb2312", "gb18030", ["简体国语"]), ("big5", "cp950", ["繁體國語"]),
        ("utf8", "utf-8", ["国语國語"]), ("latin1", "cp1252", ["Peçeña México"]), ("shiftjis", "cp932", HITACHINAKA),
        ("eucjp", "euc_jp", HITACHINAKA), ("ldid/chinese", "gb18030", ["简体"]), ("cpg/big5", "cp950", ["國語"]),
        ("cpg/euckr", "euc_kr", ["한국말"]), ("cpg/koi8r", "koi8-r", ["русский"]), ("cpg/latin2", "iso8859-2", ["čeština"]),
        ("cpg/shiftjis", "shift_jis", ["カタカナひらがな"]), ("cpg/utf16", "utf-16", []), ("cpg/win1251", "cp1251", ["РУССКИЙ"]),
        ("cpg/win874", "cp874", ["ภาษาไทย"]),
    ],
)  # fmt: skip
def test_every_file_of_the_corpus(real_data: Path, file: str, codec: str, expected: list[str]) -> None:
    assert texts(real_data / CORPUS / f"{file}.dbf") == (codec, expected)


def test_names_in_utf16(real_data: Path) -> None:
    table = Dbf((real_data / CORPUS / "cpg/utf16.dbf").read_bytes())
    assert table.names("utf-16") == ("i", "N")


def test_columns_of_one_name_are_numbered(real_data: Path) -> None:
    names = Dbf((real_data / CORPUS / "duplicate_fields.dbf").read_bytes()).names("utf-8")
    assert len(set(names)) == len(names)


def test_a_cpg_that_is_wrong_is_not_believed(real_data: Path, tmp_path: Path) -> None:
    """Shanghai's districts are GBK; a .cpg that says UTF-8 cannot be right, one that says GBK is."""
    source = real_data / "admin-shanghai-gbk" / "区县界_area.shp"
    expected = list(pyogrio.raw.read(source, columns=["NAME"], encoding="GBK")[3][0])
    for suffix in (".shp", ".shx", ".dbf", ".prj"):
        shutil.copy(source.with_suffix(suffix), tmp_path / f"a{suffix}")
    for cpg in ("UTF-8", "GBK", "ANSI 936", "nonsense"):
        (tmp_path / "a.cpg").write_text(cpg)
        layer = Layer(tmp_path / "a.shp", None, "admin_unit")
        assert (layer.source.encoding, layer.columns["NAME"]) == ("gb18030", expected)


def test_a_declared_encoding_goes_before_everything(real_data: Path) -> None:
    path = real_data / "bad-shapefile/encodings/cpg/big5.shp"
    assert Layer(path).columns["NAME"] == ["國語"]
    assert Layer(path, encoding="gbk").columns["NAME"] == ["瓣粂"]


def test_broken_shapefiles_of_the_corpus(real_data: Path) -> None:
    folder = real_data / "bad-shapefile/pyshp"
    assert refusal(folder / "latin1.shp") == "missing-member"
    assert len(Layer(folder / "corrupt_too_long.shp").rows) == len(pyogrio.raw.read(folder / "corrupt_too_long.shp")[2])
    assert Layer(folder / "REL.zip").rows == [1]


def test_shapefiles_of_one_name_in_two_folders_are_two_layers(real_data: Path, tmp_path: Path) -> None:
    source = real_data / "admin-shanghai-gbk"
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for folder in ("2019", "2020"):
            for path in source.iterdir():
                archive.write(path, f"{folder}/{path.name}")
    assert {layer.name for layer in inspected(tmp_path / "a.zip").layers} == {"2019/区县界_area", "2020/区县界_area"}
    assert len(Layer(tmp_path / "a.zip", "2020/区县界_area", "admin_unit").rows) == 17


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("UTF-8", "utf-8"), ("936", "gb18030"), ("GBK", "gb18030"), ("ANSI 936", "gb18030"), ("OEM 936", "gb18030"),
        ("BIG5", "cp950"), ("Big-5", "cp950"), ("950", "cp950"), ("ISO 88591", "iso8859-1"), ("ANSI 1251", "cp1251"), ("no such", None),
    ],
)  # fmt: skip
def test_names_of_encodings(name: str, codec: str | None) -> None:
    assert codec_of(name) == codec


def test_simplified_text_is_not_taken_for_traditional() -> None:
    words = ["地下管线普查", "建筑物", "雨水检查井", "混凝土", "江苏省常州市武进区"]
    assert detect([w.encode("gb18030") for w in words]) == "gb18030"
    assert detect([w.encode("cp950") for w in ["地下管線普查", "建築物", "雨水檢查井", "混凝土"]]) == "cp950"
