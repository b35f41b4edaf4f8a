"""`iiotctl init`: a commented site file and a tag list to begin with, or both from a live server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iiotctl.cli import _console
from iiotctl.cli._options import (
    Color,
    ColorOption,
    DepthOption,
    MaxNodesOption,
    PasswordEnvOption,
    ProfileOption,
    QuietOption,
    RowSourceOption,
    SecurityOption,
    TrustFirstOption,
    UserOption,
    VerboseOption,
)
from iiotctl.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from iiotctl.ops.init_browse import Begun


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", show_default=False, help="Folder; else this one.")] = Path(),
    from_browse: Annotated[
        str | None,
        typer.Option("--from-browse", metavar="URL", show_default=False, help="Take tags from this OPC UA server."),
    ] = None,
    paths: Annotated[
        list[str] | None,
        typer.Option("--path", metavar="GLOB", show_default=False, help="Browse path, e.g. 'Line3/**'; repeatable."),
    ] = None,
    source: RowSourceOption = None,
    max_nodes: MaxNodesOption = 50_000,
    depth: DepthOption = 30,
    profile: ProfileOption = None,
    security: SecurityOption = "None",
    user: UserOption = None,
    password_env: PasswordEnvOption = None,
    trust_first: TrustFirstOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Write a commented site.toml and tags.csv to begin with.

    Overwrites nothing. The sample's devices have addresses at which nothing
    answers; put your own in. With --from-browse the source and the tag list
    are those of a live OPC UA server, read requests only.

    Examples:
      iiotctl init
      iiotctl init line3 --from-browse opc.tcp://192.168.10.30:4840
      iiotctl init oven --from-browse opc.tcp://plc7:4840 --path 'Line3/Oven'
    """
    del verbose, color
    from iiotctl.ops.read import Access
    from iiotctl.ops.site import init_site

    access = Access(security, user, password_env, trust_first)
    first = () if folder == Path() else (f"  cd {folder}",)
    if from_browse is None:
        if access != Access() or paths or source or profile:
            raise UsageError("bad-value", "these options need `--from-browse URL`", hint="`iiotctl init --help`")
        for path in init_site(folder):
            typer.echo(str(path))
        _console.say(
            "",
            "write your devices into `site.toml` and your tags into `tags.csv`, then:",
            *first,
            "  iiotctl site check          every problem with file and line",
            "  iiotctl tags check --live   read each tag once",
            "  iiotctl capture --dry-run   the requests, before any is sent",
            "  iiotctl capture             live data into crash-safe Parquet",
        )
        return
    from iiotctl.cli.browse import progress, say_left_out
    from iiotctl.ops import init_browse as op
    from iiotctl.ops.browse import Wish

    wish = Wish(tuple(paths or ()), max_nodes, depth, profile=profile)
    with progress(quiet=quiet) as report:
        begun = op.init_from_browse(folder, from_browse, wish, source=source, access=access, report=report)
    for path in begun.paths:
        typer.echo(str(path))
    say_left_out(begun.browsed)
    for note in begun.browsed.notes:
        _console.warn(note)
    _next(begun, first)
    if begun.browsed.stopped:
        raise typer.Exit(int(ExitCode.INCOMPLETE))


def _next(begun: Begun, first: tuple[str, ...]) -> None:
    from iiotctl.site.units import format_count

    _console.say(
        "",
        f"{format_count(begun.tags, 'tag')} of source `{begun.source}`; next:",
        *first,
        "  iiotctl site check          every problem with file and line",
        "  iiotctl tags check --live   read each tag once",
        "  iiotctl capture --for 1min  live data into crash-safe Parquet",
    )
