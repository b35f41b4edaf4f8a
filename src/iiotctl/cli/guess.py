"""`iiotctl guess`: a live register under every type and order, the most believable first."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Final

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
    SoleMasterOption,
    TimeoutOption,
    TrustFirstOption,
    VerboseOption,
    person,
    seconds,
)
from iiotctl.errors import ExitCode

if TYPE_CHECKING:
    from rich.console import RenderableType

    from iiotctl.ops.candidates import Candidate
    from iiotctl.ops.guess import Round, Wanted
    from iiotctl.reports.rows import Rows

_SHOWN: Final = 10
_UNLIKELY: Final = 0.01
_PIPED_S: Final = 3.0
_DOUBTFUL: Final = 0.1
_CLOSE: Final = 0.9


def guess(
    url: Annotated[
        str,
        typer.Argument(metavar="URL", help="As for `read`, or a source of the site file.", show_default=False),
    ],
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="First register: holding:11, 40012.", show_default=False)
    ],
    registers: Annotated[int, typer.Option("--registers", metavar="N", help="Registers: 1, 2 or 4.")] = 2,
    near: Annotated[
        str | None,
        typer.Option("--near", metavar="VALUE", show_default=False, help="What the display shows now; decides most."),
    ] = None,
    span: Annotated[
        str | None,
        typer.Option("--span", metavar="LOW..HIGH", show_default=False, help="Measuring range, e.g. 0..250."),
    ] = None,
    shows: Annotated[
        str | None,
        typer.Option("--shows", metavar="UNIT", show_default=False, help="Engineering unit, e.g. degC, bar."),
    ] = None,
    every: Annotated[str, typer.Option("--every", metavar="TIME", help="Time from reading to reading.")] = "1s",
    duration: Annotated[
        str | None,
        typer.Option("--for", metavar="TIME", show_default=False, help="Stop by itself; 3s when not on a terminal."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", show_default=False, help="Read a single time.")] = False,
    everything: Annotated[bool, typer.Option("--all", show_default=False, help="Show what cannot be, too.")] = False,
    unit: Annotated[
        int | None, typer.Option("--unit", metavar="N", min=0, max=255, show_default=False, help="Modbus unit; else 1.")
    ] = None,
    timeout: TimeoutOption = None,
    trust_first: TrustFirstOption = False,
    sole_master: SoleMasterOption = None,
    site: SiteOption = None,
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Rank what a live register may mean.

    One request a round reads 1, 2 or 4 registers; each type and byte order is
    judged by its size, by how it moves and by what you know. On a terminal the
    table stays live until Ctrl-C. `never_read` of the site file is kept.

    Examples:
      iiotctl guess modbus-tcp://192.168.10.21 holding:11 --near 123.4
      iiotctl guess modbus-tcp://gateway/3 40012 --span 0..250 --for 10s
    """
    del quiet, verbose, color
    from iiotctl import reports
    from iiotctl.ops import guess as op
    from iiotctl.ops.site import open_settings
    from iiotctl.reports.target import check_place

    check_place(output)
    every_s = seconds(every, "--every")
    for_s = None if duration is None else seconds(duration, "--for")
    wanted = op.prepare(
        url,
        address,
        registers=registers,
        near=None if near is None else op.number(near, "--near"),
        span=span,
        measured_in=shows,
        unit=unit,
        timeout_s=None if timeout is None else seconds(timeout, "--timeout"),
        opened=open_settings(site),
        trust_first=trust_first,
        sole_master=person(sole_master),
    )
    if wanted.device.note:
        _console.say(wanted.device.note)
    is_live = format is Format.TABLE and output is None and not once and _console.is_terminal(sys.stdout)
    if for_s is None and not is_live:
        for_s = _PIPED_S
    count = 1 if once else None if for_s is None else max(1, round(for_s / every_s) + 1)
    rounds = op.rounds(wanted, every_s=every_s, count=count)
    stopped = False
    if is_live:
        last, stopped = _draw(rounds, wanted, everything=everything)
    else:
        *_, last = rounds
        shown = last.found if everything or format is not Format.TABLE else _likely(last)
        reports.write(_rows(shown), format.value, output, color=_console.uses_color(sys.stdout))
    if last is not None:
        _advise(last, wanted)
    if stopped:
        raise typer.Exit(int(ExitCode.INTERRUPTED))


