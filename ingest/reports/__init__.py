"""Reports of a check: JSON, a workbook, places on a map, an acceptance sheet; all from one frozen `CheckReport`."""

from ingest.reports.report import CheckReport
from ingest.reports.writing import write_reports

__all__ = ["CheckReport", "write_reports"]
