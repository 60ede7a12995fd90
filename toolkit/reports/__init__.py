"""Reports on batches and on suggested settings, each as a single HTML file."""

from toolkit.reports.page import write_audit, write_suggestion

__all__ = ["write_audit", "write_suggestion"]
