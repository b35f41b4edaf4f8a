"""`iiotctl capture`: live data into the store, its plan, its status, its reload."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

import typer

from iiotctl.cli import _console
from iiotctl.cli._options import (
    Color,
    ColorOption,
    Format,
    FormatOption,
    LogFormatOption,
    OutputOption,
    QuietOption,
    SiteOption,
    SoleMasterOption,
    StoreOption,
    TextFormat,
    TextFormatOption,
    VerboseOption,
    person,
)
from iiotctl.errors import ExitCode, SiteError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iiotctl.capture.run import Outcome
    from iiotctl.capture.session import Session
    from iiotctl.capture.summary import Summary
    from iiotctl.events import Event
    from iiotctl.ops.capture import PlannedSource

INTERVAL_S: Final = 10.0
"""Seconds between two lines where no live table is shown."""

READ_ONLY: Final = "read-only: nothing is ever written to a device"

app = typer.Typer()


@app.callback(invoke_without_command=True)
def capture(
    context: typer.Context,
    for_: Annotated[
        str | None,
        typer.Option("--for", metavar="TIME", show_default=False, help="Stop after e.g. 10min; else until Ctrl-C."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", show_default=False, help="Show the requests and send none.")
    ] = False,
    live: Annotated[
        bool | None,
        typer.Option("--live/--no-live", show_default=False, help="A live table; by default on a terminal."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", show_default=False, help="Exit code 1 on any gap but one since a planned stop.")
    ] = False,
    source: Annotated[
        list[str] | None,
        typer.Option("--source", metavar="NAME", show_default=False, help="Only this source; may be repeated."),
    ] = None,
    trust_first: Annotated[
        bool,
        typer.Option("--trust-first", show_default=False, help="Accept and remember unknown server certificates."),
    ] = False,
    sole_master: SoleMasterOption = None,
    ring: Annotated[
        str | None,
        typer.Option("--ring", metavar="TIME", show_default=False, help="Keep the last e.g. 30min in memory only."),
    ] = None,
    keep_around: Annotated[
        list[str] | None,
        typer.Option(
            "--keep-around", metavar="TRIGGER", show_default=False, help="Store around e.g. 'press1.trip rises'."
        ),
    ] = None,
    before: Annotated[
        str | None,
        typer.Option("--before", metavar="TIME", show_default=False, help="Store from so long before; 10min."),
    ] = None,
    after: Annotated[
        str | None, typer.Option("--after", metavar="TIME", show_default=False, help="Store until so long after; 2min.")
    ] = None,
    ring_memory: Annotated[
        str | None,
        typer.Option("--ring-memory", metavar="SIZE", show_default=False, help="Most memory of the ring; 200MB."),
    ] = None,
    completeness: Annotated[
        Path | None,
        typer.Option(
            "--completeness-to",
            metavar="FILE",
            show_default=False,
            help="At the end, how complete each tag is; `-` is stdout.",
        ),
    ] = None,
    log_format: LogFormatOption = None,
    site: SiteOption = None,
    store: StoreOption = None,
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Capture live data into crash-safe Parquet.

    Only read requests are sent. What is lost (link down, overflow, clock
    step, restart, full disk) becomes a row in the gaps table. Ctrl-C stops,
    seals and says what is durable; a second one stops at once. The process
    gives way to other programs of the machine.

    Examples:
      iiotctl capture --dry-run            the requests, before any is sent
      iiotctl capture                      until Ctrl-C, with a live table
      iiotctl capture --for 10min --strict exit code 1 if anything was lost
      iiotctl capture --ring 30min --keep-around 'press1.trip rises'
      iiotctl capture status               from another terminal
      iiotctl capture reload               take over a changed site file
    """
    if context.invoked_subcommand is not None:
        context.obj = (site, store)
        return
    from iiotctl.cli._completeness import place, write_run
    from iiotctl.ops import capture as op
    from iiotctl.ops.site import open_settings

    opened = open_settings(site, store)
    if dry_run:
        for problem in op.missing_secrets(opened, only=source or ()):
            _console.warn(f"{problem.what} ({problem.where}): capture will not start")
        _show_plan(op.dry_run(opened, only=source or ()), format, output)
        return
    duration = None if for_ is None else _duration(for_)
    vouching = person(sole_master)
    on_terminal = _console.is_terminal(sys.stderr)
    watch = _watch(on_terminal and log_format is None if live is None else live)
    flags = {"keep": ring, "triggers": keep_around, "before": before, "after": after, "memory": ring_memory}
    wanted = op.ring_of(opened, flags, only=source or ())
    completeness = place(completeness, format)
    _console.say(READ_ONLY)
    with watch:
        outcome = op.capture(
            opened,
            duration_s=duration,
            only=source or (),
            trust_first=trust_first,
            ring=wanted,
            sole_master=vouching,
            on_event=watch.event,
            on_tick=watch.tick,
            at_once=_leave,
        )
    del quiet, verbose, color
    _tell_end(outcome)
    if completeness is not None:
        write_run(outcome.tags, completeness, format, color=_console.uses_color(sys.stdout))
    _leave_with_code(outcome, strict=strict)


