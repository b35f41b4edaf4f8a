"""`iiotctl tags`: list the tags of a site and check them, without contact or against the live plant."""

from __future__ import annotations

from collections.abc import Sequence
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
    VerboseOption,
)
from iiotctl.errors import ExitCode

if TYPE_CHECKING:
    from iiotctl.ops.tags import TagCheck
    from iiotctl.reports.rows import Rows

app = typer.Typer()

PatternsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="TAG", show_default=False, help="Names or patterns such as 'press1.*'; else all."),
]
SourceOption = Annotated[
    str | None, typer.Option("--source", metavar="NAME", show_default=False, help="Only tags of this source.")
]


@app.callback(invoke_without_command=True)
def group(context: typer.Context) -> None:
    """List and check the tags of the site."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("list")
def list_(
    tags: PatternsArgument = None,
    source: SourceOption = None,
    site: SiteOption = None,
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """List the tags of the site, and where each stands.

    Examples:
      iiotctl tags list
      iiotctl tags list 'press1.*' --format csv -o tags-of-press1.csv
    """
    del quiet, verbose, color
    from iiotctl import reports
    from iiotctl.ops.site import open_site
    from iiotctl.ops.tags import select_tags
    from iiotctl.reports.rows import Column, Rows
    from iiotctl.site.sources import ModbusUnit

    loaded = open_site(site)
    columns = [Column(name) for name in ("tag", "source", "address", "type", "order", "unit", "span", "kind", "asset")]
    columns += [Column("description"), Column("where")]
    rows = []
    for tag in select_tags(loaded, tags or (), source):
        # type and order are Modbus words; an OPC UA server says its own
        modbus = isinstance(loaded.site.sources[tag.source], ModbusUnit)
        data_type = str(tag.data_type) if modbus else (tag.type or "")
        order = str(tag.order) if modbus and tag.data_type.registers > 1 else ""
        span = "" if tag.span is None else f"{tag.span[0]:g} to {tag.span[1]:g}"
        words = (tag.name, tag.source, tag.address, data_type, order, tag.unit, span, tag.kind or "", tag.asset or "")
        rows.append((*words, tag.description, loaded.tag_where(tag.name)))
    reports.write(Rows(columns, rows), format.value, output)


@app.command("check")
def check(
    tags: PatternsArgument = None,
    live: Annotated[
        bool, typer.Option("--live", show_default=False, help="Read each tag once from the plant (read requests only).")
    ] = False,
    source: SourceOption = None,
    trust_first: Annotated[
        bool,
        typer.Option("--trust-first", show_default=False, help="Accept and remember unknown server certificates."),
    ] = False,
    site: SiteOption = None,
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Check each tag; with --live read it once and judge the value.

    Without `--live` no device is contacted and problems end with exit code 3.
    With it: value, unit, quality, whether the value lies in its span, and
    whether another byte order fits better. Exit code 1 when some tag is not
    ok, 4 when nothing could be reached.

    Examples:
      iiotctl tags check
      iiotctl tags check --live --source press1
      iiotctl tags check --live 'press1.*' --format json
    """
    del quiet, verbose, color
    from iiotctl.ops import tags as op
    from iiotctl.ops.site import open_settings
    from iiotctl.reports.target import check_place
    from iiotctl.site.load import joined
    from iiotctl.site.units import format_count

    opened = open_settings(site)
    loaded = opened.require_site()
    chosen = op.select_tags(loaded, tags or (), source)
    rows, problems = op.check_tags(loaded, chosen)
    if live and not problems:
        check_place(output)
        rows = op.check_live(opened, chosen, trust_first=trust_first)
    _write(_live_rows(rows) if live and not problems else _offline_rows(rows), format, output)
    if problems:
        raise joined(problems)
    counts = [(verdict, sum(row.verdict is verdict for row in rows)) for verdict in op.Verdict]
    _console.say(
        f"{format_count(len(rows), 'tag')}: " + ", ".join(f"{count} {verdict}" for verdict, count in counts if count)
    )
    if any(row.verdict is not op.Verdict.OK for row in rows):
        raise typer.Exit(int(ExitCode.FINDINGS))
    _console.suggest("iiotctl capture --for 1min" if live else "iiotctl tags check --live")


def _write(rows: Rows, format_: Format, output: object) -> None:
    from pathlib import Path

    from iiotctl import reports

    reports.write(rows, format_.value, output if isinstance(output, Path) else None)


def _offline_rows(checks: Sequence[TagCheck]) -> Rows:
    from iiotctl.reports.rows import Column, Rows

    columns = [Column(name) for name in ("tag", "source", "address", "verdict", "note", "where")]
    return Rows(
        columns,
        [(row.tag.name, row.tag.source, row.tag.address, str(row.verdict), row.note, row.where) for row in checks],
    )


def _live_rows(checks: Sequence[TagCheck]) -> Rows:
    from iiotctl import quality
    from iiotctl.reports.rows import Column, Rows

    columns = [
        Column("tag"),
        Column("value", "any"),
        Column("unit"),
        Column("quality"),
        Column("in_span", "boolean"),
        Column("verdict"),
        Column("note"),
        Column("raw"),
        Column("where"),
    ]
    rows = []
    for row in checks:
        reading = row.reading
        rows.append(
            (
                row.tag.name,
                None if reading is None else reading.value,
                row.tag.unit,
                "" if reading is None else quality.name(reading.quality),
                row.in_span,
                str(row.verdict),
                row.note,
                "" if reading is None else reading.raw,
                row.where,
            )
        )
    return Rows(columns, rows)
