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
from iiotctl.errors import ExitCode

if TYPE_CHECKING:
    from iiotctl.store.status import StoreStatus

app = typer.Typer()


@app.callback(invoke_without_command=True)
def group(context: typer.Context) -> None:
    """Look after the folder of samples: status, seal, verify."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _time(ts_us: int | None) -> datetime | None:
    return None if ts_us is None else datetime.fromtimestamp(ts_us / 1e6, UTC)


def _facts(found: StoreStatus) -> list[tuple[str, object]]:
    from iiotctl.site.units import format_size

    rows: list[tuple[str, object]] = [
        ("path", str(found.path)),
        ("captured by", f"process {found.captured_by}" if found.captured_by else "no capture runs"),
        ("sealed samples", found.rows),
        ("sealed files", found.files),
        ("size of sealed files", format_size(found.size)),
        ("bytes a sample", round(found.size / found.rows, 2) if found.rows else None),
        ("first sealed sample", _time(found.first)),
        ("last sealed sample", _time(found.last)),
        ("unsealed samples", found.unsealed_rows),
        ("segments in the spool", found.segments),
        ("size of the spool", format_size(found.unsealed_size)),
        ("free on the disk", format_size(found.free)),
    ]
    if found.damaged_segments:
        rows.append(("damaged segments kept aside", found.damaged_segments))
    if found.bytes_per_day:
        rows.append(("growth a day", format_size(round(found.bytes_per_day))))
    return rows


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
    """Show how much the store holds, sealed and unsealed, and what is free.

    Examples:
      iiotctl store status
      iiotctl store status --store /data/line3 --format json
    """
    del quiet, verbose, color
    from iiotctl import reports
    from iiotctl.ops.store import store_status
    from iiotctl.reports.rows import Column, Rows

    found = store_status(site, store)
    rows = Rows([Column("fact"), Column("value", "any")], _facts(found))
    reports.write(rows, format, output)


@app.command("seal")
def seal(
    site: SiteOption = None,
    store: StoreOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Turn what is in the spool into Parquet now, also what a crash left.

    Examples:
      iiotctl store seal
    """
    del quiet, verbose, color
    from iiotctl.ops.store import seal_store

    done = seal_store(site, store)
    if done.by_capture:
        _console.say(f"the running capture sealed: {done.by_capture}")
    elif done.segments:
        _console.say(f"sealed {len(done.segments)} segments of {done.store}")
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
    """Check every file against its hash, its columns and its order; exit 5 on damage.

    Examples:
      iiotctl store verify
      iiotctl store verify --store /data/line3 --format json
    """
    del quiet, verbose, color
    from iiotctl import reports
    from iiotctl.ops.store import verify_store
    from iiotctl.reports.rows import Column, Rows

    root, found = verify_store(site, store)
    if found.flaws or format is not Format.TABLE:
        columns = [Column("file"), Column("verdict"), Column("detail")]
        reports.write(
            Rows(columns, [(flaw.path, str(flaw.verdict), flaw.detail) for flaw in found.flaws]), format, output
        )
    _console.say(
        f"{root}: {found.files} files, {found.rows} sealed samples, {found.unsealed} unsealed in {found.segments} segments: "
        + ("sound" if found.sound else "NOT sound")
    )
    if not found.sound:
        raise typer.Exit(ExitCode.STORE)