def _duration(text: str) -> float:
    from iiotctl.site.units import parse_duration

    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise UsageError(
            "bad-value", f"the value of `--for` is wrong: {error}", hint="write e.g. `30s`, `10min` or `8h`"
        ) from None
    if seconds <= 0:
        raise UsageError("bad-value", "`--for` must be longer than nothing", hint="write e.g. `10min`")
    return seconds


def _leave(number: int) -> None:
    """A second signal: what is committed is durable, the rest of the work is left to the next start."""
    import os

    _console.complain("stopped at once; what was committed is durable, the next start seals it")
    os._exit(128 + number)


class _Lines:
    """One plain line an interval, for logs and pipes."""

    def __init__(self) -> None:
        self._next = INTERVAL_S

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def event(self, event: Event) -> None:
        _console.show_event(event)

    def tick(self, session: Session) -> None:
        summary = session.summary()
        if summary.seconds >= self._next:
            self._next += INTERVAL_S
            _report("status", [line(summary)], summary)


def _report(event: str, lines: Iterable[str], summary: Summary) -> None:
    """Lines about the whole run; with its figures where lines are JSON."""
    if not _console.settings.json_lines:
        _console.say(*lines)
    elif not _console.settings.quiet:
        from iiotctl.cli._log import of_summary

        _console.record("info", event, "\n".join(lines), of_summary(summary))


def _watch(live: bool) -> Any:
    if not live or _console.settings.quiet or _console.settings.json_lines:
        return _Lines()
    from iiotctl.cli._live import Live

    return Live(_console.rich_console(sys.stderr), _console.settings.verbose)


def line(summary: Summary) -> str:
    """A run so far in one line, e.g. for a log."""
    from iiotctl.cli._wording import bytes_of, clock, gaps_of
    from iiotctl.site.units import format_count

    rate = sum(source.rate for source in summary.sources)
    states: dict[str, int] = {}
    for source in summary.sources:
        states[source.state.value] = states.get(source.state.value, 0) + 1
    troubled = [source.name for source in summary.sources if source.gap_since is not None]
    words = [
        f"{clock()} {format_count(summary.stored, 'sample')} durable",
        f"{rate:.1f}/s",
        bytes_of(summary.bytes),
        "sources: " + ", ".join(f"{count} {state}" for state, count in states.items()),
        gaps_of(summary),
    ]
    if troubled:
        words.append(f"no data from {', '.join(troubled[:3])}" + (" …" if len(troubled) > 3 else ""))  # noqa: PLR2004
    if summary.blocked is not None:
        words.append(f"NOTHING IS STORED: {summary.blocked}")
    return "  ".join(words)


def _tell_end(outcome: Outcome) -> None:
    """Say what was done."""
    from iiotctl.cli._completeness import worst
    from iiotctl.cli._wording import closing

    least = worst((one.tag, one.source, one.completeness) for one in outcome.tags)
    _report("ended", closing(outcome.summary, least), outcome.summary)


