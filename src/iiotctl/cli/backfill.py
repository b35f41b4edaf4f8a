"""`iiotctl backfill`: what a capture missed and the server recorded."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from iiotctl.cli import _console
from iiotctl.cli._history_options import TimezoneOption
from iiotctl.cli._options import (
    Color,
    ColorOption,
    Format,
    FormatOption,
    OutputOption,
    QuietOption,
    SiteOption,
    StoreOption,
    VerboseOption,
)

if TYPE_CHECKING:
    from iiotctl.ops.backfill import Filled


def backfill(
    source: Annotated[str, typer.Argument(metavar="SOURCE", show_default=False, help="An OPC UA source of the site.")],
    start: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="TIME",
            show_default=False,
            help="From this time on: '*-8h', t, y+6h, '1-sep-26 06:00' or ISO 8601.",
        ),
    ],
    tags: Annotated[
        list[str] | None, typer.Argument(metavar="TAG", show_default=False, help="Only these: names or patterns.")
    ] = None,
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="Before this time.")] = "*",
    whole: Annotated[
        bool, typer.Option("--all", show_default=False, help="The whole interval, not its gaps only.")
    ] = False,
    max_step: Annotated[
        str | None,
        typer.Option(
            "--max-step",
            metavar="DURATION",
            show_default=False,
            help="Values further apart leave a gap; else 3 periods, at least 5s.",
        ),
    ] = None,
    timezone: TimezoneOption = None,
    trust_first: Annotated[
        bool, typer.Option("--trust-first", show_default=False, help="Remember a server certificate not seen before.")
    ] = False,
    site: SiteOption = None,
    store: StoreOption = None,
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Fill gaps from the history of an OPC UA server.

    It may run beside a capture.

    Reads with HistoryRead only, one request at a time with rests between. A gap
    counts as filled where the server's values follow each other closely enough;
    the rest of it stays a gap. Repeating the command stores nothing twice.

    Examples:
      iiotctl backfill line3 --from '*-8h'
      iiotctl backfill line3 --from 2026-11-20 --to 2026-11-21 'oven.*' --all
    """
    del quiet, verbose, color
    from iiotctl import reports
    from iiotctl.errors import UsageError
    from iiotctl.ops import backfill as op
    from iiotctl.reports.rows import Column, Rows
    from iiotctl.site.units import parse_duration

    try:
        step = None if max_step is None else parse_duration(max_step)
    except ValueError as error:
        raise UsageError(
            "bad-value", f"`{max_step}` is no duration", where="--max-step", cause=str(error), hint="e.g. `10min`"
        ) from error
    order = op.Order(source, start, end, tuple(tags or ()), whole, step, trust_first, timezone)
    done = op.backfill(order, _console.show_event, site=site, store=store)
    columns = [
        Column("tag"),
        Column("values", "integer"),
        Column("gaps", "integer"),
        Column("filled", "float", "s"),
        Column("still_missing", "float", "s"),
        Column("filled_by"),
        Column("problem"),
    ]
    rows: list[tuple[object, ...]] = [
        (
            *(one.tag, one.values, one.gaps, one.filled_us / 1e6, one.missing_us / 1e6),
            *(done.by if one.filled_us else None, one.problem or None),
        )
        for one in done.tags
    ]
    if format is Format.TABLE:
        # people read what filled it once, below
        columns = [*columns[:5], columns[6]]
        rows = [(*row[:5], row[6]) for row in rows]
    if rows or output is not None or format is not Format.TABLE:
        reports.write(Rows(columns, rows), format.value, output, color=_console.uses_color(sys.stdout))
    for line in _closing(done, source):
        _console.say(line)


def _closing(done: Filled, source: str) -> list[str]:
    from iiotctl.cli import _import_words
    from iiotctl.site.units import format_count

    lasting = ""
    if done.still_open:
        verbs = "still lasts and was" if done.still_open == 1 else "still last and were"
        lasting = f"; {format_count(done.still_open, 'gap')} {verbs} left alone"
    if not done.tags:
        return [f"there is no gap of `{source}` to fill in this time{lasting}"]
    stored, asked = format_count(done.stored, "sample"), format_count(done.requests, "HistoryRead request")
    lines = [f"stored {stored}, {done.already} were there already; {asked}"]
    if done.conflicts:
        verb = "differs" if done.conflicts == 1 else "differ"
        what = f"{format_count(done.conflicts, 'value')} {verb} from the sample of the same tag and time"
        lines.append(f"{what}; the store keeps its own")
    if done.expired:
        lines.append(_import_words.expired(done.expired))
    if not done.gaps:
        return [*lines, f"no gap of these tags was to be filled{lasting}"]
    words = f"{format_count(done.gaps, 'gap')}: {done.filled} filled, {done.split} filled in part"
    lines.append(f"{words}, {done.gaps - done.filled - done.split} not filled{lasting}")
    if done.filled or done.split:
        lines.append(f"filled by: {done.by}")
    if done.split or done.filled < done.gaps:
        lines.append("`iiotctl gaps` shows what is still missing; where a tag reports changes only, `--max-step` helps")
    return lines
