"""Every form of a report, into one folder."""

from __future__ import annotations

from pathlib import Path

from ingest.reports.documents import places_document, report_document, write_table
from ingest.reports.report import CheckReport
from ingest.reports.workbook import write_workbook

LANGUAGES = ("zh", "en")


def write_reports(directory: Path, report: CheckReport) -> None:
    """Write findings.json, findings.geojson, findings.csv, and in both languages findings.LL.xlsx and acceptance.LL.pdf.

    UnavailableError ``font-missing`` where the sheet cannot be set; the others are written by then.
    """
    from ingest.reports.acceptance import acceptance_sheet  # noqa: PLC0415 - the PDF library takes a second to import
    from ingest.reports.fonts import find_font  # noqa: PLC0415

    directory.mkdir(parents=True, exist_ok=True)
    (directory / "findings.json").write_bytes(report_document(report))
    (directory / "findings.geojson").write_bytes(places_document(report))
    with (directory / "findings.csv").open("w", newline="", encoding="utf-8-sig") as file:  # the mark makes Excel read UTF-8
        write_table(file, report.findings)
    for language in LANGUAGES:
        write_workbook(directory / f"findings.{language}.xlsx", report, language)
    font = find_font()
    for language in LANGUAGES:
        (directory / f"acceptance.{language}.pdf").write_bytes(acceptance_sheet(report, language, font))
