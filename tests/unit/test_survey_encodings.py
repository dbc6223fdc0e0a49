"""Survey tables in GBK are known as such whatever word stands in every row; texts in other encodings stay theirs."""

from __future__ import annotations

from itertools import cycle, islice
from pathlib import Path

import pytest

from ingest.protocol import Limits
from ingest.readers.delimited import read_delimited
from ingest.readers.encodings import detect

HEADER = ["起点点号", "终点点号", "管径", "材质"]
LATIN_HEADER = ["QDDH", "ZDDH", "GJ", "CZ"]
WORDS = [
    "砼",
    "钢砼",
    "铸铁",
    "塑料",
    "PVC",
    "铜",
    "水",
    "圆",
    "未",
    "检查井",
    "雨篦",
    "雨箅",
    "碴",
    "阀",
    "阀门",
    "箱涵",
    "沟渎",
    "窨井",
    "φ300",
    "㎜",
    "圩",
    "泾",
]
RUSSIAN = [
    "Ленина",
    "Мира",
    "Лесная",
    "Садовая",
    "Новая",
    "Школьная",
    "Дом",
    "Советская",
    "Луговая",
    "Озеро",
    "Полевая",
    "Сад",
    "Река",
    "Речной",
]
FRENCH = ["Façade", "Qualité", "École", "Noël", "Hôtel de Ville", "Forêt", "Île", "à gauche", "père", "Été", "Hérault"]
GERMAN = ["Straße", "Größe", "Höhe", "Fußgänger", "Überlauf", "Schächte", "Rohr ½", "30 m²", "Öl", "Bäche", "Kanäle"]
TRADITIONAL = ["管線編號", "管徑", "材質", "混凝土", "鑄鐵", "雨水檢查井", "閥", "溝瀆", "PVC"]


def lines(header: list[str], words: list[str], rows: int, codec: str) -> list[bytes]:
    """Return the lines of a table whose last cell takes turns."""
    values = islice(cycle(words), rows)
    return [line.encode(codec) for line in (",".join(header), *(f"WS{n},WS{n + 1},300,{value}" for n, value in enumerate(values)))]


@pytest.mark.parametrize("rows", [1, 20, 300, 30_000])
@pytest.mark.parametrize("words", [["砼"], ["砼", "砼", "砼", "塑料"], ["钢砼", "砼"]])
def test_a_table_of_concrete_pipes_in_gbk(words: list[str], rows: int) -> None:
    content = b"\r\n".join(lines(HEADER, words, rows, "gb18030"))
    [sheet] = read_delimited(content, Limits(), frozenset({"起点点号", "终点点号"}), "管线")
    assert sheet.encoding == "gb18030"
    assert [row[3] for row in islice(sheet.rows, 4)] == list(islice(cycle(words), min(rows, 4)))


@pytest.mark.parametrize("rows", [1, 20, 3000])
@pytest.mark.parametrize("word", WORDS)
def test_a_word_of_the_field_in_every_row(word: str, rows: int) -> None:
    assert detect(lines(HEADER, [word], rows, "gb18030")) == "gb18030"
    assert detect(lines(HEADER, [word], rows, "utf-8")) == "utf-8"


@pytest.mark.parametrize("word", ["砼", "钢砼", "雨篦", "雨箅", "φ300", "铸铁"])
def test_a_word_of_the_field_below_a_latin_header(word: str) -> None:
    assert detect(lines(LATIN_HEADER, [word], 300, "gb18030")) == "gb18030"


@pytest.mark.parametrize("rows", [1, 14, 3000])
@pytest.mark.parametrize(("words", "western"), [(FRENCH, "cp1252"), (GERMAN, "cp1252"), (GERMAN, "iso8859-1"), (RUSSIAN, "cp1251")])
def test_western_texts_stay_western(words: list[str], western: str, rows: int) -> None:
    assert detect(lines(LATIN_HEADER, words, rows, western), western) == western
    assert detect([word.encode(western) for word in islice(cycle(words), rows)], western) == western
    for word in words:
        assert detect(lines(LATIN_HEADER, [f"{word} 1"], rows, western), western) == western


@pytest.mark.parametrize("rows", [1, 20, 3000])
def test_traditional_texts_stay_big5(rows: int) -> None:
    for word in TRADITIONAL:
        assert detect(lines(TRADITIONAL[:4], [word], rows, "cp950")) == "cp950"


@pytest.mark.parametrize("rows", [300, 30_000])
def test_one_cut_character_does_not_make_utf8_another_encoding(rows: int) -> None:
    table = lines(HEADER, ["塑料"], rows, "utf-8")
    assert detect([*table[:-1], table[-1][:-4] + b",1"]) == "utf-8"


@pytest.mark.parametrize("word", ["élan", "Größe", "père"])
def test_one_latin_line_does_not_make_utf8_chinese(word: str) -> None:
    table = lines(LATIN_HEADER, ["Qualité", "Höhe", "Façade"], 300, "utf-8")
    assert detect([*table, f"1,2,3,{word}".encode("cp1252")]) == "utf-8"


def test_a_survey_from_disk(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\n".join(lines(HEADER, ["砼"], 3000, "gb18030")))
    [sheet] = read_delimited(tmp_path / "a.csv", Limits(), frozenset({"起点点号", "终点点号"}), "a")
    assert (sheet.encoding, len(list(sheet.rows))) == ("gb18030", 3000)
