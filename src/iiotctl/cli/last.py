"""`iiotctl last`: the newest value of each tag."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from iiotctl.cli import _console, _spreadsheet
from iiotctl.cli._history_options import TimezoneOption
from iiotctl.cli._options import (
    Color,
    ColorOption,
    ExcelOption,
    Format,
    FormatOption,
    OutputOption,
    QuietOption,
    SiteOption,
    StoreOption,
    StrictOption,
    VerboseOption,
)


def last(
    tags: Annotated[
        list[str] | None,
        typer.Argument(metavar="TAG", show_default=False, help="Names or patterns such as 'press1.*'; else all."),
    ] = None,
    timezone: TimezoneOption = None,
    strict: StrictOption = False,
    site: SiteOption = None,
    store: StoreOption = None,
    format: FormatOption = Format.TABLE,
    excel: ExcelOption = None,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Show the newest value of each tag, its unit, quality and age.

    Works while a capture runs and reads the newest files only. A value that
    could not be read is empty and its quality says why; the last good value
    is never shown in its place.

    Examples:
      iiotctl last
      iiotctl last 'press1.*' --format json
    """
    del quiet, verbose, color
    import time
    from datetime import UTC, datetime

    from iiotctl import quality, reports
    from iiotctl.history.sql.omission import Omissions
    from iiotctl.ops.history import opened
    from iiotctl.ops.last import last as op
    from iiotctl.reports.rows import Column, Rows

    root, zone = opened(site, store, timezone, _console.show_event)
    notice = Omissions(_console.show_event)
    found = op(root, tags or (), notice)
    now = datetime.fromtimestamp(time.time(), UTC)
    columns = [
        Column("tag"),
        Column("value", "any"),
        Column("unit"),
        Column("quality"),
        Column("age", "float", "s"),
        Column("ts", "timestamp"),
        Column("source"),
    ]
    rows = [
        (
            row.tag,
            row.value if row.text is None else row.text,
            row.unit,
            "no sample yet" if row.quality is None else quality.name(row.quality),
            None if row.ts is None else round((now - row.ts).total_seconds(), 1),
            row.ts,
            row.source,
        )
        for row in found
    ]
    sheet = _spreadsheet.sheet(excel, zone, root)
    reports.write(Rows(columns, rows), format.value, output, color=_console.uses_color(sys.stdout), sheet=sheet)
    notice.end(root, strict=strict)
