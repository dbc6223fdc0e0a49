"""The errors by which a file is refused, with their stable codes and texts in both languages."""

from __future__ import annotations

from twin.errors import RejectedError, TwinError, UnsupportedMediaError


def rejected(code: str, en: str, zh: str) -> TwinError:
    """Return the error of a file whose content cannot be taken."""
    return RejectedError(en, zh=zh).with_code(code)


def unsupported(en: str, zh: str, code: str = "unsupported-media") -> TwinError:
    """Return the error of a file that is of no kind read here."""
    return UnsupportedMediaError(en, zh=zh).with_code(code)


def memory_refusal() -> TwinError:
    """Return the error of a file that needs more memory than its reader may have."""
    return rejected("parser-memory", "The file needs more memory than a reader may have.", "读取该文件所需内存超过上限。")


def timed_out() -> TwinError:
    """Return the error of a file that takes longer to read than its reader may."""
    return rejected("parser-timeout", "The file took longer to read than a reader may take.", "读取该文件超过时间上限。")


def crs_undeclared(layer: str) -> TwinError:
    """Return the error of a layer that does not say its CRS and whose format has no rule for that."""
    return rejected(
        "crs-undeclared",
        f"{layer}: the file does not say its coordinate reference system: declare it (on the page at the layer's CRS, else with --crs).",
        f"{layer}：文件未说明坐标系，请声明：网页上填该图层的“坐标系”，命令行用 --crs。",
    )


def missing_member(name: str) -> TwinError:
    """Return the error of a file that lacks one of the files it consists of."""
    return rejected("missing-member", f"The file's part {name} is missing.", f"缺少组成文件 {name}。")


def layer_missing(wanted: str, there: tuple[str, ...]) -> TwinError:
    """Return the error of a layer or sheet that was asked for and is not there."""
    names = ", ".join(there) or "-"
    return rejected("layer-missing", f"There is no layer {wanted!r}; there are: {names}.", f"没有图层“{wanted}”，现有：{names}。")
