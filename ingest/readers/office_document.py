"""Texts, presentations and web pages, told apart from tables by their bytes so that they are refused as what they are."""

from __future__ import annotations

import re

from ingest.readers.archive import Archive
from ingest.refusals import unsupported
from twin.errors import TwinError

_OFFICE_PARTS = frozenset({"word/document.xml", "ppt/presentation.xml"})
_OPEN_DOCUMENTS = tuple(b"application/vnd.oasis.opendocument." + kind for kind in (b"text", b"presentation", b"graphics"))
_LONGEST_MIMETYPE = 80
_COMMENTS = rb"(?:<!--.*?-->\s*)*"
_PAGE = re.compile(
    rb"(?is)mime-version:"
    rb"|" + _COMMENTS + rb"<!doctype\s+html[\s>]"
    rb"|(?:<\?xml[^>]*\?>\s*)?" + _COMMENTS + rb"<(?:html|head|body|table|meta|style)[\s>:]"
)
"""XML that declares itself and has a document type is refused for that, page or not."""
_XML_BOOK = re.compile(rb'(?i)<\?mso-application\s+progid="Excel\.Sheet"|urn:schemas-microsoft-com:office:spreadsheet')


def is_office_document(archive: Archive) -> bool:
    """Return whether a ZIP is a text or a presentation (DOCX, PPTX, ODT, ODP, ODG)."""
    if _OFFICE_PARTS.intersection(archive.names):
        return True
    return "mimetype" in archive.names and archive.head("mimetype", _LONGEST_MIMETYPE).startswith(_OPEN_DOCUMENTS)


def is_page(text_head: bytes) -> bool:
    """Return whether a file is a web page or a workbook as XML, which programs save under the name of a workbook (.xls)."""
    return _PAGE.match(text_head) is not None or (text_head[:5] == b"<?xml" and _XML_BOOK.search(text_head) is not None)


def page_refusal() -> TwinError:
    """Return the error of a file that `is_page`."""
    return unsupported(
        "The file is a web page (HTML) or XML, though it may be called .xls, as some programs export tables: open it in Excel or WPS,"
        " save it as a workbook (XLSX) and hand that in.",
        "文件内容是网页（HTML）或 XML，尽管扩展名可能是 .xls（某些软件如此导出表格）：请用 Excel 或 WPS 打开，另存为工作簿（XLSX）后提交。",
        "page-unsupported",
    )


def document_refusal(name: str) -> TwinError:
    """Return the error of a file that is a text or a presentation."""
    return unsupported(
        f"{name} is a text document or a presentation, which is not read: hand in the data itself, tables as a workbook (XLSX) or CSV.",
        f"{name} 是文字或演示文档，不予读取：请提交数据本身，表格请存为工作簿（XLSX）或 CSV。",
        "document-unsupported",
    )
