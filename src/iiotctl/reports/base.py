"""What a format of tables is, and how one is found: entry points of the group `iiotctl.reports`, loaded when chosen."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from importlib.metadata import entry_points
from typing import BinaryIO, Final, cast

from iiotctl.errors import PluginError, UsageError
from iiotctl.reports.rows import Rows

GROUP: Final = "iiotctl.reports"
BINARY: Final = {"parquet": "Parquet", "arrow": "Arrow", "xlsx": "XLSX"}
"""Formats that no terminal can show, by name."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows as a person's spreadsheet has them.

    Attributes:
        zone: of the plant, in which its times stand; None = UTC.
        excel: country whose Excel is to read the CSV; None = CSV is for programs.
        about: what a workbook says about itself, as (name, text).
    """

    zone: tzinfo | None = None
    excel: str | None = None
    about: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """How a person wants to see a table; formats for programs look at none of it but `terminal` and `suffix`.

    Attributes:
        local_tz: show times of tables in this zone; None = UTC.
        title: a line above a table.
        color: styles are allowed.
        terminal: a person reads along, so fold to its width and let no control character through.
        width: columns of the terminal; None = as wide as it gets.
        suffix: how the name of the output file ends (`.feather`); "" = a pipe.
        sheet: what spreadsheets need to know.
    """

    local_tz: tzinfo | None = None
    title: str | None = None
    color: bool = False
    terminal: bool = False
    width: int | None = None
    suffix: str = ""
    sheet: Sheet = field(default_factory=Sheet)


Renderer = Callable[[Rows, BinaryIO, Look], None]
"""Writes rows to a stream of bytes. Must not close it."""


def names() -> list[str]:
    """The formats that are installed, sorted; loads none of them."""
    return sorted({entry.name for entry in entry_points(group=GROUP)})


def load(format_: str) -> Renderer:
    """The renderer of a format.

    Raises:
        UsageError: no such format.
        PluginError: the package that brings it cannot be imported.
    """
    found = [entry for entry in entry_points(group=GROUP) if entry.name == format_]
    if not found:
        close = difflib.get_close_matches(format_, names(), n=1)
        hint = f"did you mean `{close[0]}`?" if close else f"one of {', '.join(f'`{name}`' for name in names())}"
        raise UsageError("unknown-format", f"there is no format `{format_}`", hint=hint)
    entry = found[0]
    package = entry.dist.name if entry.dist is not None else "unknown package"
    try:
        return cast("Renderer", entry.load())
    except Exception as error:
        raise PluginError(
            "plugin-broken",
            f"the format `{format_}` cannot be loaded",
            where=f"{package}: {entry.value}",
            cause=f"{type(error).__name__}: {error}",
            hint=f"reinstall or remove the package `{package}`",
        ) from error
