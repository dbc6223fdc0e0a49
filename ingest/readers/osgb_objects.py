"""Which fields the objects of an OSGB file have, in order, by file version; and the reading of objects by that table.

The format has no field names and, before version 99, no lengths: what is not known cannot be passed over. Listed is what programs of
oblique photography and of modelling write; fields as in osgWrappers/serializers/osg of OpenSceneGraph.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ingest.readers.osgb_arrays import (
    ARRAY_OBJECTS,
    PRIMITIVE_OBJECTS,
    OsgArray,
    OsgPrimitives,
    read_array,
    read_array_object,
    read_primitives,
    read_primitives_object,
)
from ingest.readers.osgb_stream import OsgbStream

_ALWAYS = 1 << 30
_DEEPEST = 200
_OBJECTS_SINCE = 112
"""Arrays and primitives are objects from this version on."""
_INLINE_DATA, _INLINE_FILE = 0, 1


@dataclass(frozen=True, slots=True)
class OsgObject:
    """An object of the scene: its class without the library's name, and its fields."""

    kind: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OsgImage:
    """A picture: as its file, as bare pixels, or by the name of a file."""

    name: str
    file: bytes | None = None
    pixels: bytes | None = None
    width: int = 0
    height: int = 0
    pixel_format: int = 0
    data_type: int = 0
    packing: int = 1


type Thing = OsgObject | OsgArray | OsgPrimitives | None


class Objects:
    """The objects of one file; one that is named again is the same."""

    def __init__(self, stream: OsgbStream) -> None:
        self.stream = stream
        self.arrays: dict[int, OsgArray] = {}
        self._known: dict[int, Thing] = {}
        self._images: dict[int, OsgImage] = {}
        self._depth = 0

    def object(self) -> Thing:
        """Return the next object: an `OsgObject`, an array or a set of primitives; None where there is none, or a class not known."""
        name = self.stream.text()
        if name == "NULL":
            return None
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self.stream.broken("objects in objects without end")
        end = self.stream.opening()
        number = self.stream.uint32()
        if number not in self._known:
            self._known[number] = None  # an object inside itself
            self._known[number] = self._read(name.removeprefix("osg::"), is_bounded=end is not None)
        self.stream.closing(end)
        self._depth -= 1
        return self._known[number]

    def image(self) -> OsgImage:
        """Return the next picture."""
        stream = self.stream
        if stream.version > 94 and (kind := stream.text()) not in ("osg::Image", ""):
            raise stream.unread(kind)
        number = stream.uint32()
        if number not in self._images:
            self._images[number] = self._image()
            self.fields("Object")
        return self._images[number]

    def fields(self, kind: str) -> dict[str, Any]:
        """Return the fields that a class itself adds."""
        version = self.stream.version
        return {f.name: f.read(self) for f in _FIELDS.get(kind, ()) if f.since <= version < f.before}

    def _read(self, kind: str, *, is_bounded: bool) -> Thing:
        version = self.stream.version
        if kind in ARRAY_OBJECTS or kind in PRIMITIVE_OBJECTS:
            for base in ("Object", *(("BufferData",) if version >= 147 else ())):
                self.fields(base)
            return read_array_object(self.stream, kind) if kind in ARRAY_OBJECTS else read_primitives_object(self.stream, kind)
        if kind not in _CHAINS:
            if is_bounded:
                return None
            raise self.stream.unread(kind[:60])
        found: dict[str, Any] = {}
        for base in (*_CHAINS[kind], kind):
            if base != "Node" or kind != "Geometry" or version >= 154:
                found |= self.fields(base)
        return OsgObject(kind, found)

    def _image(self) -> OsgImage:
        stream = self.stream
        name, _, decision = stream.text(), stream.int32(), stream.int32()
        if decision == _INLINE_FILE:
            return OsgImage(name, file=stream.raw(stream.count(1)))
        if decision != _INLINE_DATA:
            return OsgImage(name)
        _, width, height, _, _ = (stream.int32() for _ in range(5))
        pixel_format, data_type, packing, _ = (stream.int32() for _ in range(4))
        pixels = stream.raw(stream.count(1))
        for _ in range(stream.count(4)):  # where the smaller copies begin
            stream.uint32()
        return OsgImage(name, None, pixels, width, height, pixel_format, data_type, packing)


type Read = Callable[[Objects], Any]


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    read: Read
    since: int = 0
    before: int = _ALWAYS
    """From which file version on it is there no more."""


def _int(o: Objects) -> int:
    return o.stream.int32()


def _uint(o: Objects) -> int:
    return o.stream.uint32()


