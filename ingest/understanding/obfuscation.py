"""GCJ-02 and BD-09 recognised by where a layer would coincide with what the city has published.

Web maps shift China by some 500 m, here to the south-east, and BD-09 by some 700 m more to the north-east. Whether a sample lies on
published features is counted for it as it is and with each shift taken off; shifts of the same length in other directions say how much of
that is chance. So a dense city, where something lies near every point, decides as surely as a sparse one, and a survey of things that
nobody has published decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ingest.understanding.evidence import Evidence
from twin.crs import FloatArray, wgs84_from_bd09, wgs84_from_gcj02
from twin.errors import Text

AS_IS, GCJ02, BD09 = "as-is", "X-GCJ02", "X-BD09"
type Hypotheses = Mapping[str, FloatArray]
type Coinciding = Callable[[Hypotheses], Mapping[str, float]]
"""For each set of (n, 2) longitudes and latitudes the part of it that lies on published features; empty where there are none to compare."""
SAMPLED = 200
_LEAST_POINTS = 10
_ENOUGH, _ABOVE_CHANCE = 0.25, 0.15


def hypotheses(lonlat: FloatArray) -> Hypotheses:
    """Return at most `SAMPLED` positions as they are, with each offset taken off, and moved as far in three other directions."""
    chosen = lonlat[np.linspace(0, len(lonlat) - 1, min(len(lonlat), SAMPLED)).astype(np.int64)] if len(lonlat) else lonlat
    lon, lat = chosen[:, 0], chosen[:, 1]
    gcj, bd = np.column_stack(wgs84_from_gcj02(lon, lat)), np.column_stack(wgs84_from_bd09(lon, lat))
    east, north = (chosen - gcj).T
    controls = {
        "control-1": chosen + np.column_stack([east, -north]),
        "control-2": chosen + np.column_stack([-east, north]),
        "control-3": chosen + np.column_stack([east, north]),
    }
    return {AS_IS: chosen, GCJ02: gcj, BD09: bd, **controls}


def obfuscation_evidence(lonlat: FloatArray, coinciding: Coinciding) -> Evidence | None:
    """Return whether positions are those of a web map; None where too few coincide with published features to say."""
    finite = lonlat[np.isfinite(lonlat).all(axis=1)]
    if len(finite) < _LEAST_POINTS:
        return None
    tried = hypotheses(finite)
    shares = coinciding(tried)
    if not shares:
        return None
    chance = max(shares[name] for name in tried if name.startswith("control"))
    best = max((AS_IS, GCJ02, BD09), key=lambda name: shares[name])
    excess = shares[best] - chance
    if shares[best] < _ENOUGH or excess < _ABOVE_CHANCE:
        return None
    runner_up = max(shares[name] for name in (AS_IS, GCJ02, BD09) if name != best)
    confidence = round(min(0.98, 0.7 + 0.3 * (shares[best] - max(runner_up, chance))), 2)
    return Evidence("crs", best, confidence, _text(best, shares[best], shares[AS_IS], tried))


def _text(best: str, share: float, as_is: float, tried: Hypotheses) -> Text:
    if best == AS_IS:
        return Text(f"{share:.0%} 的抽样要素与已发布数据重合", f"{share:.0%} of the sampled features lie on published ones")
    name = best.removeprefix("X-").replace("GCJ02", "GCJ-02").replace("BD09", "BD-09")
    metres = _shift_m(tried[AS_IS], tried[best])
    return Text(
        f"坐标像是 {name}：扣除约 {metres:.0f} 米偏移后 {share:.0%} 的抽样要素与已发布数据重合（原坐标 {as_is:.0%}）",
        f"like {name}: with its offset of about {metres:.0f} m taken off {share:.0%} of the sampled features lie on published ones"
        f" (as they are {as_is:.0%})",
    )


def _shift_m(one: FloatArray, other: FloatArray) -> float:
    d_lon, d_lat = np.radians(np.median(one - other, axis=0))
    return float(6_371_000 * np.hypot(d_lon * np.cos(np.radians(np.median(one[:, 1]))), d_lat))
