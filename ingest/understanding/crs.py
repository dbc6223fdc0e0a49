"""In which CRS a layer's coordinates are: what the file declares, held against where that would put them; else told by their size.

The ranges are those of requirements.md C.2. Numbers tell a grid and its belt where the city is known, never its datum: Xi'an 1980 and
Beijing 1954 coordinates are as large as those of CGCS2000 and lie tens of metres off, so what nobody declares stays to be confirmed.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ingest.understanding.area import DeploymentArea
from ingest.understanding.axes import EASTING_M, NORTHING_M, Axes, axes_by_values, share_within
from ingest.understanding.candidates import FITS, ZONED, Fit, candidates, degrees, elsewhere, in_degrees, ordered
from ingest.understanding.defined import DefinedCrs, Stated
from ingest.understanding.evidence import Evidence
from ingest.understanding.model_metres import model_metres
from ingest.understanding.sample import LayerSample
from ingest.understanding.scale import PACKED_DEGREES, is_packed, scale_hint
from twin.crs import CrsError, FloatArray, legacy_datum, parse_crs
from twin.errors import Text

_DECLARED, _ASSUMED, _BY_ZONE, _BY_BELT, _DEGREES = 0.98, 0.8, 0.85, 0.8, 0.6
_DOUBTED = 0.3
_WITHOUT_CITY = 0.7
"""What is left of a confidence where no city says that the coordinates lie in it."""
_WITHOUT_EXTENT = 0.6
"""The same where a city's grid is known, and not how far the city reaches."""
_PARAMETERS_NEEDED = "crs-parameters-needed"
PACKED_CODE = "degrees-packed"
_AUTHORITIES = ("EPSG", "OGC")


def crs_evidence(
    stated: Stated | None, sample: LayerSample, area: DeploymentArea | None, *, assumed: bool = False
) -> tuple[Evidence, Axes | None]:
    """Return the CRS a layer is proposed to be read in, and the order of axes its coordinates then have; None: they do not say.

    ``stated`` is what the file declares, ``assumed`` that it is the format's rule. ``area`` None: nothing is
    known of the city, so belts cannot be told from each other.
    """
    places, _ = sample.positions()
    if stated is None:
        found, order = _undeclared(sample, places, area)
        return _unpacked(found, places), order
    refused = _refused(stated)
    if refused is not None:
        return refused, None
    found, order = _declared(stated, sample, places, area, assumed=assumed)
    return _unpacked(found, places), order


def _unpacked(found: Evidence, places: FloatArray) -> Evidence:
    """Return evidence as it is, but of packed degrees with what they are: as degrees they lie tens of km off, often in the city still."""
    crs = found.value
    if crs is None or crs.partition(":")[0] not in _AUTHORITIES or not in_degrees(crs) or not is_packed(places):
        return found
    text = found.text
    if PACKED_DEGREES.zh not in text.zh:
        text = Text(f"{text.zh}。但{PACKED_DEGREES.zh}", f"{text.en}. But {PACKED_DEGREES.en}")
    return replace(found, confidence=min(found.confidence, _DOUBTED), text=text, code=PACKED_CODE)


def _declared(
    stated: Stated, sample: LayerSample, places: FloatArray, area: DeploymentArea | None, *, assumed: bool
) -> tuple[Evidence, Axes | None]:
    said = _said(stated)
    confidence = _ASSUMED if assumed else _DECLARED
    rule = Text("格式规定", "the format's rule") if assumed else Text("文件声明", "declared by the file")
    if area is None or not len(places):
        doubt = model_metres(sample, assumed=True) if assumed else None
        text = rule if doubt is None else Text(f"{rule.zh}，但{doubt.zh}", f"{rule.en}, but {doubt.en}")
        return Evidence("crs", said, confidence if doubt is None else _DOUBTED, text, stated=said), None
    for axes in ("xy", "yx"):
        order: Axes = "xy" if axes == "xy" else "yx"
        there = _lonlat(stated, places, order)
        if area.share_inside(there) >= FITS:
            text = Text(f"{rule.zh}；据此数据位于本市范围", f"{rule.en}; so read the data lie in the city")
            return Evidence("crs", said, confidence, text, stated=said), order
    return _gainsaid(stated, places, area, rule)


