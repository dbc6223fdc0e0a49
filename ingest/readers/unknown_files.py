"""Why a file is read by none of the readers, in words that say what to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from ingest.refusals import rejected, unsupported
from twin.errors import TwinError

_NAMED = 5
_OF_SHAPEFILE = frozenset({".dbf", ".shx", ".prj", ".cpg"})


def unknown_file(name: str) -> TwinError:
    """Return the error of a file of no known kind; of one that is called as a part of a Shapefile which it belongs to."""
    if PurePosixPath(name).suffix.casefold() in _OF_SHAPEFILE:
        return unsupported(
            f"{name} is a part of a Shapefile and is not read by itself: hand in .shp, .shx, .dbf and .prj together or as a ZIP.",
            f"{name} 是 Shapefile 的附属文件，不能单独读取：请与 .shp、.shx、.dbf、.prj 一起提交，或压缩为一个 ZIP。",
        )
    return unsupported(
        "The file is of no kind that is read here. Hand in GeoPackage, a Shapefile as a ZIP, GeoJSON, DXF, a workbook (XLSX), CSV,"
        " Access, CityJSON, CityGML, IFC, GeoTIFF or LAS.",
        "无法识别的文件类型。可提交 GeoPackage、Shapefile（ZIP）、GeoJSON、DXF、工作簿（XLSX）、CSV、Access、CityJSON、CityGML、IFC、"
        "GeoTIFF、LAS 等。",
    )


def unknown_archive(names: Sequence[str]) -> TwinError:
    """Return the error of a ZIP that holds files of no known kind, or none."""
    if not names:
        return rejected("empty-file", "There is no file in the archive.", "压缩包中没有文件。")
    if {PurePosixPath(name).suffix.casefold() for name in names} <= _OF_SHAPEFILE:
        return unsupported(
            "The archive holds files of a Shapefile, but not the .shp itself: put it in, too.",
            "压缩包中有 Shapefile 的附属文件，但缺少 .shp 文件：请一并压缩后再提交。",
        )
    is_all = len(names) <= _NAMED
    en = f"No file in the archive is of a kind that is read here: {', '.join(names[:_NAMED])}{'' if is_all else ' …'}"
    return unsupported(en, f"压缩包中没有可识别的数据文件：{'、'.join(names[:_NAMED])}{'' if is_all else '……'}")


def dtd_forbidden() -> TwinError:
    """Return the error of XML with a DOCTYPE."""
    return rejected(
        "xml-dtd-forbidden",
        "The XML has a document type declaration (<!DOCTYPE …>), which is not read for safety: take it out, write what its entities stand"
        " for in their place, and hand the file in again.",
        "XML 含文档类型声明（<!DOCTYPE …>），为安全起见不予读取：请删去该声明，并把其中定义的实体改写为实际文字，再提交。",
    )
