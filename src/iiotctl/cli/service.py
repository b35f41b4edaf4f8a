"""`iiotctl service`: capture as a service of the machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from iiotctl.cli import _console
from iiotctl.cli._options import Color, ColorOption, OutputOption, QuietOption, SiteOption, StoreOption

app = typer.Typer()


@app.callback(invoke_without_command=True)
def group(context: typer.Context) -> None:
    """Run capture as a service of the machine.

    Example:
      iiotctl service unit --run-as plant
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("unit")
def unit(
    run_as: Annotated[
        str | None,
        typer.Option("--run-as", metavar="NAME", show_default=False, help="User of the service; else who asks."),
    ] = None,
    site: SiteOption = None,
    store: StoreOption = None,
    output: OutputOption = None,
    quiet: QuietOption = False,
    color: ColorOption = Color.AUTO,
) -> None:
    """Print a systemd unit that captures this site into this store.

    Paths and settings are those that hold now. The service tells systemd
    when it is ready, feeds its watchdog while samples reach the disk, logs
    JSON lines to the journal, and may write its own folders only.

    Examples:
      iiotctl service unit --run-as plant
      iiotctl service unit -o iiotctl.service
      sudo install -m 644 iiotctl.service /etc/systemd/system/
      sudo systemctl enable --now iiotctl
    """
    del quiet, color
    from iiotctl.ops import service as op
    from iiotctl.ops.site import open_settings
    from iiotctl.reports import target

    made = op.unit(
        open_settings(site, store), program=_program(), run_as=run_as or _who_asks(), environ=dict(os.environ)
    )
    with target.binary(output) as stream:
        stream.write(made.text.encode())
    for note in made.notes:
        _console.say(note)


def _program() -> list[str]:
    """The command that this is, absolute."""
    started = Path(sys.argv[0])
    if started.name == "iiotctl" and started.is_file():
        return [str(started.absolute())]
    return [sys.executable, "-m", "iiotctl"]


def _who_asks() -> str:
    """The user at the keyboard; never root, who needs no network of machines."""
    import getpass

    name = os.environ.get("SUDO_USER") or getpass.getuser()
    if name != "root":
        return name
    return "iiotctl"