def _undeclared(sample: LayerSample, places: FloatArray, area: DeploymentArea | None) -> tuple[Evidence, Axes | None]:
    fits = candidates(places, area) if len(places) else []
    if not fits:
        return _undecided(places), axes_by_values(places[:, 0], places[:, 1]) if len(places) else None
    best = fits[0]
    own = model_metres(sample) if area is None or best.inside < FITS else None
    if own is not None and in_degrees(best.crs):
        return Evidence("crs", None, 0.0, _own(own, places, area)), axes_by_values(places[:, 0], places[:, 1])
    if area is None:
        zh, en = f"数值与 {named(best.crs)} 相符", f"as large as coordinates of {named(best.crs)}"
        text = _hinting(_to_confirm(zh, en), places)
        return Evidence("crs", best.crs, round(_confidence(best.crs) * _WITHOUT_CITY, 2), text), best.axes
    if best.inside < FITS:
        return Evidence("crs", None, 0.0, _hinting(_nowhere(fits, area), places, area)), None
    there = _there(best, area)
    zh = f"按 {named(best.crs)} 解读，{_percent(best.inside)} 的抽样点位于{there.zh}"
    en = f"as {named(best.crs)} {_percent(best.inside)} of the sampled points lie in {there.en}"
    beside = elsewhere([f for f in fits if f.axes == best.axes and f.inside < FITS])
    zh += "".join(f"；按 {f.crs} 则偏{_off(f, area).zh}" for f in beside)
    en += "".join(f"; as {f.crs} they would lie {_off(f, area).en}" for f in beside)
    return Evidence("crs", best.crs, _sure(best, area), _hinting(_to_confirm(zh, en), places)), best.axes


def _own(own: Text, places: FloatArray, area: DeploymentArea | None) -> Text:
    zh = f"文件未说明坐标系，{own.zh}。请声明（X-LOCAL:名称，或先平移到地图坐标）"
    en = f"The file does not say its CRS, and {own.en}. Declare it (X-LOCAL:name, or move it to map coordinates first)"
    return _hinting(Text(zh, en), places, area)


def _confidence(crs: str) -> float:
    if in_degrees(crs):
        return _DEGREES
    return _BY_ZONE if int(crs.partition(":")[2]) in ZONED else _BY_BELT


def _sure(fit: Fit, area: DeploymentArea) -> float:
    return round(_confidence(fit.crs) * fit.inside * (1.0 if area.extent_known else _WITHOUT_EXTENT), 2)


def _there(fit: Fit, area: DeploymentArea) -> Text:
    """Return in what box a sample lies; where that is a grid's area of use with the place, for other countries have numbers as large."""
    if area.extent_known:
        return Text("本市范围", "the city")
    lon, lat = np.nanmedian(fit.lonlat, axis=0)
    others = (
        Text("", "")
        if in_degrees(fit.crs)
        else Text("，其他国家的 UTM 坐标数值也可能如此", ", and UTM of other countries has numbers as large")
    )
    return Text(
        f"本市坐标系的适用区（{lon:.2f}°, {lat:.2f}° 附近；未配置城市范围{others.zh}）",
        f"the area of use of the city's grid (near {lon:.2f}°, {lat:.2f}°; no extent of the city is known{others.en})",
    )


def _is_used_there(stated: Stated, lonlat: FloatArray) -> bool:
    """Return whether coordinates lie where their CRS is used."""
    use = None if isinstance(stated, DefinedCrs) else parse_crs(stated).area_of_use
    if use is None or len(lonlat) == 0:
        return False
    inside = (lonlat >= (use.west, use.south)) & (lonlat <= (use.east, use.north))
    return float(np.mean(inside.all(axis=1))) >= FITS


def _to_confirm(zh: str, en: str) -> Text:
    return Text(
        f"文件未说明坐标系。{zh}。数值不能区分 CGCS2000 与西安80、北京54、GCJ-02，请确认",
        f"The file does not say its CRS. {en[:1].upper()}{en[1:]}. Numbers cannot tell CGCS2000 from Xi'an 1980, Beijing 1954"
        " or GCJ-02: confirm it",
    )


def _undecided(places: FloatArray) -> Evidence:
    is_belt = (
        any(min(share_within(places[:, k], EASTING_M), share_within(places[:, 1 - k], NORTHING_M)) >= FITS for k in (0, 1))
        if len(places)
        else False
    )
    zh, en = "文件未说明坐标系，请声明", "the file does not say its CRS: declare it"
    if is_belt:
        zh += "。数值为不带带号的高斯-克吕格或 UTM 坐标，仅凭数值不能确定中央经线，也不能确定国家"
        en += ". The numbers are Gauss-Krüger or UTM coordinates without a zone number, which tell neither their meridian nor the country"
    elif len(places) and scale_hint(places) is not PACKED_DEGREES:
        zh += "。数值不属于常用的国家坐标系，可能是城市独立坐标系（X-LOCAL:名称）"
        en += ". The numbers are of no national grid; they may be of a city's own (X-LOCAL:name)"
    return Evidence("crs", None, 0.0, _hinting(Text(zh, en), places))


