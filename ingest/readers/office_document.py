"""Texts and presentations of Office and OpenDocument: ZIPs by their bytes, told apart so that they are refused as what they are."""

from __future__ import annotations

from ingest.readers.archive import Archive
from ingest.refusals import unsupported
from twin.errors import TwinError

_OFFICE_PARTS = frozenset({"word/document.xml", "ppt/presentation.xml"})
_OPEN_DOCUMENTS = tuple(b"application/vnd.oasis.opendocument." + kind for kind in (b"text", b"presentation", b"graphics"))
_LONGEST_MIMETYPE = 80


def is_office_document(archive: Archive) -> bool:
    """Return whether a ZIP is a text or a presentation (DOCX, PPTX, ODT, ODP, ODG)."""
    if _OFFICE_PARTS.intersection(archive.names):
        return True
    return "mimetype" in archive.names and archive.head("mimetype", _LONGEST_MIMETYPE).startswith(_OPEN_DOCUMENTS)


def document_refusal(name: str) -> TwinError:
    """Return the error of a file that is a text or a presentation."""
    return unsupported(
        f"{name} is a text document or a presentation, which is not read: hand in the data itself, tables as a workbook (XLSX) or CSV.",
        f"{name} 是文字或演示文档，不予读取：请提交数据本身，表格请存为工作簿（XLSX）或 CSV。",
        "document-unsupported",
    )
