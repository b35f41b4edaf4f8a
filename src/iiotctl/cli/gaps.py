"""`iiotctl gaps`: what is missing, how long, and why."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from iiotctl.cli import _console, _spreadsheet
from iiotctl.cli._history_options import FromOption, TimezoneOption, ToOption
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

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from iiotctl.history.gaps import GapRow, Wanted
    from iiotctl.history.sql.omission import Omissions
    from iiotctl.history.time.sitetime import SiteTime
    from iiotctl.reports import Sheet


def gaps(
    source: Annotated[
        str | None, typer.Option("--source", metavar="NAME", show_default=False, help="Only gaps of this source.")
    ] = None,
    tag: Annotated[
        str | None,
        typer.Option("--tag", metavar="TAG", show_default=False, help="Only gaps of this tag and of its whole source."),
    ] = None,
    reason: Annotated[
        str | None,
        typer.Option("--reason", metavar="REASON", show_default=False, help="Only gaps of this cause, e.g. timeout."),
    ] = None,
    start: FromOption = None,
    end: ToOption = None,
    timezone: TimezoneOption = None,
    completeness: Annotated[
        bool,
        typer.Option("--completeness", show_default=False, help="Instead, how complete the record of each tag is."),
    ] = False,
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
    """List the gaps: what is missing, how long, and why.

    A gap without a tag holds for every tag of its source; one without an end
    is still open. Reasons: disconnected, timeout, refused, overflow, restart,
    clock-step, shutdown, damaged, disk-reserve, disk-full.

    Examples:
      iiotctl gaps
      iiotctl gaps --source press1 --from '*-1d'
      iiotctl gaps --completeness --from '*-1d'
      iiotctl gaps --tag press1.hydraulics.pressure --format csv
    """
    del quiet, verbose, color
    import time

    from iiotctl import reports
    from iiotctl.history.gaps import Wanted
    from iiotctl.history.sql.omission import Omissions
    from iiotctl.ops.gaps import gaps as op
    from iiotctl.ops.history import opened
    from iiotctl.reports.rows import Column, Rows

    root, zone = opened(site, store, timezone, _console.show_event)
    notice = Omissions(_console.show_event)
    sheet = _spreadsheet.sheet(excel, zone, root)
    if completeness:
        _completeness(root, Wanted(source, tag, reason), notice, start, end, zone, format, output, sheet)
        notice.end(root, strict=strict)
        return
    found = op(root, Wanted(source, tag, reason), notice, start=start, end=end, zone=zone)
    columns = [
        Column("source"),
        Column("tag"),
        Column("start", "timestamp"),
        Column("end", "timestamp"),
        Column("duration", "float", "s"),
        Column("reason"),
        Column("detected_at", "timestamp"),
        Column("filled_by"),
        Column("id"),
    ]
    rows = [(g.source, g.tag, g.start, g.end, g.duration_s, g.reason, g.detected_at, g.filled_by, g.id) for g in found]
    # people have no use for when it was noticed and its id, and for what filled it only where something did
    shown = list(range(len(columns)))
    if format is Format.TABLE:
        shown = [0, 1, 2, 3, 4, 5, *([7] if any(gap.filled_by for gap in found) else [])]
    table = Rows([columns[place] for place in shown], [[row[place] for place in shown] for row in rows])
    reports.write(table, format.value, output, color=_console.uses_color(sys.stdout), sheet=sheet)
    _console.say(_summary(found, time.time_ns() // 1000))
    notice.end(root, strict=strict)


def _completeness(
    root: Path,
    wanted: Wanted,
    notice: Omissions,
    start: str | None,
    end: str | None,
    zone: SiteTime,
    format_: Format,
    output: Path | None,
    sheet: Sheet,
) -> None:
    from iiotctl import reports
    from iiotctl.cli._completeness import overall, store_rows
    from iiotctl.ops.gaps import completeness as op

    records = op(root, wanted, notice, start=start, end=end, zone=zone)
    rows = store_rows(records, brief=format_ is Format.TABLE)
    reports.write(rows, format_.value, output, color=_console.uses_color(sys.stdout), sheet=sheet)
    _console.say(overall([record.completeness for record in records]))


def _summary(rows: Sequence[GapRow], now_us: int) -> str:
    from iiotctl.ops.gaps import by_cause
    from iiotctl.site.units import format_duration

    if not rows:
        return "no gaps"
    filled = [row for row in rows if row.filled_by is not None]
    rows = [row for row in rows if row.filled_by is None]
    aside = f"; {len(filled)} filled later" if filled else ""
    if not rows:
        return f"nothing is missing{aside}"
    causes = [(cause.reason, cause.outages) for cause in by_cause(rows, now_us)]
    parts = []
    for reason, outages in causes:
        still = f", {outages.open} still open" if outages.open else ""
        parts.append(f"{outages.count} {reason} ({format_duration(round(outages.seconds, 3))}{still})")
    total = sum(outages.count for _, outages in causes)
    # one outage may leave a gap in each of its tags
    within = f" in {total} outage{'s' if total != 1 else ''}" if total != len(rows) else ""
    return f"{len(rows)} gap{'s' if len(rows) != 1 else ''}{within}: {', '.join(parts)}{aside}"
