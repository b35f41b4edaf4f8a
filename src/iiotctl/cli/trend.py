"""`iiotctl trend`: tags over a range, drawn."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from iiotctl.cli import _console, _spreadsheet
from iiotctl.cli._history_options import (
    BoundaryOption,
    DuringOption,
    EveryOption,
    ForceOption,
    ModeOption,
    SteppedOption,
    TimezoneOption,
    ToOption,
)
from iiotctl.cli._options import (
    Color,
    ColorOption,
    ExcelOption,
    OutputOption,
    QuietOption,
    SiteOption,
    StoreOption,
    StrictOption,
    VerboseOption,
    named_format,
)


class TrendFormat(StrEnum):
    """How a trend is shown: drawn, or as rows in every format that those have."""

    TERMINAL = "terminal"
    SVG = "svg"
    PNG = "png"
    HTML = "html"
    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    TSV = "tsv"
    MARKDOWN = "markdown"
    XLSX = "xlsx"
    PARQUET = "parquet"
    ARROW = "arrow"


def trend(
    tags: Annotated[
        list[str], typer.Argument(metavar="TAG", show_default=False, help="Names or patterns such as 'press1.*'.")
    ],
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TIME",
            show_default=False,
            help="From this time on, else the last 8 hours, or all of --during.",
        ),
    ] = None,
    end: ToOption = None,
    timezone: TimezoneOption = None,
    during: DuringOption = None,
    mode: ModeOption = None,
    every: EveryOption = None,
    stepped: SteppedOption = None,
    boundary: BoundaryOption = "inside",
    width: Annotated[
        int | None,
        typer.Option(
            "--width",
            metavar="N",
            min=40,
            max=20_000,
            show_default=False,
            help="Columns of text, pixels of a picture, intervals of rows.",
        ),
    ] = None,
    height: Annotated[
        int | None,
        typer.Option(
            "--height",
            metavar="N",
            min=10,
            max=20_000,
            show_default=False,
            help="Lines of text, or pixels of a picture.",
        ),
    ] = None,
    ascii: Annotated[
        bool, typer.Option("--ascii", show_default=False, help="Draw with letters, where braille cannot be shown.")
    ] = False,
    force: ForceOption = False,
    strict: StrictOption = False,
    site: SiteOption = None,
    store: StoreOption = None,
    format: Annotated[
        TrendFormat,
        typer.Option(
            "--format",
            metavar="FORMAT",
            callback=named_format,
            show_default=False,
            help="terminal, svg, png, html, or rows: table, json, csv …; else as FILE ends.",
        ),
    ] = TrendFormat.TERMINAL,
    excel: ExcelOption = None,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Draw tags over a range: in the terminal, as picture or page.

    Tags of one unit share a panel. No line goes across a gap or a Bad sample,
    no spike is lost, and below each panel stands what the quality was. With
    --format csv and the like, the samples that would be drawn are written.

    Examples:
      iiotctl trend press1.hydraulics.pressure
      iiotctl trend 'press1.*' --from 'y+6h' --to 'y+14h' -o shift.html
      iiotctl trend line3.state --from '*-7d' --mode raw --format csv
    """
    del quiet, verbose, color
    from iiotctl.ops import trend as op
    from iiotctl.ops.history import opened
    from iiotctl.reports.output import check as rows_only
    from iiotctl.reports.plots import output as drawing

    root, zone = opened(site, store, timezone, _console.show_event)
    if start is None and during is None:
        start = "*-8h"
    mode = mode or ("interpolated" if every else "plot")
    if format.value not in drawing.FORMATS:
        from iiotctl.ops import export

        rows = export.Order(
            root,
            tags,
            format.value,
            output,
            mode,
            every,
            boundary,
            start,
            end,
            until_now=True,
            width=width or 1000,
            stepped=stepped,
            during=during,
            zone=zone,
            force=force,
            color=_console.uses_color(sys.stdout),
            strict=strict,
            sheet=_spreadsheet.sheet(excel, zone, root),
        )
        export.run(rows, _console.show_event)
        return
    if excel is not None:
        rows_only(format.value, output, excel)
    wish = drawing.Wish(
        format.value,
        output,
        width,
        height,
        unicode=not ascii and _console.shows_symbols(sys.stdout),
        color=_console.uses_color(sys.stdout),
        force=force,
    )
    drawing.check(wish)
    order = op.Order(
        root,
        tags,
        start,
        end,
        mode=mode,
        width=wish.resolution,
        every=every,
        stepped=stepped,
        during=during,
        zone=zone,
        strict=strict,
    )
    drawing.write(op.trend(order, _console.show_event), wish)
