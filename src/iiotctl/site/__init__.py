"""The site file: what exists in the plant and how we read it. Words and validation only; no protocol code."""
