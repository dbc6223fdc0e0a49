"""Every form of a report, into one folder."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path

from ingest.reports.documents import places_document, report_document, table_texts
from ingest.reports.report import CheckReport
from ingest.reports.workbook import write_workbook
from twin.model import Finding

LANGUAGES = ("zh", "en")


def write_reports(directory: Path, report: CheckReport, further: Iterable[Finding] = ()) -> None:
    """Write findings.json, findings.geojson, findings.csv, and in both languages findings.LL.xlsx and acceptance.LL.pdf.

    The table (CSV) has the findings of the report and all ``further`` ones.
    UnavailableError ``font-missing`` where the sheet cannot be set; the others are written by then.
    """
    from ingest.reports.acceptance import acceptance_sheet  # noqa: PLC0415 - the PDF library takes a second to import
    from ingest.reports.fonts import find_font  # noqa: PLC0415

    directory.mkdir(parents=True, exist_ok=True)
    (directory / "findings.json").write_bytes(report_document(report))
    (directory / "findings.geojson").write_bytes(places_document(report))
    with (directory / "findings.csv").open("w", newline="", encoding="utf-8") as file:
        file.writelines(table_texts(itertools.chain(report.findings, further)))
    for language in LANGUAGES:
        write_workbook(directory / f"findings.{language}.xlsx", report, language)
    font = find_font()
    for language in LANGUAGES:
        (directory / f"acceptance.{language}.pdf").write_bytes(acceptance_sheet(report, language, font))
