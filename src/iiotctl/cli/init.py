"""`iiotctl init`: a commented site file and a tag list to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from iiotctl.cli import _console
from iiotctl.cli._options import Color, ColorOption, QuietOption, VerboseOption


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", show_default=False, help="Folder; else this one.")] = Path(),
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Write a commented site.toml and tags.csv to begin with.

    Overwrites nothing. The sample's devices have addresses at which nothing
    answers; put your own in.

    Examples:
      iiotctl init
      iiotctl init line3
    """
    del quiet, verbose, color
    from iiotctl.ops.site import init_site

    for path in init_site(folder):
        typer.echo(str(path))
    first = "" if folder == Path() else f"  cd {folder}\n"
    _console.say(
        "\nwrite your devices into `site.toml` and your tags into `tags.csv`, then:\n"
        f"{first}"
        "  iiotctl site check          every problem with file and line\n"
        "  iiotctl tags check --live   read each tag once\n"
        "  iiotctl capture --dry-run   the requests, before any is sent\n"
        "  iiotctl capture             live data into crash-safe Parquet"
    )
