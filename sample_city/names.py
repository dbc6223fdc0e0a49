"""Chinese names of streets, estates and institutions."""

from __future__ import annotations

_STREETS_EAST_WEST = (
    "延陵", "关河", "劳动", "中吴", "龙城", "太湖", "飞龙", "清潭", "勤业", "竹林", "红梅", "新堂", "聚湖", "广电", "人民", "文化",
)  # fmt: skip
_STREETS_NORTH_SOUTH = (
    "和平", "晋陵", "通江", "长江", "青洋", "怀德", "丽华", "兰陵", "翠竹", "晋阳", "健身", "会馆", "双桂", "椿庭", "北直", "化龙",
)  # fmt: skip
_GENERATIONS = ("", "新", "上", "下", "内", "外", "前", "后", "大", "小", "古", "老")
_ESTATE_FIRST = (
    "学府", "锦绣", "阳光", "金色", "翠园", "怡康", "世纪", "香江", "天安", "常发", "荷园", "浦陵", "朝阳", "富都", "丽景", "银河",
    "聚博", "青枫", "天润", "凯尔", "华润", "宝龙", "御景", "新城", "春江", "牡丹", "清水", "枫逸", "白云", "玉隆",
)  # fmt: skip
_ESTATE_LAST = ("花园", "新村", "苑", "名邸", "雅居", "公寓", "华庭", "家园", "水岸", "府邸")
_PHASES = ("", "二期", "三期", "四期", "五期", "六期", "七期", "八期", "九期", "十期")


def street_name(index: int, middle: int, count: int, *, east_west: bool, arterial: bool) -> str:
    """Return the name of the stretch ``middle`` (0-based along the street, of ``count``) of street number ``index``."""
    bases = _STREETS_EAST_WEST if east_west else _STREETS_NORTH_SOUTH
    generation, place = divmod(index, len(bases))
    name = _GENERATIONS[generation % len(_GENERATIONS)] + bases[place]
    if not arterial:
        return name + ("街" if east_west else "巷")
    if east_west:
        return name + ("西路", "中路", "东路")[min(2, 3 * middle // count)]
    return name + ("南路", "北路")[min(1, 2 * middle // count)]


def estate_name(rank: int) -> str:
    """Return the name of the ``rank``-th housing estate; the first 3,000 differ."""
    first = _ESTATE_FIRST[rank % len(_ESTATE_FIRST)]
    last = _ESTATE_LAST[(rank // len(_ESTATE_FIRST) + rank) % len(_ESTATE_LAST)]
    phase = rank // (len(_ESTATE_FIRST) * len(_ESTATE_LAST))
    return first + last + _PHASES[phase % len(_PHASES)]
