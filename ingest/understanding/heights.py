"""What heights are counted from, by comparison with the city's ground: things that stand on it show their datum by how far they miss it.

Heights above the ellipsoid miss it by N, the same as the geoid model says at each place; another level surface (the Yellow Sea of 1956
lies 0.029 m below that of 1985 at Qingdao, a harbour datum metres) by one constant. A constant is a hint: the ground itself may be off.
"""

from __future__ import annotations

import numpy as np

from ingest.understanding.evidence import Evidence
from twin.crs import FloatArray
from twin.errors import Text

ELLIPSOIDAL, DEPLOYMENT = "ellipsoidal", "deployment"
YELLOW_SEA_1956_M = 0.029
"""H(1985) = H(1956) − 0.029 m at the origin in Qingdao; cities keep values of their own."""
_LEAST_POINTS = 10
_CLOSE_M, _STEADY_M = 0.5, 1.0
_FEET = 0.3048
_CONSTANT, _TOLD = 0.5, 0.9


def vertical_evidence(heights_m: FloatArray, ground_m: FloatArray, separation_m: FloatArray) -> Evidence | None:
    """Return what heights of things on the ground are counted from; None where too few have a ground to be compared with.

    ``ground_m`` and ``separation_m`` are H of the terrain and N at the same places (NaN or 0 where unknown).
    """
    there = np.isfinite(heights_m) & np.isfinite(ground_m)
    if int(there.sum()) < _LEAST_POINTS:
        return None
    height, ground, separation = heights_m[there], ground_m[there], np.nan_to_num(separation_m[there])
    off, spread = _middle(height - ground)
    if abs(off) <= _CLOSE_M:
        return _on_the_ground(off, spread)
    by_separation, spread_ellipsoidal = _middle(height - separation - ground)
    if abs(by_separation) <= min(_CLOSE_M, abs(off) / 2) and abs(float(np.median(separation))) > _CLOSE_M:
        zh = f"比地面高程模型系统地高 {off:z.2f} 米，与大地水准面差距 N 一致：应为大地高"
        en = f"{off:z.2f} m off the terrain, as much as N is there: heights above the ellipsoid"
        return Evidence("vertical", ELLIPSOIDAL, round(_TOLD - min(0.3, spread_ellipsoidal / 10), 2), Text(zh, en))
    in_feet, spread_feet = _middle(height * _FEET - ground)
    if abs(in_feet) <= _CLOSE_M and spread_feet < spread:
        zh, en = "数值像是英尺", "as large as feet"
        return Evidence("unit", "ft", _CONSTANT, Text(zh, en))
    if spread <= _STEADY_M:
        zh = f"与地面高程模型系统相差 {off:+z.2f} 米：可能属另一高程基准，请核实后填写改正值"
        en = f"{off:+z.2f} m off the terrain all over: perhaps another datum; find out, then give the correction"
        return Evidence("height-offset", f"{-off:z.2f}", _CONSTANT, Text(zh, en))
    return Evidence("vertical", None, 0.0, Text(f"与地面高程模型相差 {off:+z.1f} 米且不一致", f"{off:+z.1f} m off the terrain, unevenly"))


def _on_the_ground(off: float, spread: float) -> Evidence:
    zh, en = f"与地面高程模型相差 {off:+z.2f} 米", f"{off:+z.2f} m off the terrain"
    if spread <= YELLOW_SEA_1956_M and abs(off - YELLOW_SEA_1956_M) <= YELLOW_SEA_1956_M / 3:
        zh += f"，接近 1956 与 1985 黄海高程之差 {YELLOW_SEA_1956_M} 米，仅供参考"
        en += f", about what 1956 heights are above those of 1985 ({YELLOW_SEA_1956_M} m): a hint only"
    return Evidence("vertical", DEPLOYMENT, round(_TOLD - min(0.4, spread / 10), 2), Text(zh, en))


def _middle(values: FloatArray) -> tuple[float, float]:
    """Return the median and the median distance from it: neither follows a few wrong heights."""
    median = float(np.median(values))
    return median, float(np.median(np.abs(values - median)))
