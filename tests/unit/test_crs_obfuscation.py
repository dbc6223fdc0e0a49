"""GCJ-02 and BD-09 against the vectors of the eviltransform test-suite, and their exact inverse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.crs import bd09_from_wgs84, gcj02_from_wgs84, storage_crs, to_storage, wgs84_from_bd09, wgs84_from_gcj02

VECTORS = [
    ((31.1774276, 121.5272106), (31.17530398364597, 121.531541859215)),
    ((22.543847, 113.912316), (22.540796131694766, 113.9171764808363)),
    ((39.911954, 116.377817), (39.91334545536069, 116.38404722455657)),
]
LON = st.floats(73.0, 136.0)
LAT = st.floats(3.0, 54.0)


@pytest.mark.parametrize(("wgs84", "gcj02"), VECTORS)
def test_published_vectors(wgs84: tuple[float, float], gcj02: tuple[float, float]) -> None:
    lon, lat = gcj02_from_wgs84(wgs84[1], wgs84[0])
    assert (lat, lon) == pytest.approx(gcj02, abs=1e-9)
    lon, lat = wgs84_from_gcj02(gcj02[1], gcj02[0])
    assert (lat, lon) == pytest.approx(wgs84, abs=1e-9)


@settings(deadline=None)
@given(LON, LAT)
def test_inverse_is_exact(lon: float, lat: float) -> None:
    assert wgs84_from_gcj02(*gcj02_from_wgs84(lon, lat)) == pytest.approx((lon, lat), abs=1e-9)
    assert wgs84_from_bd09(*bd09_from_wgs84(lon, lat)) == pytest.approx((lon, lat), abs=1e-9)


def test_nothing_is_moved_abroad() -> None:
    assert gcj02_from_wgs84(4.47, 51.92) == (4.47, 51.92)
    assert wgs84_from_gcj02(4.47, 51.92) == (4.47, 51.92)


def test_one_bad_row_spoils_no_other() -> None:
    lon, lat = wgs84_from_gcj02([121.531541859215, np.nan], [31.17530398364597, 31.0])
    assert (lat[0], lon[0]) == pytest.approx(VECTORS[0][0], abs=1e-9)
    assert np.isnan(lon[1])


@pytest.mark.parametrize(("place", "offset"), [((119.974, 31.811), (448.8, -226.9)), ((119.484, 31.416), None)])
def test_declared_gcj02_is_corrected_on_the_way_to_storage(place: tuple[float, float], offset: tuple[float, float] | None) -> None:
    storage = storage_crs(4549)
    true = to_storage("EPSG:4326", storage).transform(*place)
    as_drawn = to_storage("EPSG:4326", storage).transform(*gcj02_from_wgs84(*place))
    corrected = to_storage("X-GCJ02", storage).transform(*gcj02_from_wgs84(*place))
    assert np.hypot(corrected.x - true.x, corrected.y - true.y) < 1e-4
    moved = (float(as_drawn.x - true.x), float(as_drawn.y - true.y))
    if offset is not None:
        assert moved == pytest.approx(offset, abs=1.5)  # the reference rounds metres per degree
    assert 450 < np.hypot(*moved) < 600
    bd09 = to_storage("X-BD09", storage).transform(*bd09_from_wgs84(*place))
    assert np.hypot(bd09.x - true.x, bd09.y - true.y) < 1e-4