def _hinting(text: Text, places: FloatArray, area: DeploymentArea | None = None) -> Text:
    """Return what is said of coordinates that fit nowhere, with how else they may have been written."""
    hint = scale_hint(places, area)
    return text if hint is None else Text(f"{text.zh}。{hint.zh}", f"{text.en}. {hint.en[:1].upper()}{hint.en[1:]}")


def _gainsaid(stated: Stated, places: FloatArray, area: DeploymentArea, rule: Text) -> tuple[Evidence, Axes | None]:
    """Return what to make of coordinates that the declared CRS puts outside the city."""
    said = _said(stated)
    there = Fit(said, "xy", 0.0, _lonlat(stated, places, "xy"))
    off = _off(there, area)
    zh, en = f"{rule.zh} {named(stated)}，但据此数据偏{off.zh}", f"{rule.en} as {named(stated)}, but there the data lie {off.en}"
    best = next((f for f in candidates(places, area) if f.inside >= FITS), None)
    if best is None or (not area.extent_known and _is_used_there(stated, there.lonlat)):
        return Evidence("crs", said, _DOUBTED, _hinting(Text(zh, en), places, area), stated=said, code="area-of-use"), None
    box = _there(best, area)
    zh += f"；按 {named(best.crs)} 则 {_percent(best.inside)} 位于{box.zh}，请核实"
    en += f"; as {named(best.crs)} {_percent(best.inside)} of them lie in {box.en}: find out which is right"
    return Evidence("crs", best.crs, _sure(best, area), Text(zh, en), stated=said, code="area-of-use"), best.axes


def _refused(stated: Stated) -> Evidence | None:
    """Return why a CRS that is declared is refused whatever the coordinates are: unknown, or of a datum without public parameters."""
    try:
        datum = stated.legacy_datum if isinstance(stated, DefinedCrs) else legacy_datum(parse_crs(stated))
    except CrsError as error:
        return Evidence("crs", None, 0.0, error.text, stated=_said(stated), code=error.code)
    if datum is None:
        return None
    zh = (
        f"文件声明 {named(stated)}（{datum}）：转换参数由测绘主管部门掌握，没有参数不能入库。"
        "请以 X-LOCAL:名称 配置七参数或四参数，或由主管部门转换为 CGCS2000 后提交"
    )
    en = (
        f"declared as {named(stated)} ({datum}), whose parameters only the surveying authority has: refused without them. Have the seven or"
        " four parameters configured as X-LOCAL:name, or the file transformed to CGCS2000 by the authority"
    )
    return Evidence("crs", None, 0.0, Text(zh, en), stated=_said(stated), code=_PARAMETERS_NEEDED)


def _nowhere(fits: list[Fit], area: DeploymentArea) -> Text:
    zh = "；".join(f"按 {f.crs} 偏{_off(f, area).zh}" for f in elsewhere(fits))
    en = "; ".join(f"as {f.crs} they would lie {_off(f, area).en}" for f in elsewhere(fits))
    off = Text(f"（{zh}）", f" ({en})") if zh else Text("", "")
    return Text(
        f"文件未说明坐标系，数值与本市不符{off.zh}。可能是城市独立坐标系（X-LOCAL:名称），请声明",
        f"The file does not say its CRS, and no usual one puts it in the city{off.en}. It may be a city's own (X-LOCAL:name): declare it",
    )


def _off(fit: Fit, area: DeploymentArea) -> Text:
    km, direction = area.off_by(fit.lonlat)
    if not np.isfinite(km):
        return Text("出投影范围", "outside the projection")
    return Text(f"{direction.zh} {km:,.0f} 公里", f"{km:,.0f} km to the {direction.en}")


def _said(stated: Stated) -> str:
    return stated.name if isinstance(stated, DefinedCrs) else stated


def _lonlat(stated: Stated, places: FloatArray, axes: Axes) -> FloatArray:
    return stated.lonlat(axes) if isinstance(stated, DefinedCrs) else degrees(stated, ordered(places, axes))


def named(crs: Stated) -> str:
    """Return a CRS with its code and name, as a person knows it."""
    if isinstance(crs, DefinedCrs):
        return crs.name
    parsed = parse_crs(crs)
    code = parsed.to_authority()
    return f"{':'.join(code)} {parsed.name}" if code else parsed.name


def _percent(share: float) -> str:
    return f"{share:.0%}"
