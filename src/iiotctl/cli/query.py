"""`iiotctl query`: SQL over the store."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from iiotctl.cli import _console, _spreadsheet
from iiotctl.cli._history_options import ForceOption, FromOption, TimezoneOption, ToOption
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


def query(
    sql: Annotated[str, typer.Argument(metavar="SQL", show_default=False, help="One SELECT; - reads it from stdin.")],
    start: FromOption = None,
    end: ToOption = None,
    timezone: TimezoneOption = None,
    force: ForceOption = False,
    unsafe: Annotated[
        bool,
        typer.Option("--unsafe", show_default=False, help="Run any SQL: it may write files and reach the network."),
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
    """Ask the store in SQL, also while a capture runs.

    Views: `samples` (ts, tag, value, text, quality, …), `tags`, `tags_history`
    and `gaps`. DuckDB runs one SELECT, which can read the store and nothing
    else. Times are UTC; --from and --to narrow `samples` and make it fast.

    Examples:
      iiotctl query "SELECT tag, count(*), avg(value) FROM samples GROUP BY tag"
      iiotctl query "FROM samples" --from '*-1h' -o hour.parquet
      iiotctl query - --format csv < monday.sql
    """
    del quiet, verbose
    from iiotctl.ops import query as op
    from iiotctl.ops.history import opened

    text = sys.stdin.read() if sql == "-" else sql
    root, zone = opened(site, store, timezone, _console.show_event)
    op.run(
        op.Query(
            store=root,
            sql=text,
            format=format.value,
            output=output,
            start=start,
            end=end,
            force=force,
            unsafe=unsafe,
            strict=strict,
            zone=zone,
            sheet=_spreadsheet.sheet(excel, zone, root),
            color=color is not Color.NEVER and _console.uses_color(sys.stdout),
        ),
        _console.show_event,
    )
