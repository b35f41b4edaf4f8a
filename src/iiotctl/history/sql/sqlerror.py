"""DuckDB's errors in our form: the user's SQL is a usage error with its place, the rest is the store's."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from iiotctl.errors import IiotctlError, IncompleteError, StoreError, UsageError

_LINE: Final = re.compile(r"^LINE (\d+): ", re.MULTILINE)
_CLOSED: Final = re.compile(r"Broken pipe|errno\"?:\s*\"?32\b", re.IGNORECASE)
_FULL: Final = "No space left on device"
_COMPARED: Final = re.compile(r"(?:=|<>|\b(?:i?like|in)\b)\s*(?:\(\s*|\([^()]*,\s*)?$", re.IGNORECASE)
"""What stands before a text that a column is compared with."""
_NAME: Final = re.compile(r'"([^"]*)"|([\w.]+)')
_WORDS: Final = re.compile(r'(?<!["\w])(end|offset|order(?!\s+by\b))(?!["\w])', re.IGNORECASE)
"""Columns of our views that are words of SQL, where they stand bare."""
_HINT: Final = '`iiotctl query "SHOW TABLES"` lists the views, `iiotctl query "DESCRIBE samples"` the columns of one'


def as_usage(error: Exception, *, shift: int = 0) -> UsageError:
    """An error that the SQL caused, with line and caret.

    Args:
        error: what DuckDB raised.
        shift: lines that we put before the user's.
    """
    head, _, place = str(error).strip().partition("\n\nLINE ")
    first, _, more = head.partition("\n")
    kind, _, text = first.partition(": ")
    cause = f"{text or kind}\n{more}".strip()
    hint = _beginners_hint(text, place) or _HINT
    if place:
        cause += "\n" + _LINE.sub(lambda found: _renumbered(found, shift), f"LINE {place}").rstrip()
    return UsageError("sql-error", "DuckDB cannot run this SQL", cause=tuple(cause.split("\n")), hint=hint)


def _beginners_hint(text: str, place: str) -> str | None:
    """What people mean who write SQL for the first time.

    Args:
        text: of the error.
        place: number and text of the line, and below a caret, as DuckDB writes them behind `LINE `.
    """
    number, _, shown = place.partition(": ")
    line, _, below = shown.partition("\n")
    at = below.find("^") - len(f"LINE {number}: ")
    if at < 0:
        return None
    if text.startswith(("Referenced column", "Referenced table")) and _COMPARED.search(line[:at]):
        name = _NAME.match(line, at)
        if name is not None:
            return f"texts stand in single quotes: `'{name[1] or name[2]}'`"
    if text.startswith("syntax error") and not re.search(r"\bcase\b", line, re.IGNORECASE):
        # the parser stumbles over the word, or over what stands behind it
        word = next((found for found in _WORDS.finditer(line) if found.start() <= at), None)
        if word is not None:
            return f'`{word[1]}` is a word of SQL; as a column it stands in double quotes: `"{word[1]}"`'
    return None


def _renumbered(found: re.Match[str], shift: int) -> str:
    # the caret below counts columns, so the prefix keeps its length
    return f"LINE {int(found[1]) - shift}".ljust(len(found[0]) - 2) + ": "


def is_vanished(error: Exception, files: Iterable[Path]) -> bool:
    """Whether the query met a file of the store that is not there any more.

    Inside the sandbox DuckDB does not say "no such file": it tries the name as a folder, and is refused.
    """
    import duckdb

    text = str(error)
    return isinstance(error, duckdb.IOException | duckdb.PermissionException) and any(
        str(path) in text and not path.exists() for path in files
    )


def is_closed_pipe(error: Exception) -> bool:
    """Whether the reader of the output has gone."""
    import duckdb

    return isinstance(error, duckdb.IOException) and bool(_CLOSED.search(str(error)))


def translate(error: Exception, *, shift: int = 0) -> IiotctlError:
    """The error as the user should meet it."""
    import duckdb

    text = str(error).strip()
    if isinstance(error, duckdb.PermissionException) or "configuration has been locked" in text:
        return UsageError(
            "query-refused",
            "`query` only reads, and only the store",
            cause=text.partition("\n")[0].partition(": ")[2],
            hint="`--unsafe` lifts this for SQL that you trust",
        )
    if isinstance(error, duckdb.OutOfMemoryException):
        return StoreError(
            "query-memory",
            "the query needs more memory than it may use",
            cause=text.partition("\n")[0].partition(": ")[2],
            hint="narrow it with `--from` and `--to`, or aggregate first",
        )
    if _FULL in text:
        return IncompleteError(
            "disk-full",
            "the disk is full",
            cause=_FULL,
            hint="free some space and run the command again; `iiotctl doctor` shows what is left",
        )
    of_the_store = isinstance(error, duckdb.IOException | duckdb.InternalException | duckdb.FatalException)
    if of_the_store or type(error) is duckdb.Error:
        return StoreError(
            "query-failed",
            "the query could not be finished",
            cause=text.partition("\n")[0],
            hint="`iiotctl store verify` checks every file of the store",
        )
    return as_usage(error, shift=shift)


def changed(error: Exception | None) -> StoreError:
    """A file of the store vanished at a moment when nothing could be done about it."""
    return StoreError(
        "store-changed",
        "a file of the store went away while the query read it",
        cause=str(error).partition("\n")[0] if error else None,
        hint="run the query again",
        retriable=True,
    )
