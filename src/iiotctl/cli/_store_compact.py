"""`iiotctl store compact`: many small files become few large ones."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
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
    from iiotctl.store.compact import Change, Compaction


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
    changes = _by_date(done)
    if format is not Format.TABLE:
        columns = [
            Column("table"),
            Column("date"),
            Column("form"),
            Column("files_before", "integer"),
            Column("files_after", "integer"),
            Column("rows", "integer"),
            Column("size_before", "integer", "B"),
            Column("size_after", "integer", "B"),
        ]
        reports.write(Rows(columns, [(*one.of, *one.figures) for one in changes]), format, output)
    elif changes:
        names = ("table", "date", "form", "files", "rows", "size", "size of a row")
        kinds = {"rows": "integer"}
        rows = [_readable(one) for one in changes]
        table = Rows([Column(name, kinds.get(name, "string")) for name in names], rows)
        reports.write(table, format, output, color=_console.uses_color(sys.stdout))
    for line in _summary(done, dry_run=dry_run):
        _console.say(f"{root}: {line}")
    if strict and done.left:
        raise typer.Exit(ExitCode.STORE)


@dataclass(frozen=True, slots=True)
class _Line:
    """Changes of one table, date and form.

    Attributes:
        figures: files before and after, rows, bytes before and after (None in a preview).
    """

    of: tuple[str, str, str]
    figures: tuple[int, int, int, int, int | None]


def _by_date(done: Compaction) -> list[_Line]:
    found: dict[tuple[str, str, str], list[Change]] = {}
    for change in done.changes:
        found.setdefault((change.table, change.day.isoformat(), change.form), []).append(change)
    return [_Line(of, _sums(changes)) for of, changes in found.items()]


def _sums(changes: Sequence[Change]) -> tuple[int, int, int, int, int | None]:
    after = [change.size_after for change in changes if change.size_after is not None]
    return (
        sum(change.before for change in changes),
        sum(change.after for change in changes),
        sum(change.rows for change in changes),
        sum(change.size_before for change in changes),
        sum(after) if len(after) == len(changes) else None,
    )


def _readable(line: _Line) -> tuple[object, ...]:
    from iiotctl.site.units import format_size

    before, after, rows, size, new_size = line.figures
    sizes = [size] if new_size is None else [size, new_size]
    return (
        *line.of,
        f"{before} → {after}",
        rows,
        " → ".join(map(format_size, sizes)),
        " → ".join(f"{each / rows:.2f} B" for each in sizes),
    )


def _summary(done: Compaction, *, dry_run: bool) -> list[str]:
    from iiotctl.site.units import format_count, format_size

    before, after, _, size, new_size = _sums(done.changes)
    lines = []
    if not done.changes:
        lines.append("nothing to compact")
    elif dry_run:
        lines.append(f"{format_count(before, 'file')} would become {after} at most")
    else:
        sizes = f"{format_size(size)} became {format_size(new_size or 0)}"
        lines.append(f"{format_count(before, 'file')} became {after}, {sizes}")
    if done.deleted.waiting:
        waiting = format_count(done.deleted.waiting, "replaced file")
        lines.append(f"{waiting} may still be read; a run in 15min or later deletes them")
    return lines
