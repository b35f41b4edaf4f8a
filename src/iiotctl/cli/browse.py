"""`iiotctl browse`: what a server or device offers, ready for the tag list."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iiotctl.cli import _browse_modbus, _console
from iiotctl.cli._browse_modbus import (
    DelayOption,
    DryRunOption,
    MaxRequestsOption,
    RangeOption,
    UnitOption,
)
from iiotctl.cli._options import (
    Color,
    ColorOption,
    DepthOption,
    Format,
    FormatOption,
    MaxNodesOption,
    OutputOption,
    PasswordEnvOption,
    ProfileOption,
    QuietOption,
    RowSourceOption,
    SecurityOption,
    SiteOption,
    SoleMasterOption,
    TimeoutOption,
    TrustFirstOption,
    UserOption,
    VerboseOption,
    person,
    seconds,
)
from iiotctl.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from iiotctl.ops.browse import Browsed
    from iiotctl.reports.rows import Rows
    from iiotctl.site.tagrows import TagRow


def browse(
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL",
            help="opc.tcp://HOST:PORT, modbus-tcp://HOST[/UNIT], or an OPC UA source.",
            show_default=False,
        ),
    ],
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH", show_default=False, help="OPC UA: browse paths, e.g. 'Line3/Oven/*'; else all."),
    ] = None,
    values: Annotated[bool, typer.Option("--values", show_default=False, help="Read the current values too.")] = False,
    tags_csv: Annotated[
        Path | None,
        typer.Option(
            "--tags-csv", metavar="FILE", show_default=False, help="Write rows for the tag list; - is stdout."
        ),
    ] = None,
    toml: Annotated[
        bool, typer.Option("--toml", show_default=False, help="Write [[tags]] tables for the site file.")
    ] = False,
    source: RowSourceOption = None,
    max_nodes: MaxNodesOption = 50_000,
    depth: DepthOption = 30,
    profile: ProfileOption = None,
    timeout: TimeoutOption = None,
    security: SecurityOption = "None",
    user: UserOption = None,
    password_env: PasswordEnvOption = None,
    trust_first: TrustFirstOption = False,
    ranges: RangeOption = None,
    unit: UnitOption = None,
    delay: DelayOption = None,
    max_requests: MaxRequestsOption = None,
    dry_run: DryRunOption = False,
    sole_master: SoleMasterOption = None,
    site: SiteOption = None,
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """List what an OPC UA server or Modbus device offers.

    Also as rows for the tag list (`--tags-csv`, `--toml`).

    OPC UA: path, type, unit, range, access and node id of each variable. In
    paths `*` stands for any text within a name, `**` for any number of levels; a
    path without either takes everything below it.

    Modbus: who the device says it is, and which registers of the ranges that you
    name exist, asked for slowly. Nothing outside the ranges is read, nor what
    the site file says in `never_read`; `--dry-run` shows the requests first.

    Read requests only. Exit code 8 when it stopped early or found nothing.

    Examples:
      iiotctl browse opc.tcp://192.168.10.30:4840 'Line3/Oven/*' --values
      iiotctl browse opc.tcp://192.168.10.30:4840 Line3 --tags-csv tags.csv
      iiotctl browse modbus-tcp://192.168.10.21
      iiotctl browse modbus-tcp://192.168.10.21/1 --range holding:0-99 --dry-run
    """
    del color
    from iiotctl import reports
    from iiotctl.ops import browse as op
    from iiotctl.ops.opcua_target import target_of
    from iiotctl.ops.read import Access
    from iiotctl.reports.target import check_place

    if tags_csv is not None and toml:
        raise UsageError("bad-value", "`--tags-csv` and `--toml` exclude each other")
    check_place(output)
    check_place(tags_csv)
    asked = _browse_modbus.Wish(
        ranges=tuple(ranges or ()),
        unit=unit,
        delay_s=None if delay is None else seconds(delay, "--delay"),
        most=max_requests,
        dry_run=dry_run,
    )
    if _browse_modbus.is_modbus(url, site):
        if paths:
            raise UsageError("bad-value", "a Modbus device has no paths", hint="name ranges: `--range holding:0-99`")
        sink = _browse_modbus.Target(tags_csv, toml, source, format.value, output, quiet)
        timeout_s = None if timeout is None else seconds(timeout, "--timeout")
        _browse_modbus.run(
            url,
            asked,
            sink,
            timeout_s=timeout_s,
            site=site,
            trust_first=trust_first,
            sole_master=person(sole_master),
        )
        return
    _browse_modbus.refuse(asked, url)
    name = None if source is None else op.source_name(url, source)
    access = Access(security, user, password_env, trust_first)
    patience = None if timeout is None else seconds(timeout, "--timeout")
    target = target_of(url, site, access=access, timeout_s=patience)
    wish = op.Wish(tuple(paths or ()), max_nodes, depth, values, profile)
    with progress(quiet=quiet) as report:
        found = op.browse(target, wish, report=report)
    if tags_csv is not None or toml:
        rows = op.tag_list(found, name or target.source or op.source_name(url), target.taken)
        _write_tags(rows, found, tags_csv if tags_csv is not None else output, toml=toml)
    else:
        reports.write(_rows(found, short=format is Format.TABLE and not verbose, values=values), format.value, output)
        _console.suggest(f"iiotctl init DIR --from-browse {url}")
    for note in found.notes:
        _console.warn(note)
    if found.stopped:
        raise typer.Exit(int(ExitCode.INCOMPLETE))


@contextmanager
def progress(*, quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """A moving line while the walk goes on, for a person at a terminal."""
    import sys

    if quiet or not _console.is_terminal(sys.stderr):
        yield None
        return
    with _console.rich_console().status("connecting …") as line:
        yield lambda seen, found: line.update(f"{seen} nodes seen, {found} variables match")


def _write_tags(rows: Sequence[TagRow], found: Browsed, output: Path | None, *, toml: bool) -> None:
    from iiotctl.reports.target import binary
    from iiotctl.site.tagrows import to_csv, to_toml
    from iiotctl.site.units import format_count

    with binary(output) as stream:
        stream.write((to_toml(rows) if toml else to_csv(rows)).encode())
    _console.say(
        f"{format_count(len(rows), 'tag')} of source `{rows[0].source}`{'' if output is None else f' in {output}'}"
    )
    say_left_out(found)


def say_left_out(found: Browsed) -> None:
    """Say what matched and gets no tag, and why."""
    from iiotctl.site.units import format_count

    reasons: dict[str, int] = {}
    for row in found.rows:
        if row.problem:
            reasons[row.problem] = reasons.get(row.problem, 0) + 1
    for reason, count in sorted(reasons.items()):
        _console.say(f"left out {format_count(count, 'variable')}: {reason}")


def _rows(found: Browsed, *, short: bool, values: bool) -> Rows:
    """All that is known of each variable; `short` (for people) leaves out what one seldom needs."""
    from iiotctl.reports.rows import Column, Rows

    columns = [Column("path"), Column("type"), Column("unit")]
    columns += [Column("low", "float"), Column("high", "float"), Column("access")]
    columns += [Column("value", "any"), Column("quality")] if values else []
    columns += [Column("node_id")]
    if not short:
        columns += [Column("unit_code"), Column("instrument_low", "float"), Column("instrument_high", "float")]
        columns += [
            Column("value_rank", "integer"),
            Column("dimensions", "list"),
            Column("allowed"),
            Column("description"),
        ]
    noted = not short or any(row.problem for row in found.rows)
    columns += [Column("note")] if noted else []

    def cells() -> Iterator[list[object]]:
        for row in found.rows:
            array = f"[{','.join(map(str, row.dimensions))}]" if row.value_rank >= 0 else ""
            low, high = row.span or (None, None)
            line: list[object] = [row.path, row.data_type + array, row.unit.word, low, high, row.user_access]
            line += [row.value, row.status] if values else []
            line += [row.address]
            if not short:
                line += [row.unit.code, *(row.instrument_range or (None, None))]
                line += [row.value_rank, list(row.dimensions), row.access, row.description]
            yield [*line, row.problem] if noted else line

    return Rows(tuple(columns), cells())
