"""What a planner does in the viewer, in a real browser against a real server. Pixels and properties are asserted, never times."""

from __future__ import annotations

import re
from typing import Any

import httpx
import numpy as np
import pyproj
import pytest
import shapely
from numpy.typing import NDArray
from playwright.sync_api import Browser, Playwright, expect

from tests import served_city
from tests.viewer_page import Viewer, chromium, viewer

pytestmark = pytest.mark.browser

DRAPED = ("land_use", "admin_units")
SOLID = ("buildings", "pipe_segments", "pipe_nodes")
OTHERS = (
    *("addresses", "building_parts", "cameras", "construction_projects", "control_lines", "grid_cells", "imagery", "parcels"),
    *("plan_plots", "point_clouds", "pois", "roads", "sensors", "spaces", "spatial_plans", "storeys", "survey_control"),
    *("underground_spaces", "utility_tunnels", "vegetation", "waters"),
)
LAYERS = (*DRAPED, *SOLID, *OTHERS)


def only(*shown: str) -> str:
    """Return the part of the hash that shows these layers alone."""
    return f"on={','.join(shown)}&off={','.join(name for name in LAYERS if name not in shown)}"


def view(lon: float, lat: float, height_m: float) -> str:
    """Return the part of the hash that looks straight down from ellipsoidal ``height_m``."""
    return f"view={lon},{lat},{height_m},0,-90"


def items(server: httpx.Client, dataset: str, cql2: str) -> list[dict[str, Any]]:
    answer = server.get(f"/ogc/collections/{dataset}/items", params={"f": "json", "limit": 50, "filter": cql2, "filter-lang": "cql2-text"})
    assert answer.status_code == 200, answer.text
    features: list[dict[str, Any]] = answer.json()["features"]
    assert features
    return features


def separation_m(lon: float, lat: float) -> float:
    """Return EGM96's N from the grid itself, read by PROJ and by nothing of ours."""
    pyproj.datadir.append_data_dir("/usr/share/proj")
    shift = pyproj.Transformer.from_pipeline(
        "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad +step +proj=vgridshift +grids=egm96_15.gtx +multiplier=1 "
        "+step +proj=unitconvert +xy_in=rad +xy_out=deg"
    )
    return float(shift.transform(lon, lat, 0.0, errcheck=True)[2])


@pytest.fixture(scope="module")
def manhole(city_server: httpx.Client) -> dict[str, Any]:
    """A sewage manhole."""
    return items(city_server, "pipe_nodes", "appurtenance = 'manhole' AND kind = 'WS' AND depth_m > 1")[0]


@pytest.fixture(scope="module")
def gas_pipe(city_server: httpx.Client) -> dict[str, Any]:
    """A gas main, the longest of some: magenta by CJJ 61, a colour that nothing else in the city has."""
    return max(items(city_server, "pipe_segments", "kind = 'TR'"), key=lambda f: shapely.geometry.shape(f["geometry"]).length)


def magenta(picture: NDArray[np.uint8]) -> int:
    """Return how many pixels are more magenta than grey."""
    red, green, blue = (picture[..., band].astype(int) for band in range(3))
    return int(((red - green > 60) & (blue - green > 60)).sum())


def test_the_city_stands_and_asks_nobody_else(page: Viewer) -> None:
    page.open()
    assert page.ask("document.documentElement.lang") == "zh-CN"
    assert page.ask("document.title") == "常州（样例城市） · 城市三维空间底座"
    statistics = page.ask("__twin.statistics()")
    for dataset in SOLID:
        assert statistics[dataset]["tilesSelected"] > 0, dataset
        assert statistics[dataset]["featuresSelected"] > 0, dataset
    assert {url.split("/")[2] for url in page.requests if url.startswith("http")} == {page.base.split("/")[2]}
    assert page.complaints == []


@pytest.mark.parametrize("size", [(1200, 700), (800, 600)])
def test_the_city_is_seen_beside_the_panels(page: Viewer, city_server: httpx.Client, size: tuple[int, int]) -> None:
    page.page.set_viewport_size({"width": size[0], "height": size[1]})
    page.open()
    extents = {layer["dataset"]: layer["extent"] for layer in city_server.get("/scene.json").json()["layers"]}
    west, south, east, north = extents["buildings"]
    seen = [page.ask(f"__twin.project({lon}, {lat}, 15)") for lon in (west, east) for lat in (south, north)]
    box = "document.querySelector('{}').getBoundingClientRect().{}"
    left, right = (page.ask(box.format(*edge)) for edge in ((".layer-panel", "right"), (".toolbar", "left")))
    assert all(left < place["x"] < right and 0 < place["y"] < size[1] for place in seen), seen


