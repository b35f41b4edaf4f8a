"""`iiotctl store compact`: many small files become few large ones."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

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
    StrictOption,
    VerboseOption,
)
from iiotctl.cli._store_push import DryRunOption
from iiotctl.errors import ExitCode

if TYPE_CHECKING:
    from iiotctl.store.compact import Compaction


def compact(
    daily_after: Annotated[
        str | None,
        typer.Option("--daily-after", metavar="AGE", show_default=False, help="Dates older than this: one file: 14d."),
    ] = None,
    dry_run: DryRunOption = False,
    strict: StrictOption = False,
    site: SiteOption = None,
    store: StoreOption = None,
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Turn the small files of closed hours into one an hour.

    Of gaps, tags and other tables: one for each UTC date that is over. No row
    and no answer changes. Safe beside a running capture and queries; can be
    killed at any time. Files that are damaged or unknown are left alone.

    Examples:
      iiotctl store compact
      iiotctl store compact --daily-after 14d --dry-run
    """
    del quiet, verbose, color
    from iiotctl import reports
    from iiotctl.ops.store_compact import compact_store
    from iiotctl.reports.rows import Column, Rows

    root, done = compact_store(site, store, daily_after=daily_after, dry_run=dry_run)
    for left in done.left:
        _console.warn(f"left alone {left.path}: {left.cause}")
    if done.changes or format is not Format.TABLE:
        columns = [
            Column("table"),
            Column("date"),
            Column("form"),
            Column("files_before", "integer"),
            Column("files_after", "integer"),
            Column("rows", "integer"),
            Column("size_before", "integer", "B"),
            Column("size_after", "integer", "B"),
            Column("bytes_a_row", "number", "B"),
        ]
        rows = [
            (
                each.table,
                each.day.isoformat(),
                each.form,
                each.before,
                each.after,
                each.rows,
                each.size_before,
                each.size_after,
                None if each.size_after is None or not each.rows else round(each.size_after / each.rows, 2),
            )
            for each in done.changes
        ]
        reports.write(Rows(columns, rows), format, output, color=_console.uses_color(sys.stdout))
    for line in _summary(done, dry_run=dry_run):
        _console.say(f"{root}: {line}")
    if strict and done.left:
        raise typer.Exit(ExitCode.STORE)


def _summary(done: Compaction, *, dry_run: bool) -> list[str]:
    from iiotctl.site.units import format_count, format_size

    before = sum(each.before for each in done.changes)
    after = sum(each.after for each in done.changes)
    lines = []
    if not done.changes:
        lines.append("nothing to compact")
    elif dry_run:
        lines.append(f"{format_count(before, 'file')} would become {after} at most")
    else:
        sizes = [
            sum(sizes)
            for sizes in zip(*((each.size_before, each.size_after or 0) for each in done.changes), strict=True)
        ]
        lines.append(
            f"{format_count(before, 'file')} became {after}, {format_size(sizes[0])} became {format_size(sizes[1])}"
        )
    if done.deleted.waiting:
        lines.append(
            f"{format_count(done.deleted.waiting, 'replaced file')} may still be read; the next run deletes what is"
            " older than 15min"
        )
    return lines
