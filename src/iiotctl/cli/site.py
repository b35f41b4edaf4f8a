"""`iiotctl site`: what holds here and why, whether the site file is right, its JSON Schema."""

from __future__ import annotations

import json
from typing import Annotated

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
    TextFormat,
    TextFormatOption,
    VerboseOption,
)

app = typer.Typer()


@app.callback(invoke_without_command=True)
def group(context: typer.Context) -> None:
    """Show, check and describe the site file."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("show")
def show(
    origin: Annotated[
        bool, typer.Option("--origin", show_default=False, help="Add where each value comes from.")
    ] = False,
    site: SiteOption = None,
    store: StoreOption = None,
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Show every value that holds here, and its origin.

    Of a secret only the place where it is kept is shown.

    Flags win over `IIOTCTL_*` variables, these over the site file, that over
    the user file, and that over the defaults.

    Examples:
      iiotctl site show --origin
      IIOTCTL_CAPTURE_COMMIT=5s iiotctl site show --format json
    """
    del quiet, verbose, color
    from iiotctl import reports
    from iiotctl.ops.site import open_settings
    from iiotctl.ops.site_view import site_values
    from iiotctl.reports.rows import Column, Rows

    opened = open_settings(site, store)
    values = site_values(opened)
    columns = [Column("key"), Column("value")]
    if origin:
        columns += [Column("origin"), Column("where")]
    rows = Rows(columns, [(v.key, v.value, v.origin, v.where)[: len(columns)] for v in values])
    reports.write(rows, format.value, output)
    if opened.loaded is None:
        _console.say("no site file here or in a folder above")
        _console.suggest("iiotctl init")


@app.command("check")
def check(
    site: SiteOption = None,
    format: TextFormatOption = TextFormat.TABLE,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Check the site file and its tag lists.

    No device is contacted. Every problem is shown with file and line (exit code 3). What may be right
    but looks wrong, such as a source without tags, is a warning.

    Examples:
      iiotctl site check
      iiotctl site check --site plant/site.toml --format json
    """
    del quiet, verbose, color
    from iiotctl.ops.site import open_site
    from iiotctl.ops.site_view import check_site
    from iiotctl.site.units import format_count

    found = check_site(open_site(site))
    for event in found.warnings:
        _console.show_event(event)
    if format is TextFormat.JSON:
        warnings = [{"slug": e.slug, "source": e.source, "text": e.text} for e in found.warnings]
        document = {"schema": "iiotctl.site-check/v1", "site": found.path, "sources": found.sources, "tags": found.tags}
        typer.echo(json.dumps({**document, "warnings": warnings}))
    else:
        typer.echo(
            f"{found.path}: {format_count(found.sources, 'source')}, {format_count(found.tags, 'tag')}, no problems"
        )
    _console.suggest("iiotctl tags check --live")


@app.command("schema")
def schema(
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Print the JSON Schema of the site file.

    It gives completion and checks in editors. Put `#:schema ./site.schema.json` into the first line of `site.toml`;
    editors with Taplo (Even Better TOML) follow it.

    Example:
      iiotctl site schema -o site.schema.json
    """
    del quiet, verbose, color
    from iiotctl.ops.site_view import schema_text
    from iiotctl.reports.target import binary

    with binary(output) as stream:
        stream.write((schema_text() + "\n").encode())
    if output is not None and str(output) != "-":
        _console.say(f"wrote {output}")
