"""`iiotctl simulate`: a press line as real Modbus TCP and OPC UA servers."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iiotctl.cli import _console
from iiotctl.cli._options import Color, ColorOption, QuietOption, VerboseOption
from iiotctl.errors import ExitCode, UsageError

if TYPE_CHECKING:
    import asyncio

    from iiotctl.ops.simulate import Options, Serving, Summary


class UnknownUnit(StrEnum):
    """What a Modbus unit that is not there does."""

    GATEWAY = "gateway"
    SILENT = "silent"


def simulate(
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Listen here.")] = "127.0.0.1",
    modbus_port: Annotated[
        int, typer.Option("--modbus-port", metavar="PORT", min=0, max=65_535, help="Modbus TCP; 0 = any free one.")
    ] = 5020,
    opcua_port: Annotated[
        int, typer.Option("--opcua-port", metavar="PORT", min=0, max=65_535, help="OPC UA; 0 = any free one.")
    ] = 4840,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="The same seed gives the same plant.")] = 1,
    fault: Annotated[
        list[str] | None,
        typer.Option("--fault", metavar="FAULT", show_default=False, help="TARGET:KIND[:key=value,...]; repeatable."),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option("--truth", metavar="FILE", show_default=False, help="Log every value served, as JSON lines."),
    ] = None,
    for_: Annotated[
        str | None, typer.Option("--for", metavar="TIME", show_default=False, help="Stop after e.g. 10min.")
    ] = None,
    write_site: Annotated[
        Path | None,
        typer.Option("--write-site", metavar="DIR", show_default=False, help="Write the site.toml that fits to DIR."),
    ] = None,
    history: Annotated[
        str | None,
        typer.Option(
            "--history", metavar="TIME", show_default=False, help="Do not serve: write so much past to DIR/store."
        ),
    ] = None,
    export: Annotated[
        str | None,
        typer.Option(
            "--export",
            metavar="TIME",
            show_default=False,
            help="Do not serve: write a historian's export of ten sensors to DIR, two of which lie.",
        ),
    ] = None,
    week: Annotated[
        Path | None,
        typer.Option(
            "--week",
            metavar="DIR",
            show_default=False,
            help="Do not serve: write a labelled week of sensors to DIR, half of which lie.",
        ),
    ] = None,
    tags: Annotated[int, typer.Option("--tag-count", metavar="N", min=1, max=10_000, help="Of the week.")] = 50,
    days: Annotated[int, typer.Option("--days", metavar="N", help="Of the week; the first two are healthy.")] = 7,
    clean: Annotated[bool, typer.Option("--clean", help="A week without faults.")] = False,
    family: Annotated[str, typer.Option("--family", metavar="NAME", help="Of the week: units or loops.")] = "units",
    unknown_unit: Annotated[
        UnknownUnit,
        typer.Option("--unknown-unit", metavar="HOW", help="A missing Modbus unit: gateway (0x0B) or silent."),
    ] = UnknownUnit.GATEWAY,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Run a small plant as real Modbus TCP and OPC UA servers.

    A press line: hydraulics, motor, cooling loop, oven, conveyor and energy
    meter, 61 tags. Every write is refused and recorded. A fault's TARGET is a
    tag or a source; tags take flat-line, spike, drift, step, noise, dropout,
    wire-break and clip; sources silent, exception, delay, disconnect,
    bad-status and pause. `start=`, `for=` and `every=` say when.

    Examples:
      iiotctl simulate --write-site press-line
      iiotctl simulate --write-site press-line --history 8h
      iiotctl simulate --write-site boiler --export 4d
      iiotctl simulate --week week1 --seed 1
      iiotctl simulate --for 10min --truth truth.jsonl \\
        --fault press1.hydraulics.pressure:drift:rate=5,start=60s \\
        --fault cooling1:silent:start=2min,for=30s
    """
    del quiet, verbose, color
    if week is not None:
        _write_week(week, seed, family, (tags, days), clean=clean)
        return
    if export is not None:
        _write_export(write_site, export, seed)
        return
    if history is not None:
        _write_history(write_site, history, seed, fault or (), (modbus_port, opcua_port))
        return
    import asyncio

    from iiotctl.ops.simulate import Options

    options = Options(
        host=host,
        modbus_port=modbus_port,
        opcua_port=opcua_port,
        seed=seed,
        faults=tuple(fault or ()),
        truth=truth,
        unknown_unit=unknown_unit.value,
        site_folder=write_site,
    )
    duration = None if for_ is None else _seconds(for_, "--for")
    summary, signal_number = asyncio.run(_run(options, duration))
    _tell_end(summary, truth)
    if signal_number is not None:
        import signal

        raise typer.Exit(ExitCode.INTERRUPTED if signal_number == signal.SIGINT else ExitCode.TERMINATED)


