"""`iiotctl tags`: list the tags of a site, check them, and import lists of other tools."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
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
    SoleMasterOption,
    VerboseOption,
    person,
)
from iiotctl.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from iiotctl.ops.tagimport import Imported
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
    """List, check and import the tags of the site."""
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
    from iiotctl.ops.site_view import how_stored
    from iiotctl.ops.tags import select_tags
    from iiotctl.reports.rows import Column, Rows
    from iiotctl.site.sources import ModbusUnit

    loaded = open_site(site)
    columns = [Column(name) for name in ("tag", "source", "address", "type", "order", "unit", "span", "kind", "asset")]
    columns += [Column("stored"), Column("description"), Column("where")]
    rows = []
    for tag in select_tags(loaded, tags or (), source):
        # type and order are Modbus words; an OPC UA server says its own
        modbus = isinstance(loaded.site.sources[tag.source], ModbusUnit)
        data_type = str(tag.data_type) if modbus else (tag.type or "")
        order = str(tag.order) if modbus and tag.data_type.registers > 1 else ""
        span = "" if tag.span is None else f"{tag.span[0]:g} to {tag.span[1]:g}"
        words = (tag.name, tag.source, tag.address, data_type, order, tag.unit, span, tag.kind or "", tag.asset or "")
        rows.append((*words, how_stored(tag), tag.description, loaded.tag_where(tag.name)))
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
    sole_master: SoleMasterOption = None,
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
        rows = op.check_live(
            opened,
            chosen,
            trust_first=trust_first,
            sole_master=person(sole_master),
            on_event=_console.show_event,
        )
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


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False, help="The export: CSV, XLSX, XML, JSON.")],
    source: Annotated[
        str, typer.Option("--source", metavar="NAME", show_default=False, help="Source that the tags belong to.")
    ],
    tool: Annotated[
        str | None,
        typer.Option(
            "--tool", metavar="TOOL", show_default=False, help="tia, codesys, kepware or ignition; else recognised."
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option("--as", metavar="HOW", show_default=False, help="modbus or opcua; else as the source is read."),
    ] = None,
    prefix: Annotated[
        str,
        typer.Option("--prefix", metavar="TEXT", show_default=False, help="Kepware, CODESYS: before each OPC UA name."),
    ] = "",
    order: Annotated[
        str | None, typer.Option("--order", metavar="ORDER", show_default=False, help="Byte order, e.g. CDAB.")
    ] = None,
    bases: Annotated[
        list[str] | None,
        typer.Option(
            "--modbus-base", metavar="BASE", show_default=False, help="Where memory lies, e.g. MW100=holding:0."
        ),
    ] = None,
    unit: Annotated[
        int | None,
        typer.Option("--unit", metavar="N", min=0, max=255, show_default=False, help="Only tags of this unit."),
    ] = None,
    merge: Annotated[
        bool, typer.Option("--merge", show_default=False, help="Add to the list of -o what it does not have.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", show_default=False, help="Show the rows as a table; write nothing.")
    ] = False,
    site: SiteOption = None,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Import a tag list of TIA Portal, CODESYS, Kepware or Ignition.

    Writes CSV to stdout, or to the list named with `-o`. A list that exists is
    changed only with `--merge`, which adds rows and touches none. What cannot
    be mapped is named with its reason.

    Examples:
      iiotctl tags import PLCTags.xlsx --source press1 --dry-run
      iiotctl tags import device.csv --source press1 -o tags.csv
      iiotctl tags import tags.json --source line3 -o tags.csv --merge
    """
    del verbose, color
    from iiotctl.ops import tagimport as op
    from iiotctl.ops.site import open_settings
    from iiotctl.site.address import Order
    from iiotctl.site.exports.collect import Protocol
    from iiotctl.site.exports.recognise import Tool
    from iiotctl.site.units import format_count

    loaded = open_settings(site).loaded
    wish = op.Wish(
        source,
        None if tool is None else Tool(_one_of(tool.lower(), Tool, "--tool")),
        None if protocol is None else Protocol(_one_of(protocol.lower(), Protocol, "--as")),
        prefix,
        None if order is None else Order(_one_of(order.upper(), Order, "--order")),
        tuple(bases or ()),
        unit,
    )
    found = op.read(file, wish, site=loaded)
    _write_import(found, output, merge=merge, dry_run=dry_run)
    for left in found.left:
        _console.say(f"left out: {left.name or 'a row'} ({left.where}): {left.reason}")
    for note in found.notes:
        _console.say(f"note: {note}")
    if text := op.unknown_source(source, loaded):
        _console.warn(text)
    _console.say(f"{found.tool}: {format_count(len(found.rows), 'tag')}, {len(found.left)} left out")
    if not quiet and output is not None and not dry_run:
        _console.suggest("iiotctl tags check --live")


def _one_of(word: str, known: Iterable[str], option: str) -> str:
    from iiotctl.site.plain import did_you_mean

    names = [str(name) for name in known]
    if word in names:
        return word
    hint = did_you_mean(word, names, f"one of {', '.join(names)}")
    raise UsageError("bad-value", f"`{word}` is not a value of `{option}`", hint=hint)


def _write_import(found: Imported, output: Path | None, *, merge: bool, dry_run: bool) -> None:
    from iiotctl import reports
    from iiotctl.ops import tagimport as op
    from iiotctl.reports.rows import Column, Rows
    from iiotctl.reports.target import binary
    from iiotctl.site.tagrows import cells, to_csv, used_keys

    to_stdout = output is None or str(output) == "-"
    if dry_run:
        keys = used_keys(found.rows)
        reports.write(Rows([Column(key) for key in keys], [cells(row, keys) for row in found.rows]), "table", None)
        return
    if to_stdout or output is None:
        if merge:
            raise UsageError("missing-argument", "`--merge` needs the list to add to", hint="add `-o tags.csv`")
        with binary(None) as stream:
            stream.write(to_csv(found.rows).encode())
        return
    written = op.write(found.rows, output, into_existing=merge)
    had = f"; {written.present} were there already" if written.present else ""
    _console.say(f"{written.added} added to {output}{had}")
