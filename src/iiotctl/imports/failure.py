"""Errors about a file to import: in one form, with the file in front."""

from __future__ import annotations

from pathlib import Path

from iiotctl.errors import UsageError


def bad_file(path: Path, what: str, *, cause: str | None = None, hint: str | None = None) -> UsageError:
    """`import-file`: the file cannot be read at all."""
    return UsageError("import-file", what, where=str(path), cause=cause, hint=hint)


def bad_shape(path: Path, what: str, *, cause: str | None = None, hint: str | None = None) -> UsageError:
    """`import-shape`: it can be read, but what it means is open; the hint names the flag that settles it."""
    return UsageError("import-shape", what, where=str(path), cause=cause, hint=hint)