def _flag(o: Objects) -> bool:
    return o.stream.flag()


def _text(o: Objects) -> str:
    return o.stream.text()


def _reals(number: int, *, double: bool = False) -> Read:
    return lambda o: o.stream.reals(number, double=double)


def _if_there(read: Read) -> Read:
    return lambda o: read(o) if o.stream.flag() else None


def _both(*reads: Read) -> Read:
    return lambda o: tuple(read(o) for read in reads)


def _in_brackets[T](read: Callable[[Objects], T]) -> Callable[[Objects], T]:
    def bracketed(o: Objects) -> T:
        end = o.stream.opening()
        value = read(o)
        o.stream.closing(end)
        return value

    return bracketed


def _list(read: Read, item_bytes: int = 1, *, braced_when_empty: bool = True) -> Read:
    """Return the reader of a number and so many things in brackets."""

    def read_list(o: Objects) -> list[Any]:
        number = o.stream.count(item_bytes)
        if not number and not braced_when_empty:
            return []
        end = o.stream.opening()
        values = [read(o) for _ in range(number)]
        o.stream.closing(end)
        return values

    return read_list


def _bare_list(read: Read) -> Read:
    return lambda o: [read(o) for _ in range(o.stream.count(1))]


def _object(o: Objects) -> Thing:
    return o.object()


def _image(o: Objects) -> OsgImage:
    return o.image()


def _primitives(o: Objects) -> Thing:
    return o.object() if o.stream.version >= _OBJECTS_SINCE else read_primitives(o.stream)


def _old_array(o: Objects) -> OsgArray | None:
    """Return an array with what is said of it after it: its order and its binding."""
    values = read_array(o.stream, o.arrays) if o.stream.flag() else None
    indices = read_array(o.stream, o.arrays) if o.stream.flag() else None
    binding, _ = o.stream.int32(), o.stream.int32()
    return None if values is None else values.bound(binding, indices)


_MAYBE_OBJECT = _if_there(_object)
_MODES = _list(_both(_uint, _int), 8, braced_when_empty=False)
_ATTRIBUTES = _list(_both(_object, _int), 8, braced_when_empty=False)
_CENTRE = _if_there(_both(_reals(3, double=True), _reals(1, double=True)))
_FACES = {
    "Ambient": _if_there(_both(_flag, _reals(8))), "Diffuse": _if_there(_both(_flag, _reals(8))),
    "Specular": _if_there(_both(_flag, _reals(8))), "Emission": _if_there(_both(_flag, _reals(8))),
    "Shininess": _if_there(_both(_flag, _reals(2))),
}  # fmt: skip
_OLD_ARRAY = _if_there(_in_brackets(_old_array))
_OLD_ARRAYS = _if_there(_list(_in_brackets(_old_array)))

