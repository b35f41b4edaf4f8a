"""`iiotctl store`: the folder of samples; how large, sealed, and sound it is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

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
from iiotctl.cli._store_compact import compact
from iiotctl.cli._store_push import push
from iiotctl.cli._store_retain import retain
from iiotctl.errors import ExitCode

if TYPE_CHECKING:
    from iiotctl.ops.store import Outlook

app = typer.Typer()


@app.callback(invoke_without_command=True)
def group(context: typer.Context) -> None:
    """Look after the store: status, verify, compact, retain, push."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _time(ts_us: int | None) -> datetime | None:
    return None if ts_us is None else datetime.fromtimestamp(ts_us / 1e6, UTC)


def _facts(outlook: Outlook) -> list[tuple[str, object]]:
    from iiotctl.site.units import format_size

    found = outlook.store
    rows: list[tuple[str, object]] = [
        ("path", str(found.path)),
        ("captured by", f"process {found.captured_by}" if found.captured_by else "no capture runs"),
        ("sealed samples", found.rows),
        ("sealed files", found.files),
        ("size of sealed files", format_size(found.size)),
        ("bytes a sample", round(found.samples_size / found.rows, 2) if found.rows else None),
        ("first sealed sample", _time(found.first)),
        ("last sealed sample", _time(found.last)),
        ("unsealed samples", found.unsealed_rows),
        ("segments in the spool", found.segments),
        ("size of the spool", format_size(found.unsealed_size)),
        ("free on the disk", format_size(found.free)),
    ]
    if found.unknown:
        rows.append(("files that no manifest knows", found.unknown))
    if found.rollups:
        rows.append(("roll-ups", found.rollups))
    if found.kept:
        rows.append(("rows of kept windows", found.kept))
    if found.events:
        rows.append(("rows of events", found.events))
    if found.damaged_segments:
        rows.append(("damaged segments kept aside", found.damaged_segments))
    if found.growth is not None:
        stretch = f"the last {found.growth.days:.0f} d" if found.growth.days >= 1 else "less than a day"
        rows.append((f"growth a day, by {stretch}", format_size(round(found.growth.bytes_per_day))))
        rows.append(("samples a day", round(found.growth.rows_per_day)))
    if outlook.days_until_full is not None:
        rows.append((f"days until only {format_size(outlook.reserve)} are free", round(outlook.days_until_full, 1)))
    return rows


def _figures(outlook: Outlook) -> list[tuple[str, object, str]]:
    """The same for programs: every key always there, plain numbers with their unit."""
    found, growth = outlook.store, outlook.store.growth
    return [
        ("path", str(found.path), ""),
        ("captured_by", found.captured_by, "process"),
        ("sealed_samples", found.rows, "samples"),
        ("sealed_files", found.files, "files"),
        ("unknown_files", found.unknown, "files"),
        ("sealed_size", found.size, "B"),
        ("first_sealed_sample", _time(found.first), ""),
        ("last_sealed_sample", _time(found.last), ""),
        ("unsealed_samples", found.unsealed_rows, "samples"),
        ("spool_segments", found.segments, "segments"),
        ("spool_size", found.unsealed_size, "B"),
        ("damaged_segments", found.damaged_segments, "segments"),
        ("rollups", found.rollups, "rows"),
        ("kept_windows", found.kept, "rows"),
        ("events", found.events, "rows"),
        ("free", found.free, "B"),
        ("reserve", outlook.reserve, "B"),
        ("growth", None if growth is None else round(growth.bytes_per_day), "B/d"),
        ("samples_growth", None if growth is None else round(growth.rows_per_day), "samples/d"),
        ("days_until_full", None if outlook.days_until_full is None else round(outlook.days_until_full, 1), "d"),
    ]


@app.command("status")
def status(
    site: SiteOption = None,
    store: StoreOption = None,
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Show how much the store holds, and what is free.

    In formats for programs sizes are in bytes.

    Examples:
      iiotctl store status
      iiotctl store status --store /data/line3 --format json
    """
    del quiet, verbose, color
    from iiotctl import reports
    from iiotctl.ops.store import store_status
    from iiotctl.reports.rows import Column, Rows

    found = store_status(site, store)
    if format is Format.TABLE:
        rows = Rows([Column("fact"), Column("value", "any")], _facts(found))
    else:
        rows = Rows([Column("fact"), Column("value", "any"), Column("unit")], _figures(found))
    reports.write(rows, format, output)


@app.command("seal")
def seal(
    site: SiteOption = None,
    store: StoreOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Turn what is in the spool into Parquet now.

    Also what a crash left. A running capture is asked to do it.

    Examples:
      iiotctl store seal
    """
    del quiet, verbose, color
    from iiotctl.ops.store import seal_store
    from iiotctl.site.units import format_count

    done = seal_store(site, store)
    if done.by_capture:
        _console.say(f"the running capture sealed: {done.by_capture}")
    elif done.segments:
        _console.say(f"sealed {format_count(len(done.segments), 'segment')} of {done.store}")
    else:
        _console.say(f"nothing to seal in {done.store}")


@app.command("verify")
def verify(
    site: SiteOption = None,
    store: StoreOption = None,
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Check every file of the store; exit code 5 on damage.

    Compares each with its hash, its columns and its order.

    Examples:
      iiotctl store verify
      iiotctl store verify --store /data/line3 --format json
    """
    del quiet, verbose, color
    from iiotctl import reports
    from iiotctl.ops.store import verify_store
    from iiotctl.reports.rows import Column, Rows
    from iiotctl.site.units import format_count

    root, found = verify_store(site, store)
    if found.flaws or format is not Format.TABLE:
        columns = [Column("file"), Column("verdict"), Column("detail")]
        reports.write(
            Rows(columns, [(flaw.path, str(flaw.verdict), flaw.detail) for flaw in found.flaws]), format, output
        )
    _console.say(
        f"{root}: {format_count(found.files, 'file')}, {format_count(found.rows, 'sealed sample')}, "
        f"{found.unsealed} unsealed in {format_count(found.segments, 'segment')}: "
        + ("sound" if found.sound else "NOT sound")
    )
    if not found.sound:
        raise typer.Exit(ExitCode.STORE)


app.command("compact")(compact)
app.command("retain")(retain)
app.command("push")(push)
