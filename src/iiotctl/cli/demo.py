"""`iiotctl demo`: the main job on a simulated plant, in half a minute.

The questions at its end are the very commands it shows, run in this process: what a user sees is what they do.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from iiotctl.cli import _console
from iiotctl.cli._options import Color, ColorOption, QuietOption, VerboseOption
from iiotctl.errors import ExitCode

if TYPE_CHECKING:
    from iiotctl.capture.summary import Summary
    from iiotctl.events import Event
    from iiotctl.ops.demo import Captured, Started

_EVERY_S: Final = 5

_LAST: Final = "iiotctl last press1.hydraulics.pressure press1.press.state cooling1.flow line1.batch.id"
_QUERY: Final = """\
iiotctl query "
    SELECT tag, count(value) AS good, round(avg(value), 2) AS mean, min(value) AS low, max(value) AS high
    FROM samples WHERE tag LIKE '%temperature' GROUP BY tag ORDER BY tag\""""
_TREND: Final = "iiotctl trend press1.hydraulics.pressure press1.motor.winding_temperature --from '*-30s' --height 24"
_AVERAGE: Final = "iiotctl aggregate press1.motor.winding_temperature --function TimeAverage2 --function PercentGood"
_AVERAGE_TEXT: Final = """\
The time-weighted average as OPC UA defines it. What was Bad or lost weighs nothing, and the status says that it was:"""
_GAPS: Final = "iiotctl gaps"
_GAPS_TEXT: Final = """\
What is missing, and why. The Modbus gateway lost its connection, so the tags of its three units have a gap
from the last sample before to the first one after, and no invented value; OPC UA went on:"""
QUESTIONS: Final = (
    ("The latest value of some tags, with its quality and age:", _LAST),
    ("Every temperature, in SQL over Parquet files:", _QUERY),
    ("A trend: the lost connection is a gap, the broken wire is Bad, and no line is drawn across either:", _TREND),
    (_AVERAGE_TEXT, _AVERAGE),
    (_GAPS_TEXT, _GAPS),
)
_AUDIT_TEXT: Final = """\
Four days of a boiler house, exported by a historian: ten sensors, two of which lie. One froze for five hours, one
drifts away from its twin. Nobody sets a limit: the first two days teach what is normal."""
AUDIT: Final = (
    "iiotctl import boiler/export.parquet --site boiler/site.toml",
    "iiotctl audit sensors --site boiler/site.toml",
)

_PRESSURE: Final = "SELECT ts, value FROM samples WHERE tag = 'press1.hydraulics.pressure' ORDER BY ts"
_BROKEN: Final = "SELECT ts, value, quality_name(quality) AS quality FROM samples WHERE tag = 'press1.motor.winding_temperature' ORDER BY ts"


def demo(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder to make and leave.", show_default="iiotctl-demo")
    ] = Path("iiotctl-demo"),
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Capture, query and audit a simulated press line.

    Takes half a minute and needs no hardware and no network. Leaves DIR with a
    site file and the samples, so that you can go on from there; run again, it
    adds to them. Nothing else is ever overwritten.

    Examples:
      iiotctl demo
      iiotctl demo /tmp/press-line
    """
    del quiet, verbose, color
    from iiotctl.cli._wording import closing
    from iiotctl.ops import demo as op

    shown = _Progress()
    done = op.capture_demo(folder, on_start=_tell_start, on_event=shown.event, on_second=shown.second)
    for text in closing(done.summary):
        _console.say(f"  {text}")
    if done.signal:
        raise typer.Exit(128 + done.signal)
    with _inside(folder):
        _bold("\n3/4 Questions")
        for text, command in QUESTIONS:
            _console.say(*text.splitlines())
            _ask(command)
        _bold("4/4 Sensors that lie")
        _console.say(*_AUDIT_TEXT.splitlines())
        op.export_demo()
        for command in AUDIT:
            _ask(command, ExitCode.FINDINGS)
    _tell_next(folder, done)


def _bold(text: str) -> None:
    """A line of our own words that stands out."""
    if not _console.settings.quiet:
        _console.complain(_console.paint(text, "bold"))


def _tell_start(started: Started) -> None:
    again = "" if started.is_new else " (the folder of an earlier demo: its samples stay)"
    _bold("1/4 A plant")
    _console.say(
        f"A simulated press line runs in this process: {started.tags} tags,",
        f"Modbus TCP {started.modbus} (units 1 to 3) and OPC UA {started.opcua}",
    )
    _bold("\n2/4 Capture")
    _console.say(
        f"Both protocols for {started.seconds:.0f} s into {started.store}{again};",
        "every sample is durable a second after it was read. On purpose, the Modbus gateway drops",
        "its connections for 2 s, and the wire of a temperature sensor breaks for 4 s.",
    )


class _Progress:
    """A line every few seconds; of the events only what a person must know."""

    def event(self, event: Event) -> None:
        _console.show_event(event)

    def second(self, summary: Summary) -> None:
        passed = round(summary.seconds)
        if passed and passed % _EVERY_S == 0:
            states = ", ".join(f"{source.name} {source.state}" for source in summary.sources)
            _console.say(f"  {passed:2d} s  {summary.stored:5d} samples durable  {states}")


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """In the folder and without the user's `IIOTCTL_*` variables, which would lead the commands elsewhere."""
    here, mine = Path.cwd(), {name: value for name, value in os.environ.items() if name.startswith("IIOTCTL_")}
    os.chdir(folder)
    for name in mine:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(mine)
        os.chdir(here)


def _ask(command: str, also: ExitCode = ExitCode.OK) -> None:
    """Run a command; it ends with 0, or `also`."""
    from iiotctl.cli import app

    kept = replace(_console.settings)
    _bold(f"$ {command}")
    flags = ["--quiet"] if kept.quiet else []
    try:
        code = app.run([*shlex.split(command)[1:], *flags, "--color", kept.color])
    finally:
        sys.stdout.flush()
        _console.settings.quiet, _console.settings.verbose, _console.settings.color = (
            kept.quiet,
            kept.verbose,
            kept.color,
        )
    if code not in (ExitCode.OK, also):
        raise typer.Exit(code)
    _console.say("")


def _tell_next(folder: Path, done: Captured) -> None:
    from iiotctl.ops.demo import USUAL_PORTS

    flags = f" --modbus-port {done.modbus_port} --opcua-port {done.opcua_port}"
    usual = (done.modbus_port, done.opcua_port) == USUAL_PORTS
    steps = (
        (
            f"cd {shlex.quote(str(folder))}",
            "site.toml says what is read from where: address, type and unit of each tag",
        ),
        (f'iiotctl query "{_PRESSURE}"', "the pump loads the accumulator at 165 bar and unloads it at 200"),
        (f'iiotctl query "{_BROKEN}"', "while the wire was broken there is no value, and the quality says why"),
        ("iiotctl audit sensors --site boiler/site.toml -o boiler.html", "the findings with their trends, as a page"),
        (f"iiotctl simulate{'' if usual else flags}", "the same plant again, until Ctrl-C; then in a second terminal:"),
        ("iiotctl capture", "a live table; `iiotctl capture --dry-run` shows the requests before any is sent"),
        ("iiotctl init my-line", "with your own plant: a site file to fill in; `iiotctl tags check --live` tries it"),
    )
    _bold("Go on from here")
    for command, meaning in steps:
        _bold(f"  {command}")
        _console.say(f"      {meaning}")