_FIELDS: Mapping[str, tuple[_Field, ...]] = {
    "Object": (
        _Field("Name", _text),
        _Field("DataVariance", _int),
        _Field("UserData", _if_there(_in_brackets(_object)), before=77),
        _Field("UserDataContainer", _MAYBE_OBJECT, since=77),
    ),
    "DefaultUserDataContainer": (
        _Field("UserData", _if_there(_in_brackets(_object))),
        _Field("Descriptions", _if_there(_list(_text, 4))),
        _Field("UserObjects", _if_there(_list(_object, 4))),
    ),
    "BufferData": (_Field("BufferObject", _MAYBE_OBJECT, since=147),),
    "BufferObject": (_Field("Target", _uint), _Field("Usage", _uint), _Field("Copy", _flag), _Field("Mapping", _uint, since=201)),
    "Node": (
        _Field("InitialBound", _if_there(_in_brackets(_reals(4, double=True)))),
        _Field("ComputeBoundingSphereCallback", _MAYBE_OBJECT),
        _Field("UpdateCallback", _MAYBE_OBJECT),
        _Field("EventCallback", _MAYBE_OBJECT),
        _Field("CullCallback", _MAYBE_OBJECT),
        _Field("CullingActive", _flag),
        _Field("NodeMask", _uint),
        _Field("Descriptions", _if_there(_list(_text, 4)), before=77),
        _Field("StateSet", _MAYBE_OBJECT),
    ),
    "Group": (_Field("Children", _if_there(_list(_object, 4))),),
    "Geode": (_Field("Children", _if_there(_list(_object, 4))),),
    "Transform": (_Field("ReferenceFrame", _int),),
    "MatrixTransform": (_Field("Matrix", _in_brackets(_reals(16, double=True))),),
    "PositionAttitudeTransform": (
        _Field("Position", _reals(3, double=True)),
        _Field("Attitude", _reals(4, double=True)),
        _Field("Scale", _reals(3, double=True)),
        _Field("PivotPoint", _reals(3, double=True)),
    ),
    "CoordinateSystemNode": (_Field("Format", _text), _Field("CoordinateSystem", _text), _Field("EllipsoidModel", _MAYBE_OBJECT)),
    "EllipsoidModel": (_Field("RadiusEquator", _reals(1, double=True)), _Field("RadiusPolar", _reals(1, double=True))),
    "LOD": (
        _Field("CenterMode", _int),
        _Field("UserCenter", _CENTRE),
        _Field("RangeMode", _int),
        _Field("RangeList", _if_there(_list(_reals(2), 8))),
    ),
    "PagedLOD": (
        _Field("DatabasePath", _if_there(_if_there(_text))),
        _Field("FrameNumberOfLastTraversal", _uint, before=70),
        _Field("NumChildrenThatCannotBeExpired", _uint),
        _Field("DisableExternalChildrenPaging", _flag),
        _Field("RangeDataList", _if_there(_both(_list(_text, 4), _list(_reals(2), 8)))),
        _Field("Children", _if_there(_list(_object, 4, braced_when_empty=False))),
    ),
    "ProxyNode": (
        _Field("FileNames", _if_there(_list(_text, 4))),
        _Field("Children", _if_there(_list(_object, 4, braced_when_empty=False))),
        _Field("DatabasePath", _text),
        _Field("LoadingExternalReferenceMode", _int),
        _Field("CenterMode", _int),
        _Field("UserCenter", _CENTRE),
    ),
    "Drawable": (
        _Field("OwnStateSet", _MAYBE_OBJECT, before=156),
        _Field("DrawableBound", _if_there(_in_brackets(_reals(6, double=True)))),
        _Field("ComputeBoundingBoxCallback", _MAYBE_OBJECT),
        _Field("Shape", _MAYBE_OBJECT),
        _Field("SupportsDisplayList", _flag),
        _Field("UseDisplayList", _flag),
        _Field("UseVertexBufferObjects", _flag),
        _Field("OwnUpdateCallback", _MAYBE_OBJECT, before=156),
        _Field("OwnEventCallback", _MAYBE_OBJECT, before=156),
        _Field("OwnCullCallback", _MAYBE_OBJECT, before=156),
        _Field("DrawCallback", _MAYBE_OBJECT, before=156),
        _Field("OwnNodeMask", _uint, since=142),
        _Field("OwnCullingActive", _flag, since=145),
    ),
    "Geometry": (
        _Field("PrimitiveSetList", _bare_list(_primitives)),
        _Field("VertexArray", _OLD_ARRAY, before=_OBJECTS_SINCE),
        _Field("NormalArray", _OLD_ARRAY, before=_OBJECTS_SINCE),
        _Field("ColorArray", _OLD_ARRAY, before=_OBJECTS_SINCE),
        _Field("SecondaryColorArray", _OLD_ARRAY, before=_OBJECTS_SINCE),
        _Field("FogCoordArray", _OLD_ARRAY, before=_OBJECTS_SINCE),
        _Field("TexCoordArrayList", _OLD_ARRAYS, before=_OBJECTS_SINCE),
        _Field("VertexAttribArrayList", _OLD_ARRAYS, before=_OBJECTS_SINCE),
        _Field("FastPathHint", _flag, before=_OBJECTS_SINCE),
        _Field("VertexArray", _MAYBE_OBJECT, since=_OBJECTS_SINCE),
        _Field("NormalArray", _MAYBE_OBJECT, since=_OBJECTS_SINCE),
        _Field("ColorArray", _MAYBE_OBJECT, since=_OBJECTS_SINCE),
        _Field("SecondaryColorArray", _MAYBE_OBJECT, since=_OBJECTS_SINCE),
        _Field("FogCoordArray", _MAYBE_OBJECT, since=_OBJECTS_SINCE),
        _Field("TexCoordArrayList", _bare_list(_object), since=_OBJECTS_SINCE),
        _Field("VertexAttribArrayList", _bare_list(_object), since=_OBJECTS_SINCE),
    ),
    "StateSet": (
        _Field("ModeList", _if_there(_MODES)),
        _Field("AttributeList", _if_there(_ATTRIBUTES)),
        _Field("TextureModeList", _if_there(_list(_MODES, 4))),
        _Field("TextureAttributeList", _if_there(_list(_ATTRIBUTES, 4))),
        _Field("UniformList", _if_there(_list(_both(_object, _int), 8))),
        _Field("RenderingHint", _int),
        _Field("RenderBinMode", _int),
        _Field("BinNumber", _int),
        _Field("BinName", _text),
        _Field("NestRenderBins", _flag),
        _Field("UpdateCallback", _MAYBE_OBJECT),
        _Field("EventCallback", _MAYBE_OBJECT),
        _Field("DefineList", _if_there(_list(_both(_text, _text, _int), 12)), since=151),
    ),
    "StateAttribute": (_Field("UpdateCallback", _MAYBE_OBJECT), _Field("EventCallback", _MAYBE_OBJECT)),
    "Material": (_Field("ColorMode", _int), *(_Field(name, read) for name, read in _FACES.items())),
    "Texture": (
        *(_Field(name, _if_there(_uint)) for name in ("WRAP_S", "WRAP_T", "WRAP_R", "MIN_FILTER", "MAG_FILTER")),
        _Field("MaxAnisotropy", _reals(1)),
        _Field("UseHardwareMipMapGeneration", _flag),
        _Field("UnRefImageDataAfterApply", _flag),
        _Field("ClientStorageHint", _flag),
        _Field("ResizeNonPowerOfTwoHint", _flag),
        _Field("BorderColor", _reals(4, double=True)),
        _Field("BorderWidth", _int),
        _Field("InternalFormatMode", _int),
        *(_Field(name, _if_there(_uint)) for name in ("InternalFormat", "SourceFormat", "SourceType")),
        _Field("ShadowComparison", _flag),
        _Field("ShadowCompareFunc", _int),
        _Field("ShadowTextureMode", _int),
        _Field("ShadowAmbient", _reals(1)),
        _Field("ImageAttachment", _if_there(_both(_uint, _int, _flag, _int, _uint, _uint)), since=95, before=154),
        _Field("Swizzle", _if_there(_text), since=98),
        _Field("Levels", _reals(3), since=155),
    ),
    "Texture2D": (_Field("Image", _if_there(_image)), _Field("TextureWidth", _int), _Field("TextureHeight", _int)),
    "TexEnv": (_Field("Mode", _int), _Field("Color", _reals(4))),
    "TexMat": (_Field("Matrix", _in_brackets(_reals(16, double=True))), _Field("ScaleByTextureRectangleSize", _flag)),
    "CullFace": (_Field("Mode", _int),),
    "FrontFace": (_Field("Mode", _int),),
    "ShadeModel": (_Field("Mode", _int),),
    "BlendFunc": tuple(_Field(name, _uint) for name in ("SourceRGB", "SourceAlpha", "DestinationRGB", "DestinationAlpha")),
    "AlphaFunc": (_Field("Function", _int), _Field("ReferenceValue", _reals(1))),
    "PolygonMode": (_Field("Mode", _if_there(_both(_flag, _int, _int))),),
    "PolygonOffset": (_Field("Factor", _reals(1)), _Field("Units", _reals(1))),
    "LightModel": (_Field("Ambient", _reals(4)), _Field("ColorControl", _int), _Field("LocalViewer", _flag), _Field("TwoSided", _flag)),
    "Depth": (_Field("Function", _int), _Field("Range", _reals(2, double=True)), _Field("WriteMask", _flag)),
}  # fmt: skip

