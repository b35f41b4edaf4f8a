"""`iiotctl events`: from when to when something was the case; listed, and found in the samples."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from iiotctl.cli import _console, _spreadsheet
from iiotctl.cli._history_options import FromOption, TimezoneOption, ToOption
from iiotctl.cli._options import (
    Color,
    ColorOption,
    ExcelOption,
    Format,
    FormatOption,
    OutputOption,
    QuietOption,
    SiteOption,
    StoreOption,
    StrictOption,
    VerboseOption,
)
from iiotctl.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from iiotctl.eventframe import EventFrame
    from iiotctl.ops.events import Outcome
    from iiotctl.reports.rows import Column, Rows
    from iiotctl.site.events import EventDefinition

app = typer.Typer()


@app.callback(invoke_without_command=True)
def events(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", show_default=False, help="Only events of this name.")
    ] = None,
    start: FromOption = None,
    end: ToOption = None,
    timezone: TimezoneOption = None,
    strict: StrictOption = False,
    site: SiteOption = None,
    store: StoreOption = None,
    excel: ExcelOption = None,
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """List stored events: from when to when something was the case.

    `events find` looks for them in the samples, by conditions of the site
    file or of the command line, and stores them. Their names then narrow other
    verbs: `--during NAME`, or `--during NAME#3` for the third one.

    Examples:
      iiotctl events find --name hot --start 'oven.temperature > 90'
      iiotctl events --from '*-7d'
      iiotctl events --name hot --format json
      iiotctl query "SELECT avg(value) FROM samples" --during hot
    """
    del quiet, verbose, color
    if context.invoked_subcommand is not None:
        return
    from iiotctl import reports
    from iiotctl.history.sql.omission import Omissions
    from iiotctl.ops import events as op
    from iiotctl.ops.history import opened
    from iiotctl.reports.rows import Column, Rows

    root, zone = opened(site, store, timezone, _console.show_event)
    notice = Omissions(_console.show_event)
    found = op.listed(root, notice, name=name, within=op.Within(start, end, zone))
    if format is Format.TABLE:
        table = _told_to_people([(f"{one.frame.event}#{one.number}", one.frame) for one in found], [])
    else:
        columns = [Column("event"), Column("number", "integer"), *_fact_columns(), Column("site")]
        table = Rows(columns, [(one.frame.event, one.number, *_facts(one.frame), one.site) for one in found])
    sheet = _spreadsheet.sheet(excel, zone, root)
    reports.write(table, format.value, output, color=_console.uses_color(sys.stdout), sheet=sheet)
    _console.say(_counted([one.frame for one in found]))
    notice.end(root, strict=strict)


@app.command("find")
def find(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", show_default=False, help="Events that the site file declares; else all."),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", show_default=False, help="Name of an event declared here.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--start", metavar="CONDITION", show_default=False, help="What begins it: 'oven.temperature > 90'."
        ),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option(
            "--end", metavar="CONDITION", show_default=False, help="What ends it; else that --start is false."
        ),
    ] = None,
    for_: Annotated[
        str | None,
        typer.Option("--for", metavar="TIME", show_default=False, help="--start must hold so long, e.g. 10s."),
    ] = None,
    end_for: Annotated[
        str | None, typer.Option("--end-for", metavar="TIME", show_default=False, help="--end must hold so long.")
    ] = None,
    min_duration: Annotated[
        str | None,
        typer.Option("--min-duration", metavar="TIME", show_default=False, help="Shorter ones do not count."),
    ] = None,
    join: Annotated[
        str | None,
        typer.Option("--join", metavar="TIME", show_default=False, help="With less between them: one event."),
    ] = None,
    severity: Annotated[
        str | None,
        typer.Option("--severity", metavar="LEVEL", show_default=False, help="critical, high, medium, low or info."),
    ] = None,
    asset: Annotated[
        str | None, typer.Option("--asset", metavar="ASSET", show_default=False, help="Machine that it is about.")
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(
            "--tag", metavar="TAG", show_default=False, help="Keep its minimum, maximum and mean; repeatable."
        ),
    ] = None,
    begin: FromOption = None,
    until: ToOption = None,
    timezone: TimezoneOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", show_default=False, help="Show what is found; store nothing.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", show_default=False, help="Take back stored ones of the name not found again.")
    ] = False,
    strict: StrictOption = False,
    site: SiteOption = None,
    store: StoreOption = None,
    excel: ExcelOption = None,
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Look for events in the samples, and store those that are new.

    What counts as an event stands under `[[events]]` in the site file, or is
    said here by --name, --start and --end. The same event found again is not
    stored twice; one that lasted gets its end. It runs beside a capture, e.g.
    from cron. Time of Bad quality and gaps neither begins nor ends an event.

    Examples:
      iiotctl events find                     all that the site file declares
      iiotctl events find hot --from '*-1d'
      iiotctl events find --name hot --start 'oven.temperature > 90' \\
          --end 'oven.temperature < 85' --for 10s --dry-run
    """
    del quiet, verbose, color
    from iiotctl import reports
    from iiotctl.history.sql.omission import Omissions
    from iiotctl.ops import events as op
    from iiotctl.ops.history import opened
    from iiotctl.reports.rows import Column, Rows

    flags: dict[str, object] = {"name": name, "start": start, "end": end, "for": for_, "end_for": end_for, "join": join}
    flags |= {"min_duration": min_duration, "severity": severity, "asset": asset, "tags": tag}
    definitions = _definitions(names or [], flags, site)
    root, zone = opened(site, store, timezone, _console.show_event)
    notice = Omissions(_console.show_event)
    outcomes = op.find(
        root, definitions, notice, within=op.Within(begin, until, zone), dry_run=dry_run, replaces=replace
    )
    states = {frame.id: state for outcome in outcomes for state, frame in _states(outcome)}
    found = [frame for outcome in outcomes for frame in outcome.events]
    if format is Format.TABLE:
        table = _told_to_people([(frame.event, frame) for frame in found], [states[frame.id] for frame in found])
    else:
        columns = [Column("event"), *_fact_columns(), Column("state")]
        table = Rows(columns, [(frame.event, *_facts(frame), states[frame.id]) for frame in found])
    sheet = _spreadsheet.sheet(excel, zone, root)
    reports.write(table, format.value, output, color=_console.uses_color(sys.stdout), sheet=sheet)
    for outcome in outcomes:
        _console.say(_told(outcome, dry_run=dry_run))
    notice.end(root, strict=strict)


