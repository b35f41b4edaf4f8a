"""`iiotctl query`: SQL over the store."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from iiotctl.cli import _console, _spreadsheet
from iiotctl.cli._history_options import DuringOption, ForceOption, FromOption, TimezoneOption, ToOption
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
from iiotctl.errors import UsageError


def query(
    sql: Annotated[
        str | None, typer.Argument(metavar="SQL", show_default=False, help="One SELECT; - reads it from stdin.")
    ] = None,
    start: FromOption = None,
    end: ToOption = None,
    during: DuringOption = None,
    timezone: TimezoneOption = None,
    force: ForceOption = False,
    unsafe: Annotated[
        bool,
        typer.Option("--unsafe", show_default=False, help="Run any SQL: it may write files and reach the network."),
    ] = False,
    duckdb: Annotated[
        Path | None,
        typer.Option(
            "--duckdb", metavar="FILE", show_default=False, help="Instead, write a DuckDB file for other programs."
        ),
    ] = None,
    copy: Annotated[
        bool, typer.Option("--copy", show_default=False, help="With --duckdb: rows instead of views of the store.")
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

    Views: `samples` (ts, tag, value, text, quality, …), `tags`,
    `tags_history`, `gaps`, `latest`, `rollups`, `kept`, `events`, `disorder`;
    and wide('*','1min'), a column a tag. DuckDB runs one SELECT, which
    can read the store and nothing else. Times are UTC; --from and --to narrow
    `samples` and make it fast.

    Examples:
      iiotctl query "SELECT tag, count(*), avg(value) FROM samples GROUP BY tag"
      iiotctl query "FROM samples" --from '*-1h' -o hour.parquet
      iiotctl query - --format csv < monday.sql
      iiotctl query --duckdb plant.duckdb --force
    """
    del quiet, verbose
    from iiotctl.ops import query as op
    from iiotctl.ops.history import opened

    _check(sql, duckdb, copy=copy, output=output, during=during)
    root, zone = opened(site, store, timezone, _console.show_event)
    if duckdb is not None:
        from iiotctl.ops import database

        waiting = database.write(
            database.Wanted(root, duckdb, copy, start, end, zone, force, strict), _console.show_event
        )
        if waiting:
            _console.say(f"{waiting} samples that are not sealed yet are not in it; `--copy` takes them along")
        return
    text = sys.stdin.read() if sql == "-" else sql or ""
    op.run(
        op.Query(
            store=root,
            sql=text,
            format=format.value,
            output=output,
            start=start,
            end=end,
            during=during,
            force=force,
            unsafe=unsafe,
            strict=strict,
            zone=zone,
            sheet=_spreadsheet.sheet(excel, zone, root),
            color=color is not Color.NEVER and _console.uses_color(sys.stdout),
        ),
        _console.show_event,
    )


def _check(sql: str | None, duckdb: Path | None, *, copy: bool, output: Path | None, during: str | None) -> None:
    """Refuse words that do not go together."""
    if duckdb is None:
        if copy:
            raise UsageError("bad-value", "`--copy` says what `--duckdb FILE` holds, and there is none")
        if sql is None:
            raise UsageError(
                "missing-argument",
                "`SQL` is missing",
                where="iiotctl query",
                hint='e.g. `iiotctl query "SELECT count(*) FROM samples"`',
            )
        return
    given = (("SQL", sql), ("`--output`", output), ("`--during`", during))
    other = next((word for word, value in given if value is not None), None)
    if other is not None:
        raise UsageError(
            "bad-value",
            f"`--duckdb` writes the whole store, so {other} has no meaning beside it",
            hint="narrow it with `--from` and `--to`, or leave one of them out",
        )
