"""Figures of a capture in words and table rows; no terminal control, no rich."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from iiotctl.capture.summary import RingFigures, Summary
    from iiotctl.ops.capture import PlannedSource
    from iiotctl.reports.rows import Rows

_BUSY = 0.8
_LATE_S = 5.0
"""A status is renewed every second."""


def clock(us: int | None = None) -> str:
    """A time of day, UTC."""
    seconds = time.time() if us is None else us / 1e6
    return f"{datetime.fromtimestamp(seconds, UTC):%H:%M:%S}Z"


def moment(us: int) -> str:
    """Date and time, UTC; a dash for none."""
    return f"{datetime.fromtimestamp(us / 1e6, UTC):%Y-%m-%d %H:%M:%S}Z" if us else "-"


def bytes_of(size: float) -> str:
    """A size for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:  # noqa: PLR2004 - decimal prefixes
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def lasting(seconds: float) -> str:
    """A duration for people: `12.3 s`, `4 min 05 s`, `3 h 12 min`."""
    if seconds < 60:  # noqa: PLR2004
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:  # noqa: PLR2004
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def gaps_of(summary: Summary) -> str:
    """Gaps by cause in a few words."""
    from iiotctl.site.units import format_count

    if not summary.gap_count:
        return "no gaps"
    causes = ", ".join(f"{gap.count} {gap.reason}" for gap in summary.gaps)
    return f"{format_count(summary.gap_count, 'gap')} ({causes})"


def closing(summary: Summary, least: Iterable[str] = ()) -> Iterator[str]:
    """The lines at the end of a capture; `least` = about the least complete tags."""
    from iiotctl.site.units import format_count

    yield (
        f"captured {format_count(summary.stored, 'sample')} in {lasting(summary.seconds)}: {bytes_of(summary.bytes)} written, "
        f"{format_count(summary.sealed_files, 'Parquet file')} of {bytes_of(summary.sealed_bytes)} sealed"
    )
    if summary.suppressed:
        yield f"{format_count(summary.suppressed, 'sample')} not stored: within a deadband"
    if summary.rollups:
        yield f"{format_count(summary.rollups, 'roll-up')} stored"
    if summary.rolled_up:
        yield f"{format_count(summary.rolled_up, 'sample')} not stored: in roll-ups instead"
    if summary.redelivered:
        yield f"{format_count(summary.redelivered, 'sample')} not stored again: delivered before, and stored already"
    if summary.ring is not None:
        yield from ring_closing(summary.ring)
    if summary.dropped or summary.waiting:
        yield f"{format_count(summary.dropped + summary.waiting, 'sample')} lost to the disk; the gaps say when"
    if summary.gap_count:
        for gap in summary.gaps:
            yield f"gaps: {gap.count} {gap.reason}, {lasting(gap.seconds)}"
        if summary.whole.percent is not None:
            yield f"complete to {summary.whole.percent:g} % of the tags' time"
        yield from least
    else:
        yield "gaps: none"
    yield f"durable until {moment(summary.durable_until)} in {summary.store}"


def ring_closing(ring: RingFigures) -> Iterator[str]:
    """The lines about the trigger ring at the end of a capture."""
    from iiotctl.site.units import format_count

    yield (
        f"ring: {format_count(ring.kept, 'sample')} of {format_count(ring.tags, 'tag')} stored around triggers; "
        "what lies between was not kept, and is no gap"
    )
    for trigger in ring.triggers:
        last = f", last at {clock(trigger.fired_at)}" if trigger.fired else ""
        yield f"trigger: `{trigger.text}` fired {format_count(trigger.fired, 'time')}{last}"


def ring_line(ring: RingFigures) -> str:
    """The trigger ring now in one line."""
    from iiotctl.site.units import format_count

    fired = sum(trigger.fired for trigger in ring.triggers)
    armed = sum(trigger.armed for trigger in ring.triggers)
    words = f"ring {lasting(ring.held_s)} of {lasting(ring.keep_s)}"
    if ring.reach_s is not None and ring.reach_s < ring.keep_s:
        words += f" (memory for {lasting(ring.reach_s)})"
    words += f", {bytes_of(ring.bytes)} of {bytes_of(ring.memory)}"
    words += f"  {armed} of {format_count(len(ring.triggers), 'trigger')} armed, fired {format_count(fired, 'time')}"
    return f"{words}  KEEPING" if ring.is_open else words


def plan_rows(planned: Sequence[PlannedSource]) -> Rows:
    """Requests of a dry run, a row each."""
    from iiotctl.reports.rows import Column, Rows

    columns = [
        Column("source"),
        Column("endpoint"),
        Column("period", "float", "s"),
        Column("request"),
        Column("registers", "integer"),
        Column("tags", "integer"),
        Column("note"),
    ]
    rows = [
        (item.source, item.endpoint, item.period_s, item.request, item.registers or None, len(item.tags), item.note)
        for source in planned
        for item in source.requests
    ]
    return Rows(columns, rows)


