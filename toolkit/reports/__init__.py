"""Reports: what batches are like and which settings to use, as a page in one file."""

from toolkit.reports.page import write_audit, write_suggestion

__all__ = ["write_audit", "write_suggestion"]