def test_buildings_are_drawn_and_recoloured(page: Viewer, city_server: httpx.Client) -> None:
    place = shapely.geometry.shape(items(city_server, "buildings", "height_m > 40")[0]["geometry"]).representative_point()
    page.open(f"{only('buildings')}&{view(place.x, place.y, 400)}")
    by_use = page.pixels()
    page.ask(f"() => {{ location.hash = '{only('buildings')}&by=buildings:height_m&{view(place.x, place.y, 400)}' }}")
    page.wait_complete()
    by_height = page.pixels()
    page.ask(f"() => {{ location.hash = '{only()}&{view(place.x, place.y, 400)}' }}")
    page.wait_complete()
    bare = page.pixels()
    buildings = np.abs(by_use.astype(int) - bare).max(axis=2) > 30
    assert buildings.mean() > 0.02
    assert (np.abs(by_height.astype(int) - by_use).max(axis=2) > 30)[buildings].mean() > 0.5


def test_a_manhole_tells_what_it_is(page: Viewer, manhole: dict[str, Any]) -> None:
    lon, lat, ground_m = manhole["geometry"]["coordinates"]
    page.open(f"{only('pipe_nodes')}&{view(lon, lat, ground_m + 30)}")
    assert page.ask("__twin.pick(320, 180)")["properties"]["node_id"] == manhole["properties"]["node_id"]
    page.click(320, 180)
    page.page.locator(".attribute-panel[aria-busy=false]").wait_for()
    assert page.attribute("oid") == f"OID {manhole['id']}"
    assert page.attribute("kind") == "管线种类 污水 (WS)"
    assert page.attribute("depth_m").endswith(f"{manhole['properties']['depth_m']:g} m")
    assert page.attribute("dataset") == "数据集 pipe_nodes"
    assert page.page.locator(".item-link a").get_attribute("href") == f"ogc/collections/pipe_nodes/items/{manhole['id']}"
    page.page.locator(".language").click()
    assert page.ask("document.documentElement.lang") == "en"
    assert page.attribute("dataset") == "Dataset pipe_nodes"
    assert "lang=en" in page.page.url
    assert page.complaints == []


def test_terrain_less_the_bottom_of_a_manhole_is_its_depth(page: Viewer, manhole: dict[str, Any]) -> None:
    lon, lat, ground_m = manhole["geometry"]["coordinates"]
    page.open(f"{only()}&{view(lon, lat, ground_m + 200)}")
    terrain_m = page.ask(f"__twin.terrainHeight({lon}, {lat})")
    bottom_m = manhole["properties"]["bottom_elevation_m"] + separation_m(lon, lat)
    assert terrain_m - bottom_m == pytest.approx(manhole["properties"]["depth_m"], abs=0.05)


def test_the_height_under_the_cursor_is_above_sea_level(page: Viewer, manhole: dict[str, Any]) -> None:
    lon, lat, ground_m = manhole["geometry"]["coordinates"]
    page.open(f"{only()}&{view(lon, lat, ground_m + 200)}")
    page.click(320, 180)
    shown = page.page.locator(".position").text_content() or ""
    longitude, latitude, height = re.fullmatch(r"([\d.]+)°, ([\d.]+)°  H ([-\d.]+) m", shown).groups()  # type: ignore[union-attr]
    assert (float(longitude), float(latitude)) == pytest.approx((lon, lat), abs=1e-5)
    assert float(height) == pytest.approx(manhole["properties"]["ground_elevation_m"], abs=0.06)


def test_opaque_ground_hides_pipes_and_translucent_ground_shows_them(page: Viewer, gas_pipe: dict[str, Any]) -> None:
    middle = shapely.geometry.shape(gas_pipe["geometry"]).interpolate(0.5, normalized=True)
    place = f"{only('pipe_segments')}&{view(middle.x, middle.y, middle.z + 30)}"
    page.open(place)
    assert page.ask("__twin.statistics().pipe_segments.tilesSelected") > 0
    assert magenta(page.pixels()) == 0
    page.page.locator(".underground-button").click()
    page.wait_complete()
    assert magenta(page.pixels()) > 200
    assert page.ask("__twin.pick(320, 180)")["dataset"] == "pipe_segments"
    page.page.locator(".underground-button").click()
    page.wait_complete()
    assert magenta(page.pixels()) == 0


def test_names_in_the_picture_are_of_what_lies_there(page: Viewer, city_server: httpx.Client) -> None:
    labels = page.page.locator(".place-label")
    page.open(f"{only('admin_units')}&{view(119.965, 31.795, 6000)}")
    assert labels.count() > 1
    page.ask(f"() => {{ location.hash = '{only('admin_units')}&view=119.965,31.79,300,0,-35' }}")
    page.wait_complete()
    shown = set(labels.all_text_contents())  # terrain outside the picture is coarse: kilometres too low
    around = {"f": "json", "limit": "1000", "bbox": "119.95,31.788,119.98,31.805"}
    features = city_server.get("/ogc/collections/admin_units/items", params=around).raise_for_status().json()["features"]
    assert shown <= {feature["properties"]["name"] for feature in features}


