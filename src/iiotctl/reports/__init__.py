"""Rows and findings as terminal tables, JSON, JSON lines, CSV, Parquet."""

from iiotctl.reports.output import write
from iiotctl.reports.rows import Column, Rows

__all__ = ["Column", "Rows", "write"]
