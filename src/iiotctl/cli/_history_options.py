"""Options of the verbs that ask the history, written once: range, interval, tags."""

from __future__ import annotations

from typing import Annotated

import typer

FromOption = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="TIME",
        show_default=False,
        help="From this time on: '*-8h', t, y+6h, '1-sep-26 06:00' or ISO 8601.",
    ),
]
ToOption = Annotated[str | None, typer.Option("--to", metavar="TIME", show_default=False, help="Before this time.")]
TimezoneOption = Annotated[
    str | None,
    typer.Option(
        "--timezone",
        metavar="ZONE",
        show_default=False,
        help="Of local times, e.g. Europe/Berlin; else of the site.",
    ),
]
DuringOption = Annotated[
    str | None,
    typer.Option("--during", metavar="EVENT", show_default=False, help="Only while an event of this name lasted."),
]
ForceOption = Annotated[
    bool, typer.Option("--force", show_default=False, help="Replace the file that is written if it exists.")
]
ModeOption = Annotated[
    str | None,
    typer.Option(
        "--mode", metavar="MODE", show_default=False, help="raw, interpolated, plot or lttb: how samples are retrieved."
    ),
]
EveryOption = Annotated[
    str | None,
    typer.Option(
        "--every", metavar="TIME", show_default=False, help="Length of an interval: 10s, 15min, 1d, 1mo, shift."
    ),
]
BoundaryOption = Annotated[
    str,
    typer.Option(
        "--boundary", metavar="WHICH", help="inside, outside or interpolated: samples at the ends of the range."
    ),
]
WidthOption = Annotated[
    int, typer.Option("--width", metavar="N", min=1, help="Intervals of mode plot, samples of mode lttb.")
]
SteppedOption = Annotated[
    bool | None,
    typer.Option(
        "--stepped/--sloped",
        show_default=False,
        help="Hold the value between samples, or a straight line; else by tag.",
    ),
]