def _leave_with_code(outcome: Outcome, *, strict: bool) -> None:
    from iiotctl.ops.capture import unreached

    summary, signal = outcome.summary, outcome.signal
    error = unreached(summary.sources)
    silent = [source for source in summary.sources if not source.samples]
    if error is None or signal:
        for source in silent:
            _console.warn(f"{source.name} never answered: {source.detail or source.endpoint}")
    if signal:
        raise typer.Exit(128 + signal)
    if error is not None:
        raise error
    if strict and summary.gap_count > summary.planned_gaps:
        raise typer.Exit(int(ExitCode.FINDINGS))
    _console.suggest("iiotctl last        (or: iiotctl gaps, iiotctl query SQL)")


def _show_plan(planned: list[PlannedSource], format_: Format, output: Path | None) -> None:
    from iiotctl import reports
    from iiotctl.cli._wording import plan_rows, plan_summary

    reports.write(plan_rows(planned), format_.value, output)
    if format_ is Format.TABLE:
        for text in plan_summary(planned):
            _console.say(text)
        _console.say("nothing was sent")


def _given(context: typer.Context, site: Path | None, store: Path | None) -> tuple[Path | None, Path | None]:
    """Options may stand before the subcommand too: `capture --store X status`."""
    before = context.obj if isinstance(context.obj, tuple) else (None, None)
    return site or before[0], store or before[1]


@app.command("status")
def status(
    context: typer.Context,
    check: Annotated[
        bool,
        typer.Option("--check", show_default=False, help="Exit 5 unless one runs and answers, 1 if not all is well."),
    ] = False,
    site: SiteOption = None,
    store: StoreOption = None,
    format: TextFormatOption = TextFormat.TABLE,
    quiet: QuietOption = False,
    color: ColorOption = Color.AUTO,
) -> None:
    """Show what the capture is doing, or how the last one ended.

    With --check the exit code tells a service or script: 0 it runs and all
    sources deliver, 1 it runs but a source does not deliver or nothing is
    stored, 5 none runs or its status is older than 15 seconds.

    Examples:
      iiotctl capture status --format json
      iiotctl capture status --check -q || logger "capture is not well"
    """
    del color
    import json

    from iiotctl.cli._wording import status_lines
    from iiotctl.ops import capture as op
    from iiotctl.ops.site import locate_store

    site, store = _given(context, site, store)
    store = locate_store(site, store)
    found = op.status(store, tags=format is TextFormat.JSON and not check)
    if format is TextFormat.JSON:
        typer.echo(json.dumps(found, ensure_ascii=True, allow_nan=False))
    elif not (check and quiet):
        for text in status_lines(found):
            typer.echo(_console.harmless(text))
    if check and (trouble := op.health(store, found)):
        _console.warn("; ".join(trouble))
        raise typer.Exit(int(ExitCode.FINDINGS))


@app.command("reload")
def reload(
    context: typer.Context,
    site: SiteOption = None,
    store: StoreOption = None,
    quiet: QuietOption = False,
    color: ColorOption = Color.AUTO,
) -> None:
    """Have the running capture read its site file again.

    Tags that stay the same see no interruption. A file with a mistake is
    refused, and the capture goes on as before.

    Example:
      iiotctl capture reload
    """
    del quiet, color
    from iiotctl.ops import capture as op
    from iiotctl.ops.site import open_store

    site, store = _given(context, site, store)
    answer = op.reload(open_store(site, store))
    if not answer.ok:
        first = (answer.details.get("errors") or [{}])[0]
        raise SiteError(
            "reload-refused",
            "the changed site file is refused; capture goes on as before",
            where=first.get("where"),
            cause=first.get("what") or answer.message,
            hint="`iiotctl site check` lists every problem",
        )
    _console.say(answer.message)
    for note in answer.details.get("notes", ()):
        _console.warn(str(note))
