"""What is wrong with a city object of CityGML that cannot be read, in words."""

from __future__ import annotations

from twin.errors import Text

_MOST_SAID = 40
_MOST_NAME = 80
_UNKNOWN = Text(
    zh="几何的写法不合 GML 规范，请用导出软件重新导出该对象",
    en="its geometry is not written as GML has it; export the object anew",
)
_NO_NUMBER = Text(zh="坐标、维数或矩阵中有的值不是数", en="a coordinate, dimension or matrix holds what is no number")
_TOO_DEEP = Text(zh="几何嵌套层数过多，或几何互相引用", en="its geometries are nested too deep, or name each other")
_TOO_LARGE = Text(zh="有的坐标值大到无法表示", en="a coordinate is too large to be held")


class GmlError(ValueError):
    """A geometry that is not GML's; ``said`` tells what is wrong."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.said = Text(zh=zh, en=en)


def told(error: Exception) -> Text:
    """Return what an error that was raised while an object was read says of the object."""
    match error:
        case GmlError():
            return error.said
        case RecursionError():
            return _TOO_DEEP
        case OverflowError():
            return _TOO_LARGE
        case ValueError():
            return _NO_NUMBER
        case _:
            return _UNKNOWN


def numbers_of(text: str) -> list[float]:
    """Return the numbers of a text, between white space; GmlError names the first that is none."""
    try:
        return list(map(float, text.split()))
    except ValueError:
        odd = next(word for word in text.split() if not _is_number(word))[:_MOST_SAID]
        raise GmlError(f"坐标“{odd}”不是数", f"{odd!r} stands where a coordinate should") from None


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def names_nothing(name: str) -> GmlError:
    """Return the fault of a reference whose id no element has, or several have."""
    said = name[:_MOST_NAME]
    return GmlError(
        f"xlink:href 引用的 #{said} 在文件中没有，或不止一个对象用此 gml:id",
        f"xlink:href names #{said}, which is the gml:id of no element, or of several",
    )


def twice(name: str) -> GmlError:
    """Return the fault of an object whose id another object of the same member has."""
    said = name[:_MOST_NAME]
    return GmlError(f"gml:id {said} 重复，同一对象中有两处", f"the gml:id {said} is there twice")


def not_of_dimension(count: int, dimension: int) -> GmlError:
    """Return the fault of coordinates that make no whole number of positions."""
    if dimension not in (2, 3):
        return GmlError(f"srsDimension 为 {dimension}，应为 2 或 3", f"srsDimension is {dimension}, not 2 or 3")
    return GmlError(
        f"坐标串有 {count} 个数，不是每点 {dimension} 个数的整数倍（可能缺一个坐标，或 srsDimension 有误）",
        f"{count} numbers are no whole number of positions of {dimension}: a coordinate is missing, or srsDimension is wrong",
    )


def no_position(count: int) -> GmlError:
    """Return the fault of a position that is of another count of numbers."""
    return GmlError(f"一个点（gml:pos）有 {count} 个数，应为 2 或 3 个", f"a position (gml:pos) is of {count} numbers, not 2 or 3")


def not_finite() -> GmlError:
    """Return the fault of a position that is not a place."""
    return GmlError("有的坐标是 NaN 或无穷大", "a coordinate is NaN or infinite")


def too_many() -> GmlError:
    """Return the fault of an object that is too large, or whose geometries name each other."""
    return GmlError("对象的顶点过多，或几何互相引用", "the object has too many corners, or its geometries name each other")


def no_implicit() -> GmlError:
    """Return the fault of an implicit geometry that cannot be put anywhere."""
    return GmlError(
        "隐式几何（ImplicitGeometry）缺少参考点 referencePoint，或变换矩阵不是 16 个数",
        "an ImplicitGeometry has no referencePoint, or its transformationMatrix is not of 16 numbers",
    )