def test_a_number_finds_what_has_it_not_what_refers_to_it(page: Viewer, city_server: httpx.Client) -> None:
    number = items(city_server, "storeys", "building_id IS NOT NULL")[0]["properties"]["building_id"]
    page.open(only())
    page.page.locator("input[type=search]").fill(number)
    page.page.keyboard.press("Enter")
    page.page.locator(".attribute-panel[aria-busy=false]").wait_for()
    assert page.attribute("building_id").endswith(f" {number}")
    assert page.attribute("dataset") == "数据集 buildings"
    page.ask("document.activeElement.blur()")  # in the box, Escape empties that
    page.page.keyboard.press("Escape")
    expect(page.page.locator(".attribute-panel")).to_have_count(0)


def test_a_link_restores_the_view(page: Viewer, manhole: dict[str, Any]) -> None:
    lon, lat, ground_m = manhole["geometry"]["coordinates"]
    camera = f"view={lon:.7f},{lat:.7f},{ground_m + 60:.2f},30.00,-70.00"
    link = f"{camera}&{only('pipe_nodes')}&by=pipe_nodes:depth_m&ground=0.5&lang=en&oid={manhole['id']}"
    page.open(link)
    state = page.ask("(() => { const s = __twin.state(); return { ...s, visible: [...s.visible], colorBy: [...s.colorBy] } })()")
    assert state["camera"]["lonDeg"] == pytest.approx(lon, abs=1e-7)
    assert state["camera"]["heightM"] == pytest.approx(ground_m + 60, abs=0.01)
    assert state["camera"]["headingDeg"] == pytest.approx(30, abs=0.01)
    assert dict(state["visible"]) == {name: name == "pipe_nodes" for name in LAYERS}
    assert dict(state["colorBy"]) == {"pipe_nodes": "depth_m"}
    assert state["groundOpacity"] == 0.5
    assert page.ask("document.documentElement.lang") == "en"
    assert page.page.locator(".attribute-panel[aria-busy=false]").count() == 1, "what a link selects is there when the view is"
    assert page.attribute("oid") == f"OID {manhole['id']}"


def test_land_use_lies_on_the_ground_in_its_colour(page: Viewer, city_server: httpx.Client) -> None:
    plot = max(items(city_server, "land_use", "plan_state = 'approved'"), key=lambda f: shapely.geometry.shape(f["geometry"]).area)
    place = shapely.geometry.shape(plot["geometry"]).representative_point()
    code = plot["properties"]["land_use_code"]
    [layer] = [layer for layer in city_server.get("/scene.json").json()["layers"] if layer["dataset"] == "land_use"]
    [field] = [field for field in layer["fields"] if field["name"] == "land_use_code"]
    color = np.array([int(field["codes"][code]["color"][i : i + 2], 16) for i in (1, 3, 5)])
    page.open(f"{only('land_use')}&{view(place.x, place.y, 150)}")
    on = page.pixels()[176:184, 316:324].mean(axis=(0, 1))
    assert page.ask("__twin.pick(320, 180)")["properties"]["plot_id"] == plot["properties"]["plot_id"]
    page.ask(f"() => {{ location.hash = '{only()}&{view(place.x, place.y, 150)}' }}")
    page.wait_complete()
    bare = page.pixels()[176:184, 316:324].mean(axis=(0, 1))
    opacity = layer["style"]["fill_opacity"]
    ground = np.array([0xE4, 0xE7, 0xE3])
    # Light falls on the colours once they are mixed.
    expected = (opacity * color + (1 - opacity) * ground) * bare / ground
    assert on == pytest.approx(expected, abs=12)


def test_an_empty_city_says_how_to_fill_it(browser: Browser, open_folder: Any) -> None:
    with served_city.make(open_folder).served() as server, viewer(browser, str(server.base_url).rstrip("/")) as page:
        page.show()
        assert "twin load" in page.page.locator(".empty-city code").inner_text()
        assert page.complaints == []


def test_what_fails_is_said_in_words(page: Viewer) -> None:
    page.page.route("**/scene.json", lambda route: route.fulfill(status=503, body="no"))
    page.show("lang=en")
    alert = page.page.locator("[data-message=scene]")
    assert "The scene cannot be loaded" in alert.inner_text()
    page.page.unroute("**/scene.json")
    alert.locator(".retry").click()
    expect(page.page).to_have_title("常州（样例城市） · City spatial base platform", timeout=60_000)
    assert alert.count() == 0


def test_a_browser_without_webgl_is_told_so(playwright: Playwright, city_server: httpx.Client) -> None:
    without_webgl = chromium(playwright, "--no-sandbox", "--disable-gpu", "--disable-3d-apis")
    with without_webgl as bare, viewer(bare, str(city_server.base_url).rstrip("/")) as page:
        page.show()
        assert "WebGL 2" in page.page.locator("[data-message=webgl]").inner_text()