_NODE, _ATTRIBUTE = ("Object", "Node"), ("Object", "StateAttribute")
_CHAINS: Mapping[str, tuple[str, ...]] = {
    "Node": ("Object",),
    "Group": _NODE,
    "Geode": _NODE,
    "LOD": (*_NODE, "Group"),
    "PagedLOD": (*_NODE, "LOD"),
    "ProxyNode": _NODE,
    "MatrixTransform": (*_NODE, "Group", "Transform"),
    "PositionAttitudeTransform": (*_NODE, "Group", "Transform"),
    "CoordinateSystemNode": (*_NODE, "Group"),
    "EllipsoidModel": ("Object",),
    "Geometry": (*_NODE, "Drawable"),
    "StateSet": ("Object",),
    "DefaultUserDataContainer": ("Object",),
    "VertexBufferObject": ("Object", "BufferObject"),
    "ElementBufferObject": ("Object", "BufferObject"),
    "Texture2D": (*_ATTRIBUTE, "Texture"),
    **dict.fromkeys(
        (
            "Material", "TexEnv", "TexMat", "CullFace", "FrontFace", "ShadeModel", "BlendFunc", "AlphaFunc", "PolygonMode", "PolygonOffset",
            "LightModel", "Depth",
        ),
        _ATTRIBUTE,
    ),
}  # fmt: skip
"""The classes whose fields come before an object's own."""
