"""Rows and findings as terminal tables, JSON, JSON lines, CSV, Parquet."""