def _write_history(folder: Path | None, history: str, seed: int, faults: Sequence[str], ports: tuple[int, int]) -> None:
    from iiotctl.ops.simulate_history import simulate_history
    from iiotctl.site.units import format_count

    if folder is None:
        raise UsageError(
            "bad-value",
            "`--history` needs `--write-site`",
            hint="e.g. `iiotctl simulate --write-site press-line --history 8h`",
        )
    past = simulate_history(folder, _seconds(history, "--history"), seed=seed, faults=faults, ports=ports)
    _console.say(
        f"wrote {format_count(past.samples, 'sample')} and {format_count(past.gaps, 'gap')} of the past to {past.store}",
        f"ask them: iiotctl last --site {past.site_file}",
    )


def _write_export(folder: Path | None, length: str, seed: int) -> None:
    from iiotctl.ops.simulate_export import simulate_export
    from iiotctl.site.units import format_count

    if folder is None:
        raise UsageError(
            "bad-value",
            "`--export` needs `--write-site`",
            hint="e.g. `iiotctl simulate --write-site boiler --export 4d`",
        )
    made = simulate_export(folder, _seconds(length, "--export"), seed=seed)
    _console.say(
        f"wrote {format_count(made.rows, 'sample')} of {format_count(made.tags, 'tag')} to {made.file}",
        f"bring them into a store: iiotctl import {made.file} --site {made.site_file}",
    )


def _write_week(folder: Path, seed: int, family: str, size: tuple[int, int], *, clean: bool) -> None:
    from iiotctl.ops.simulate_week import simulate_week
    from iiotctl.simulator.weeks.week import Plan
    from iiotctl.site.units import format_count

    tags, days = size
    made = simulate_week(folder, Plan(seed, family, tags, days, clean))
    _console.say(
        f"wrote {format_count(made.rows, 'sample')} of {format_count(made.tags, 'tag')} to {made.file}, "
        f"with {format_count(made.faults, 'fault')} in them",
        f"bring them into a store: iiotctl import {made.file}",
    )


def _seconds(text: str, option: str) -> float:
    from iiotctl.site.units import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError("bad-value", f"the value of `{option}` is wrong: {error}") from error


async def _run(options: Options, duration: float | None) -> tuple[Summary, int | None]:
    import asyncio

    from iiotctl.ops import simulate as op

    stop = asyncio.Event()
    received: list[int] = []
    _listen(stop, received)
    summary = await op.simulate(
        options, duration=duration, stop=stop, on_start=_tell_start, on_event=_console.show_event
    )
    return summary, received[0] if received else None


def _listen(stop: asyncio.Event, received: list[int]) -> None:
    """Let SIGINT and SIGTERM end the run in order; where the loop cannot (Windows), the interrupt itself does."""
    import asyncio
    import signal
    from contextlib import suppress

    def act(number: int) -> None:
        received.append(number)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, act, number)


def _tell_start(serving: Serving) -> None:
    units = ", ".join(f"{unit} = {text.split(';')[0].split(':')[0]}" for unit, text in serving.units.items())
    _console.say(f"Modbus TCP  {serving.modbus}  units {units}")
    _console.say(f"OPC UA      {serving.opcua}  None and Basic256Sha256; anonymous, or user reader / press-line")
    _console.say(f"{serving.tags} tags; every write is refused. Ctrl-C ends it.")
    if serving.site_file is not None:
        _console.say(
            f"wrote {serving.site_file}; in another terminal:", f"  iiotctl capture --site {serving.site_file}"
        )
    else:
        _console.say(
            "in another terminal:",
            f"  iiotctl read {serving.modbus}/1 holding:0:int16 holding:10:float32",
            "to capture everything, start again with `--write-site press-line`",
        )


def _tell_end(summary: Summary, truth: Path | None) -> None:
    _console.say(
        f"served {summary.seconds:.0f} s: {summary.modbus_reads} Modbus requests, "
        f"{summary.opcua_updates} OPC UA updates; refused {summary.refused}, malformed {summary.malformed}"
        + (f"; truth log {truth}" if truth else "")
    )
