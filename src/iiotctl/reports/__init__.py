"""Rows and findings as terminal tables, JSON, JSON lines, CSV, Markdown, workbooks, Parquet, Arrow."""

from iiotctl.reports.base import Sheet
from iiotctl.reports.output import write
from iiotctl.reports.rows import Column, Rows

__all__ = ["Column", "Rows", "Sheet", "write"]
