"""`iiotctl export`: samples of tags into a file for other programs and people."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from iiotctl.cli import _console, _spreadsheet
from iiotctl.cli._history_options import (
    BoundaryOption,
    DuringOption,
    EveryOption,
    ForceOption,
    FromOption,
    ModeOption,
    SteppedOption,
    TimezoneOption,
    ToOption,
    WidthOption,
)
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
    from pathlib import Path

    from iiotctl.history.time.sitetime import SiteTime


def export(
    tags: Annotated[
        list[str], typer.Argument(metavar="TAG", show_default=False, help="Names or patterns such as 'press1.*'.")
    ],
    start: FromOption = None,
    end: ToOption = None,
    mode: ModeOption = None,
    every: EveryOption = None,
    boundary: BoundaryOption = "inside",
    wide: Annotated[
        bool,
        typer.Option("--wide", show_default=False, help="A column for each tag; with --every a row for each interval."),
    ] = False,
    width: WidthOption = 1000,
    stepped: SteppedOption = None,
    during: DuringOption = None,
    timezone: TimezoneOption = None,
    force: ForceOption = False,
    strict: StrictOption = False,
    site: SiteOption = None,
    store: StoreOption = None,
    format: FormatOption = Format.CSV,
    excel: ExcelOption = None,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Write samples of tags to a file, also for Excel.

    Samples go out as recorded; with --every, as values interpolated at even
    distances, and with --wide side by side. Programs get UTC. Workbooks and
    CSV for Excel get plant local time, with the zone in the header.

    Examples:
      iiotctl export 'press1.*' --from y --to t -o yesterday.xlsx
      iiotctl export oven.zone1 oven.zone2 --every 1min --wide -o ovens.csv
      iiotctl export 'press1.*' --from '*-7d' --excel de -o week.csv
      iiotctl export oven.zone1 --mode plot --from '*-30d' -o month.parquet
    """
    del quiet, verbose, color
    from iiotctl.ops import export as op
    from iiotctl.ops.history import opened

    root, zone = opened(site, store, timezone, _console.show_event)
    facts = _about(root, zone, start, end) if format is Format.XLSX else []
    done = op.run(
        op.Order(
            store=root,
            tags=tags,
            format=format.value,
            output=output,
            mode=mode,
            every=every,
            boundary=boundary,
            start=start,
            end=end,
            width=width,
            wide=wide,
            stepped=stepped,
            during=during,
            zone=zone,
            force=force,
            color=_console.uses_color(sys.stdout),
            strict=strict,
            sheet=_spreadsheet.sheet(excel, zone, root, *facts),
        ),
        _console.show_event,
    )
    _console.say(_summary(done.rows, done.tags, done.not_good))


def _about(root: Path, zone: SiteTime, start: str | None, end: str | None) -> list[tuple[str, str]]:
    """What a workbook says of its range: whether something is missing in it."""
    from iiotctl.history.gaps import Wanted
    from iiotctl.ops.gaps import gaps

    count = len(gaps(root, Wanted(None, None, None), lambda event: None, start=start, end=end, zone=zone))  # noqa: ARG005
    known = (
        "none in the store for this range" if not count else f"{count:,} in the store for this range: `iiotctl gaps`"
    )
    return [("From", start or "the first sample"), ("To", end or "the last sample"), ("Gaps", known)]


def _summary(rows: int, tags: int, not_good: int) -> str:
    text = f"{rows:,} row{'s' if rows != 1 else ''} of {tags} tag{'s' if tags != 1 else ''}"
    return f"{text}, {not_good:,} not Good" if not_good else text
