"""`iiotctl store retain`: let old samples go."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from iiotctl.cli import _console
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
from iiotctl.cli._store_push import DryRunOption
from iiotctl.errors import ExitCode


def retain(
    raw: Annotated[
        str | None, typer.Option("--raw", metavar="AGE", show_default=False, help="Samples older than this go: 90d.")
    ] = None,
    rollups: Annotated[
        str | None, typer.Option("--rollups", metavar="AGE", show_default=False, help="Roll-ups older than this go.")
    ] = None,
    max_size: Annotated[
        str | None,
        typer.Option("--max-size", metavar="SIZE", show_default=False, help="The oldest go until samples fit: 50GB."),
    ] = None,
    rollup: Annotated[
        str | None,
        typer.Option("--rollup", metavar="TIME", show_default=False, help="Interval of what stays: 1h; 0s = nothing."),
    ] = None,
    dry_run: DryRunOption = False,
    site: SiteOption = None,
    store: StoreOption = None,
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Let old samples go, by age or size.

    A whole UTC date at a time, as [retain] of the site file or the flags say.
    Hourly roll-ups take the place of expired samples; gaps, tags and events
    stay. Safe beside a running capture.

    Examples:
      iiotctl store retain --raw 90d --dry-run
      iiotctl store retain --max-size 50GB --rollup 15min
    """
    del quiet, verbose, color
    from iiotctl import reports
    from iiotctl.ops.store_retain import retain_store
    from iiotctl.reports.rows import Column, Rows
    from iiotctl.site.units import format_count, format_size

    flags = {"raw": raw, "rollups": rollups, "max_size": max_size, "rollup": rollup}
    done = retain_store(flags, site=site, store=store, dry_run=dry_run)
    found = done.result
    for path, why in found.kept_back:
        _console.warn(f"{path} stays: {why}")
    for path, why in found.left_out.items():
        _console.warn(f"{path} was left out: {why}")
    if found.expired or format is not Format.TABLE:
        columns = [
            Column("table"),
            Column("date"),
            Column("files", "integer"),
            Column("rows", "integer"),
            Column("size", "integer", "B"),
            Column("why"),
            Column("rollups", "integer"),
        ]
        rows = [
            (each.table, each.day.isoformat(), len(each.files), each.rows, each.size, each.why, each.rollups)
            for each in found.expired
        ]
        reports.write(Rows(columns, rows), format, output, color=_console.uses_color(sys.stdout))
    size = format_size(sum(each.size for each in found.expired))
    dates = format_count(len({each.day for each in found.expired}), "date")
    _console.say(f"{dates} of {done.store} {'would expire' if dry_run else 'expired'}, {size}")
    if found.deleted.waiting:
        _console.say(f"{format_count(found.deleted.waiting, 'file')} may still be read and go with the next run")
    if found.over:
        _console.warn(f"the samples of today alone take {format_size(found.over)} more than allowed; they stay")
    if found.kept_back or found.left_out:
        raise typer.Exit(ExitCode.STORE)
