"""`iiotctl doctor`: is this machine fit for the job?"""

from __future__ import annotations

import json
from typing import Final

import typer

from iiotctl.cli import _console
from iiotctl.cli._options import (
    Color,
    ColorOption,
    QuietOption,
    SiteOption,
    StoreOption,
    TextFormat,
    TextFormatOption,
    VerboseOption,
)
from iiotctl.errors import ExitCode

_STYLES: Final = {"pass": "green", "warn": "yellow", "fail": "red"}


def doctor(
    site: SiteOption = None,
    store: StoreOption = None,
    format: TextFormatOption = TextFormat.TABLE,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Check this machine: versions, clock, disk, site file, store.

    Exit code 1 when a check failed. Contacts no device.

    Examples:
      iiotctl doctor
      iiotctl doctor --format json
    """
    del verbose, color
    import sys

    from iiotctl.ops import doctor as op

    checks = op.examine(site, store)
    state = op.worst(checks)
    if format is TextFormat.JSON:
        document = {
            "schema": "iiotctl.doctor/v1",
            "complete": True,
            "state": state.value,
            "checks": [check.as_dict() for check in checks],
        }
        typer.echo(json.dumps(document))
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            if quiet and check.state is op.State.PASS:
                continue
            word = _console.paint(check.state.value, _STYLES[check.state.value], "bold", stream=sys.stdout)
            typer.echo(f"{word}  {check.name:<{width}}  {_console.harmless(check.found)}")
            if check.fix:
                typer.echo(f"{'':{width + 8}}fix: {_console.harmless(check.fix)}")
    if state is op.State.FAIL:
        raise typer.Exit(ExitCode.FINDINGS)