def _definitions(names: Sequence[str], flags: Mapping[str, object], site: Path | None) -> list[EventDefinition]:
    from iiotctl.ops import events as op
    from iiotctl.ops.site import open_settings

    given = [op.flag(key) for key, value in flags.items() if value]
    if names and given:
        raise UsageError(
            "bad-event",
            f"`{names[0]}` names an event of the site file, and `{given[0]}` declares another one",
            hint="leave one of them out; an event is declared here by `--name`, `--start` and `--end`",
        )
    if given:
        return [op.of_flags(flags)]
    loaded = open_settings(site).loaded
    return op.of_site(loaded.site if loaded else None, names)


def _states(outcome: Outcome) -> list[tuple[str, EventFrame]]:
    changes = outcome.changes
    kinds = (("new", changes.new), ("changed", changes.changed), ("as stored", changes.same))
    return [(state, frame) for state, frames in kinds for frame in frames]


def _time(us: int | None) -> datetime | None:
    from datetime import UTC, datetime, timedelta

    return None if us is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)


def _duration(frame: EventFrame) -> float | None:
    return None if frame.end is None else (frame.end - frame.start) / 1e6


def _told_to_people(events_: Sequence[tuple[str, EventFrame]], states: Sequence[str]) -> Rows:
    """Without what no event has, and what says nothing to people."""
    from iiotctl.reports.rows import Column, Rows

    columns = [
        *(Column("event"), Column("start", "timestamp"), Column("end", "timestamp"), Column("duration", "float", "s")),
        *(Column("severity"), Column("asset"), Column("values")),
        *([Column("state")] if states else []),
    ]
    rows = [_shown(name, frame) for name, frame in events_]
    rows = [(*row, state) for row, state in zip(rows, states, strict=True)] if states else rows
    kept = [
        place
        for place, column in enumerate(columns)
        if column.name not in ("severity", "asset") or any(row[place] for row in rows)
    ]
    return Rows([columns[place] for place in kept], [[row[place] for place in kept] for row in rows])


def _shown(name: str, frame: EventFrame) -> tuple[object, ...]:
    lasts = None if frame.end is not None else "still lasts"
    values = frame.attributes.get("values")
    told = [
        f"{tag} {_plain(figures['min'])} to {_plain(figures['max'])}, mean {_plain(figures['mean'])}"
        for tag, figures in (values if isinstance(values, dict) else {}).items()
        if figures.get("mean") is not None
    ]
    doubts = [
        f"{_plain(frame.attributes['uncertain_s'])} s unknown" if "uncertain_s" in frame.attributes else "",
        "began unseen" if frame.attributes.get("start_known") is False else "",
        "ended unseen" if frame.attributes.get("end_known") is False else "",
    ]
    notes = "; ".join(note for note in (lasts, *told, *doubts) if note)
    return (
        *(name, _time(frame.start), _time(frame.end), _duration(frame)),
        *(frame.severity, frame.asset, notes or None),
    )


def _plain(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _fact_columns() -> list[Column]:
    """For programs: everything."""
    from iiotctl.reports.rows import Column

    return [
        Column("start", "timestamp"),
        Column("end", "timestamp"),
        Column("duration", "float", "s"),
        Column("severity"),
        Column("asset"),
        Column("condition"),
        Column("until"),
        Column("tags", "list"),
        Column("attributes", "struct"),
        Column("detected_at", "timestamp"),
        Column("definition_hash"),
        Column("tool_version"),
        Column("id"),
    ]


def _facts(frame: EventFrame) -> tuple[object, ...]:
    return (
        *(_time(frame.start), _time(frame.end), _duration(frame), frame.severity, frame.asset),
        *(frame.condition, frame.until, list(frame.tags), frame.attributes),
        *(_time(frame.detected_at), frame.definition_hash, frame.tool_version, frame.id),
    )


def _counted(frames: Sequence[EventFrame]) -> str:
    from iiotctl.site.units import format_count

    if not frames:
        return "no events are stored; `iiotctl events find` looks for them in the samples"
    lasting = sum(frame.end is None for frame in frames)
    return format_count(len(frames), "event") + (
        f", {lasting} still last{'s' if lasting == 1 else ''}" if lasting else ""
    )


def _told(outcome: Outcome, *, dry_run: bool) -> str:
    from iiotctl.site.units import format_count

    changes = outcome.changes
    found = f"{outcome.definition.name}: {format_count(len(outcome.events), 'event')}"
    parts = [
        f"{number} {what}"
        for number, what in (
            (len(changes.new), "new"),
            (len(changes.changed), "changed"),
            (len(changes.same), "as stored"),
            (len(changes.withdrawn), "taken back"),
        )
        if number
    ]
    text = found + (f" ({', '.join(parts)})" if parts else "")
    if changes.of_earlier:
        text += f"; {changes.of_earlier} of an earlier definition stay: `--replace` takes them back"
    return text + ("; nothing was stored" if dry_run and changes.rows else "")
