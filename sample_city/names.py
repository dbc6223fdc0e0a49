"""Chinese names of streets, estates and institutions."""

from __future__ import annotations

_STREETS_EAST_WEST = (
    "延陵", "关河", "劳动", "中吴", "龙城", "太湖", "飞龙", "清潭", "勤业", "竹林", "红梅", "新堂", "聚湖", "广电", "人民", "文化",
)  # fmt: skip
_STREETS_NORTH_SOUTH = (
    "和平", "晋陵", "通江", "长江", "青洋", "怀德", "丽华", "兰陵", "翠竹", "晋阳", "健身", "会馆", "双桂", "椿庭", "北直", "化龙",
)  # fmt: skip
_FIRST = "永长新东青金银玉春秋明清华光景嘉安泰和顺福兴盛文武学书梅兰竹菊荷桂松柏云星月龙凤"
_SECOND = "宁康平乐丰昌阳源泉河溪桥塘湖江山岭园林苑台亭阁楼门坊井湾岸滨城庄浜渚洲汀原川谷峰"
_TURNS = ("", "二", "三", "四", "五", "六", "七", "八", "九", "十")
STRETCH = 24
"""A street keeps its name for so many blocks."""
_ESTATE_FIRST = (
    "学府", "锦绣", "阳光", "金色", "翠园", "怡康", "世纪", "香江", "天安", "常发", "荷园", "浦陵", "朝阳", "富都", "丽景", "银河",
    "聚博", "青枫", "天润", "凯尔", "华润", "宝龙", "御景", "新城", "春江", "牡丹", "清水", "枫逸", "白云", "玉隆",
)  # fmt: skip
_ESTATE_LAST = ("花园", "新村", "苑", "名邸", "雅居", "公寓", "华庭", "家园", "水岸", "府邸")


def street_name(index: int, middle: int, count: int, lines: int, *, east_west: bool, arterial: bool) -> str:
    """Return the name of block ``middle`` (0-based along the street, of ``count``) of street number ``index`` of ``lines``."""
    bases = _STREETS_EAST_WEST if east_west else _STREETS_NORTH_SOUTH
    stretch, along = divmod(middle, STRETCH)
    name = _base(bases, index + stretch * lines, 0 if east_west else 17)
    if not arterial:
        return name + ("街" if east_west else "巷")
    length = min(STRETCH, count - stretch * STRETCH)
    if east_west:
        return name + ("西路", "中路", "东路")[3 * along // length]
    return name + ("南路", "北路")[2 * along // length]


def estate_name(rank: int) -> str:
    """Return the name of the ``rank``-th housing estate; the first 300 all differ, and hardly two of any city are alike."""
    number, last = divmod(rank, len(_ESTATE_LAST) * len(_ESTATE_FIRST))
    first = last % len(_ESTATE_FIRST)
    ending = _ESTATE_LAST[(last // len(_ESTATE_FIRST) + last) % len(_ESTATE_LAST)]
    if number == 0:
        return _ESTATE_FIRST[first] + ending
    pairs = len(_FIRST) * len(_SECOND)
    turn, pair = divmod(rank, pairs * len(_ESTATE_LAST))
    phase = _TURNS[turn % len(_TURNS)]
    return _pair(pair % pairs, 5) + _ESTATE_LAST[(pair // pairs + pair) % len(_ESTATE_LAST)] + (phase and f"{phase}期")


def place_name(rank: int) -> str:
    """Return the two characters that the institutions of block number ``rank`` are called by; 1,600 follow one another."""
    return _pair(rank % (len(_FIRST) * len(_SECOND)), 9)


def _base(known: tuple[str, ...], number: int, shift: int) -> str:
    """Return the ``number``-th base name: the known ones, then pairs of auspicious words, then these with a numeral."""
    if number < len(known):
        return known[number]
    turn, pair = divmod(number - len(known), len(_FIRST) * len(_SECOND))
    return _pair(pair, shift) + _TURNS[turn % len(_TURNS)]


def _pair(number: int, shift: int) -> str:
    """Return one of the 1,600 pairs, neighbours in number unlike one another."""
    first = number % len(_FIRST)
    return _FIRST[first] + _SECOND[(number // len(_FIRST) + 3 * first + shift) % len(_SECOND)]
