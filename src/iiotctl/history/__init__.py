"""DuckDB over the store: views, sandboxed SQL, gaps, last values."""
