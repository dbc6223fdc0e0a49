"""Imagery for desktop GIS: Web Map Tile Service 1.0.0 (07-057r7), by parameters at ``/wmts`` and by paths below ``/wmts/1.0.0``."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ogc import memento
from ogc.image_tiles import ImageTiles
from ogc.map_tiles import days_of
from ogc.ows import XML, OwsError, keyed_values, of_twin_error, reported, required
from ogc.parameters import moment
from ogc.pictures import FORMS, MEDIA_TYPES
from ogc.sender import Asked, Sender
from ogc.wmts_capabilities import DEFAULT_STYLE, ServedLayer, capabilities
from twin.errors import TwinError
from twin.query.execute import fetch_row
from twin.query.images import image_days
from twin.tile_matrix_sets import MATRIX_SETS, TileAddress, TileMatrixSet

AS_OF = "as-of"
"""A parameter of our own, of tiles alone: the recorded state, as of WFS."""
_NAMES = frozenset(
    {
        "service", "request", "version", "acceptversions", "acceptformats", "sections", "updatesequence",
        "layer", "style", "format", "tilematrixset", "tilematrix", "tilerow", "tilecol", "time", AS_OF,
        "infoformat", "i", "j",
    }
)  # fmt: skip
_SUFFIXES = {"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp"}
_MOST_DIGITS = 9
_FORMS = {MEDIA_TYPES[form]: form for form in FORMS}
_LOCATORS = {"bad-as-of": AS_OF, "bad-accept-datetime": "Accept-Datetime"}
"""What is wrong where it is not the time at which images were taken."""


class WmtsDoor:
    """The routes at and below ``/wmts``."""

    def __init__(self, sender: Sender, tiles: ImageTiles) -> None:
        self._sender = sender
        self._tiles = tiles

    def routes(self) -> list[Route]:
        """Return the routes of the door."""
        tile = "/wmts/1.0.0/{layer}/{style}/{tilematrixset}/{tilematrix}/{tilerow}/{tilecol}.{suffix}"
        timed = "/wmts/1.0.0/{layer}/{style}/{time}/{tilematrixset}/{tilematrix}/{tilerow}/{tilecol}.{suffix}"
        return [
            Route("/wmts", self.parameters, methods=["GET"]),
            Route("/wmts/1.0.0/WMTSCapabilities.xml", self.paths_capabilities, methods=["GET"]),
            Route(tile, self.path_tile, methods=["GET"]),
            Route(timed, self.path_tile, methods=["GET"]),
        ]

    async def parameters(self, request: Request) -> Response:
        """GetCapabilities or GetTile, by parameters."""
        return await reported(request, self._parameters(request))

    async def paths_capabilities(self, request: Request) -> Response:
        """The capabilities document."""
        return await reported(request, self._capabilities(request))

    async def path_tile(self, request: Request) -> Response:
        """One tile, by its path."""
        return await reported(request, self._path_tile(request))

    async def _parameters(self, request: Request) -> Response:
        given = keyed_values(request.query_params.multi_items(), _NAMES)
        if required(given, "service").upper() != "WMTS":
            raise OwsError("InvalidParameterValue", "service", "service is WMTS", "service 应为 WMTS")
        match required(given, "request").lower():
            case "getcapabilities":
                if AS_OF in given:
                    raise OwsError("InvalidParameterValue", AS_OF, f"{AS_OF} goes with GetTile only", f"{AS_OF} 只能用于 GetTile")
                _require_version(given.get("acceptversions", "1.0.0").split(","), "VersionNegotiationFailed", "acceptversions")
                _refuse_no_time(request)
                return await self._capabilities(request)
            case "gettile":
                _require_version([required(given, "version")], "InvalidParameterValue", "version")
                return await self._tile(request, given)
        asked = given["request"][:40]  # GetFeatureInfo too: the capabilities name no operation but these, and no InfoFormat
        raise OwsError("OperationNotSupported", asked, "request is GetCapabilities or GetTile", "request 应为 GetCapabilities 或 GetTile")

    async def _path_tile(self, request: Request) -> Response:
        given = keyed_values(request.query_params.multi_items(), frozenset({AS_OF}))
        found = {name: str(value) for name, value in request.path_params.items()}
        suffix = found.pop("suffix")
        if suffix not in _SUFFIXES:
            raise OwsError(
                "InvalidParameterValue", "format", f"there are no tiles in {suffix[:40]!r}", f"没有 {suffix[:40]!r} 格式的瓦片", 404
            )
        return await self._tile(request, {**found, **given, "format": _SUFFIXES[suffix]})

    async def _capabilities(self, request: Request) -> Response:
        if request.url.path.endswith(".xml"):
            keyed_values(request.query_params.multi_items(), frozenset())
        asked = await self._asked(request)
        layers = []
        for collection in asked.visible.values():
            if self._tiles.shows(collection):
                days = (await fetch_row(self._sender.context.pool, image_days(collection.dataset)))[0]
                layers.append(ServedLayer(collection, tuple(days)))
        content = capabilities(asked.state.deployment.name, layers, f"{asked.base}/wmts", asked.language)
        return await self._sender.send_bytes(asked, content, XML)

    async def _tile(self, request: Request, given: Mapping[str, str]) -> Response:
        asked = await self._asked(request)
        collection = asked.visible.get(required(given, "layer"))
        if collection is None or not self._tiles.shows(collection):
            named = given["layer"][:60]
            raise OwsError("InvalidParameterValue", "layer", f"there is no layer {named!r}", f"没有图层 {named!r}")
        if given.get("style", "") not in ("", DEFAULT_STYLE):
            raise OwsError("InvalidParameterValue", "style", f"the style is {DEFAULT_STYLE}", f"样式为 {DEFAULT_STYLE}")
        form = _FORMS.get(required(given, "format"))
        if form is None:
            listed = ", ".join(_FORMS)
            raise OwsError("InvalidParameterValue", "format", f"format is one of {listed}", f"format 应为 {listed} 之一")
        grid = MATRIX_SETS.get(required(given, "tilematrixset"))
        if grid is None:
            listed = ", ".join(MATRIX_SETS)
            raise OwsError(
                "InvalidParameterValue", "tilematrixset", f"tilematrixset is one of {listed}", f"tilematrixset 应为 {listed} 之一"
            )
        address = _address(grid, *(required(given, name) for name in ("tilematrix", "tilecol", "tilerow")))
        try:
            days = days_of(None if given.get("time", "default") in ("default", "") else given["time"])
            as_of, own = moment(given.get(AS_OF)), str(request.url.replace(query=""))
            return await self._tiles.tile(request, asked.state, collection, address, days, form, as_of, own, even_empty=True)
        except TwinError as error:
            raise of_twin_error(error, _LOCATORS.get(error.code, "time")) from error

    async def _asked(self, request: Request) -> Asked:
        # parameters of this service are its own: none of them is one of the OGC APIs'
        state = await self._sender.keeper.state()
        return self._sender.understood(request, state, {})


def _refuse_no_time(request: Request) -> None:
    """Raise OwsError for an Accept-Datetime that is none, where it could be passed over: one definition goes for all requests."""
    try:
        memento.accepted_time(request)
    except TwinError as error:
        raise of_twin_error(error, _LOCATORS["bad-accept-datetime"]) from error


def _address(grid: TileMatrixSet, matrix: str, column: str, row: str) -> TileAddress:
    """Return the tile of a matrix set; OwsError that names the parameter which is out of range (07-057r7, tables 25 and 27)."""
    if matrix not in set(map(str, grid.levels)):
        raise OwsError("InvalidParameterValue", "tilematrix", f"there is no tile matrix {matrix[:40]!r}", f"没有瓦片矩阵 {matrix[:40]!r}")
    for locator, number, count in (("tilecol", column, grid.width(int(matrix))), ("tilerow", row, grid.height(int(matrix)))):
        if not (number.isascii() and number.isdigit()):
            raise OwsError("InvalidParameterValue", locator, f"{locator} is a whole number", f"{locator} 应为整数")
        if len(number) > _MOST_DIGITS or int(number) >= count:
            raise OwsError("TileOutOfRange", locator, "there is no such tile", "没有该瓦片", 404)
    return TileAddress(grid, int(matrix), int(column), int(row))


def wmts_link(base: str, language: str) -> dict[str, object]:
    """Return the link from the landing page to the capabilities."""
    title = "影像的 WMTS 服务" if language == "zh" else "WMTS of imagery"
    return {"href": f"{base}/wmts/1.0.0/WMTSCapabilities.xml", "rel": "service", "type": XML, "title": title}


def _require_version(versions: list[str], code: str, locator: str) -> None:
    if "1.0.0" not in versions:
        raise OwsError(code, locator, "the version is 1.0.0", "版本为 1.0.0")