def plan_summary(planned: Iterable[PlannedSource]) -> Iterator[str]:
    """What the requests mean per source and per connection."""
    from iiotctl.site.units import format_count

    loads: dict[str, tuple[float, list[str]]] = {}
    for source in planned:
        registers = sum(item.registers for item in source.requests)
        asks = [item for item in source.requests if not item.request.startswith("listens")]
        words = f"{source.name}: {format_count(source.tags, 'tag')}, "
        words += format_count(len(asks), "request") if asks else "listens and sends nothing"
        words += f", {format_count(registers, 'register')}" if registers else ""
        if source.cycle_s is not None:
            each_ms = source.cycle_s * 1000 / len(source.requests)
            words += f"; a cycle takes about {source.cycle_s * 1000:.0f} ms, a request every {each_ms:.0f} ms"
            place = source.requests[0].endpoint
            load, names = loads.get(place, (0.0, []))
            loads[place] = (load + source.load, [*names, source.name])
        yield words
        yield from _gap_words(source)
    for place, (load, names) in loads.items():
        if load > _BUSY:
            yield (
                f"{place} ({', '.join(names)}) would be busy {100 * load:.0f} % of the time: "
                "lengthen `period`, or raise `max_gap` or `connections`"
            )


def _gap_words(source: PlannedSource) -> Iterator[str]:
    """What `max_gap` saves, and what raising it would save."""
    from iiotctl.site.units import format_count

    advice = source.advice
    if advice is None or source.cycle_s is None:
        return
    planned, without, better = advice.planned, advice.without, advice.better
    if planned.requests < without.requests:
        yield (
            f"{source.name}: `max_gap = {planned.max_gap}` saves {without.requests - planned.requests} of "
            f"{format_count(without.requests, 'request')} and reads {planned.undeclared} addresses that no tag declares"
        )
    if better is not None:
        cycle = source.cycle_s * better.requests / planned.requests
        yield (
            f"{source.name}: `max_gap = {better.max_gap}` would need {format_count(better.requests, 'request')} instead "
            f"of {planned.requests}, a cycle of about {cycle * 1000:.0f} ms, and read {better.undeclared} addresses that "
            "no tag declares; `never_read` holds"
        )


def status_lines(found: dict[str, Any]) -> Iterator[str]:
    """The status file for people."""
    from iiotctl.site.units import format_count

    state = "running" if found["running"] else "stopped"
    if not found["running"] and found["state"] != "stopped":
        state = "ended without saying so (killed, or power lost); the next start recovers what is durable"
    elif found["running"] and found["age_s"] > _LATE_S:
        state = (
            f"running, but its status is not renewed for {lasting(found['age_s'])}: it may hang, or its disk is full"
        )
    yield f"capture   {state}, process {found['pid']}, run {found['run']}"
    yield f"store     {found['store']}"
    yield f"since     {moment(found['started_us'])}, {lasting(found['seconds'])}"
    yield (
        f"samples   {found['stored']} durable until {moment(found['durable_until_us'])}, {found['waiting']} waiting, "
        f"{bytes_of(found['bytes'])}"
    )
    if found.get("ring"):
        yield from _ring_status(found["ring"], running=found["running"])
    if found["blocked"]:
        yield f"BLOCKED   nothing is stored: {found['blocked']}"
    causes = ", ".join(f"{gap['count']} {gap['reason']} ({lasting(gap['seconds'])})" for gap in found["gaps"])
    yield f"gaps      {causes or 'none'}"
    width = max((len(source["name"]) for source in found["sources"]), default=0)
    for source in found["sources"]:
        words = f"source    {source['name']:<{width}}  "
        if found["running"]:
            words += f"{source['state']:<8}  {source['rate']:8.1f}/s  lag {source['lag_s']:.2f} s  "
        else:
            words += format_count(source["samples"], "sample") + "  "
        words += format_count(source["gaps"], "gap")
        if found["running"] and source["failing_tags"]:
            words += f"  {source['failing_tags']} of {source['tags']} tags fail"
        if found["running"] and source["detail"]:
            words += f"  {source['detail']}"
        yield words
    yield from _remarks(found)


def _remarks(found: dict[str, Any]) -> Iterator[str]:
    """Who vouched for what, and the last warnings."""
    for row in found.get("sole_master_confirmed", ())[-3:]:
        yield f"confirmed {clock(row['at_us'])} {row['name']}: no other master on {row['port']}; heard was {row['heard']}"
    for warning in found["warnings"][-3:]:
        yield f"warning   {clock(warning['at_us'])} {placed(warning['text'], warning['source'], warning['tag'])}"


def _ring_status(ring: dict[str, Any], *, running: bool) -> Iterator[str]:
    from iiotctl.capture.summary import RingFigures, TriggerFigures
    from iiotctl.site.units import format_count

    figures = RingFigures(**{**ring, "triggers": tuple(TriggerFigures(**one) for one in ring["triggers"])})
    if running:
        yield f"ring      {ring_line(figures).removeprefix('ring ')}"
    for trigger in figures.triggers:
        state = ("armed  " if trigger.armed else "fired  ") if running else ""
        last = f", last {moment(trigger.fired_at)}" if trigger.fired else ""
        yield f"trigger   {state}{trigger.text}  {format_count(trigger.fired, 'time')}{last}"


def placed(text: str, source: str, tag: str) -> str:
    """A text with the name of what it is about before it: of the tag, else of the source, and only if it is not in it."""
    name = tag or source
    return text if not name or f"`{name}`" in text or f"`{name}." in text else f"{name}: {text}"
