"""What CityGML says of the textures of rings is kept for a whole document: of every theme, in few bytes."""

from __future__ import annotations

import tracemalloc

import numpy as np
from lxml import etree

from ingest.readers.citygml_appearance import Appearances, ObjectTextures

_APP = 'xmlns:app="http://www.opengis.net/citygml/appearance/2.0"'
_PLACES = "0 0 1 0 1 0.123456789012345 0 1 0 0"
SQUARE = [[[0, 1, 2, 3]]]


def appearance(theme: str, rings: list[str], places: str = _PLACES) -> etree._Element:
    listed = "".join(f'<app:textureCoordinates ring="#{ring}">{places}</app:textureCoordinates>' for ring in rings)
    texture = f"<app:imageURI>{theme}.png</app:imageURI><app:target><app:TexCoordList>{listed}</app:TexCoordList></app:target>"
    data = f"<app:surfaceDataMember><app:ParameterizedTexture>{texture}</app:ParameterizedTexture></app:surfaceDataMember>"
    return etree.fromstring(f"<x {_APP}><app:Appearance><app:theme>{theme}</app:theme>{data}</app:Appearance></x>")


def test_a_ring_shows_another_picture_in_each_theme_and_the_last_of_one() -> None:
    known = Appearances()
    for theme, places in (("day", _PLACES), ("night", "0 0 2 0 2 2 0 2 0 0"), ("day", "0 0 3 0 3 3 0 3 0 0")):
        known.add(appearance(theme, ["r", "s"], places))
    textures = ObjectTextures(known)
    textures.note("r", [0, 1, 2, 3])
    assert textures.on(SQUARE) == {"day": {"values": [[[0, 0, 1, 2, 3]]]}, "night": {"values": [[[1, 0, 4, 5, 6]]]}}
    assert textures.appearance == {
        "textures": [{"type": "PNG", "image": "day.png"}, {"type": "PNG", "image": "night.png"}],
        "vertices-texture": [[0.0, 0.0], [3.0, 0.0], [3.0, 3.0], [0.0, 3.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]],
    }
    turned = ObjectTextures(known)
    turned.note("s", [3, 2, 1, 0])
    ((((texture, *corners),),),) = [turned.on(SQUARE)["night"]["values"]]
    assert turned.appearance is not None
    assert turned.appearance["textures"][texture]["image"] == "night.png"
    assert [turned.appearance["vertices-texture"][c] for c in corners] == [[0.0, 2.0], [2.0, 2.0], [2.0, 0.0], [0.0, 0.0]]


def test_places_keep_their_digits_and_more_themes_than_anybody_has_are_counted() -> None:
    known = Appearances()
    for k in range(70):
        known.add(appearance(f"t{k}", ["r"]))
    assert known.unread == 6
    assert len(known.rings["r"]) == 64
    np.testing.assert_array_equal(known.rings["r"][0].places, np.array(_PLACES.split(), dtype=np.float64).reshape(-1, 2))


def test_a_ring_takes_few_bytes() -> None:
    """An array and a dictionary for each took 648."""
    count, known = 5_000, Appearances()
    content = appearance("day", [f"ring_{k:08d}" for k in range(count)])
    tracemalloc.start()
    try:
        known.add(content)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(known.rings) == count
    assert held < 450 * count