def _likely(seen: Round, most: int = _SHOWN) -> Sequence[Candidate]:
    """What may be, the first few; the first one alone when nothing may."""
    return tuple(each for each in seen.found if each.score >= _UNLIKELY)[:most] or seen.found[:1]


def _value(each: Candidate) -> float | str | None:
    if each.value is None:
        return each.text or None
    # a scale of 0.1 must not show as 123.60000000000001; an unscaled value is shown with its own digits
    return each.value if each.scale == 1 else float(f"{each.value:.12g}")


def _rows(found: Sequence[Candidate]) -> Rows:
    from iiotctl.reports.rows import Column, Rows

    columns = [Column("fit", "integer", "%"), Column("type"), Column("order"), Column("scale", "float")]
    columns += [Column("value", "any"), Column("why")]
    return Rows(
        columns,
        [(round(100 * each.score), each.type, str(each.order), each.scale, _value(each), each.why) for each in found],
    )


def _draw(rounds: Iterator[Round], wanted: Wanted, *, everything: bool) -> tuple[Round | None, bool]:
    """The table, redrawn with each reading; the last reading, and whether Ctrl-C ended it."""
    from rich.live import Live

    console = _console.rich_console(sys.stdout)
    last = None
    try:
        with Live(console=console, auto_refresh=False) as live:
            for last in rounds:
                room = max(3, console.size.height - 5)
                shown = last.found[:room] if everything else _likely(last, min(room, _SHOWN))
                live.update(_picture(last, shown, wanted, console.size.width), refresh=True)
    except KeyboardInterrupt:
        return last, True
    return last, False


def _picture(seen: Round, shown: Sequence[Candidate], wanted: Wanted, width: int) -> RenderableType:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from iiotctl.reports.terminal import show
    from iiotctl.site.units import format_count

    block = wanted.block
    place = f"{block.table}:{block.start}" + (f"-{block.end - 1}" if block.count > 1 else "")
    head = f"{place}  raw {seen.raw.hex(' ', 2)}  {format_count(seen.readings, 'reading')}  read-only  Ctrl-C stops"
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False, header_style="dim")
    table.add_column("fit", justify="right", no_wrap=True)
    for title in ("type", "order", "scale"):
        table.add_column(title, no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True, overflow="ellipsis", max_width=20)
    table.add_column("why", no_wrap=True, overflow="ellipsis", max_width=max(10, width - 55))
    for index, each in enumerate(shown):
        value = _console.harmless(show(_value(each)))
        table.add_row(
            f"{round(100 * each.score)} %",
            each.type,
            str(each.order),
            f"{each.scale:g}",
            value,
            each.why,
            style="bold" if not index else "",
        )
    parts: list[RenderableType] = [Text(head, overflow="ellipsis", no_wrap=True), Text(""), table]
    if seen.failure:
        parts.append(Text(_console.harmless(f"no answer this time: {seen.failure}"), style="yellow"))
    return Group(*parts)


def _advise(seen: Round, wanted: Wanted) -> None:
    """The row to paste, or what would tell more."""
    best = seen.found[0]
    second = seen.found[1] if len(seen.found) > 1 else None
    place = f"{wanted.block.table}:{wanted.block.start}"
    if best.score < _DOUBTFUL:
        _console.say("nothing fits well: check the address, or try `--registers 1` or `--registers 4`")
        return
    _console.say(f'for the tag list: address = "{place}", {best.keys}')
    if second is not None and second.score > _CLOSE * best.score and not wanted.hints.are_given:
        _console.say("other readings are nearly as likely: `--near VALUE` with what the display shows decides")
