"""Findings on their way out: for a terminal, for programs, as a page, and as a sheet to sign. One file each."""
