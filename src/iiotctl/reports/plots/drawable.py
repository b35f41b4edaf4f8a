"""What can be drawn: not too much, not nothing, and what a tag still is although it has said nothing new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import tzinfo
from typing import TYPE_CHECKING, Final

from iiotctl.errors import IncompleteError, UsageError
from iiotctl.history.time.times import Range
from iiotctl.reports.plots import axis, scene

if TYPE_CHECKING:
    from iiotctl.history.tagfacts import TagFacts
    from iiotctl.history.trenddata import Trace, TrendData

MOST_TAGS: Final = 24
MOST_PANELS: Final = 12
MOST_NAMED: Final = 3
"""Tags in an error about all of them."""


def check_count(tags: Sequence[TagFacts]) -> None:
    """Refuse what no drawing can show, before work that takes long.

    Raises:
        UsageError: `too-many-tags`.
    """
    count = len({scene.kind(facts, stepped=facts.stepped) for facts in tags})
    if len(tags) <= MOST_TAGS and count <= MOST_PANELS:
        return
    raise UsageError(
        "too-many-tags",
        f"{len(tags)} tags of {count} units match; one drawing shows {MOST_TAGS} tags and {MOST_PANELS} units at most",
        where="TAG",
        hint="name fewer of them, or take rows: `--format csv`",
    )


def held(data: TrendData) -> TrendData:
    """The same with the last value of tags that are stored by exception held as long as the store was fed.

    Their source tells only changes, and when it cannot be asked there is a gap; of other tags silence says nothing.
    """
    until = data.alive
    return (
        data if until is None else replace(data, traces=[_held(trace, min(until, data.end)) for trace in data.traces])
    )


def _held(trace: Trace, until: int) -> Trace:
    import numpy as np

    if not waits(trace, until) or any(start >= trace.ts[-1] for start, _, _ in trace.gaps):
        return trace
    return replace(
        trace,
        ts=np.append(trace.ts, until),
        value=np.append(trace.value, trace.value[-1]),
        quality=np.append(trace.quality, trace.quality[-1]),
        text=None if trace.text is None else np.append(trace.text, trace.text[-1]),
    )


def waits(trace: Trace, until: int) -> bool:
    """Whether a trace is of a tag that is silent until it changes, and has been so before that instant."""
    return trace.facts.mode == "exception" and trace.ts.size > 0 and bool(trace.ts[-1] < until)


def check_something(data: TrendData) -> None:
    """Refuse to draw an empty frame.

    Raises:
        IncompleteError: `no-samples`; it names the nearest sample, which the data holds beside the range.
    """
    if any(
        trace.count or scene.clipped(*line, data.start, data.end)[0].size
        for trace in data.traces
        for line in _all(trace)
    ):
        return
    raise nothing(
        [trace.facts.tag for trace in data.traces],
        Range(data.start, data.end),
        data.zone,
        last=max((int(at) for trace in data.traces for at in trace.ts if at < data.start), default=None),
        next_=min((int(at) for trace in data.traces for at in trace.ts if at >= data.end), default=None),
        reasons=sorted({reason for _, _, reason, _ in scene.gap_list(data)}),
    )


def nothing(
    tags: Sequence[str],
    within: Range,
    zone: tzinfo,
    *,
    last: int | None,
    next_: int | None,
    reasons: Sequence[str],
    during: str | None = None,
) -> IncompleteError:
    """The error `no-samples`.

    Args:
        tags: that have no samples.
        within: where.
        zone: of the times in its words.
        last: the last sample before it, µs UTC.
        next_: the first one after it.
        reasons: of gaps in it.
        during: only while an event of this name lasted.
    """
    names = " ".join(f"`{tag}`" for tag in tags[:MOST_NAMED]) + (" …" if len(tags) > MOST_NAMED else "")
    near = [f"the last one before it is of {axis.moment_text(last, zone)}"] if last is not None else []
    near += [f"the first one after it of {axis.moment_text(next_, zone)}"] if next_ is not None else []
    why = [f"a gap: {', '.join(reasons)}"] if reasons else []
    while_ = f" during `{during}`" if during else ""
    return IncompleteError(
        "no-samples",
        f"there are no samples of {names}{while_}{_when(within, zone)}",
        cause="; ".join(near + why) or None,
        hint="widen the range, e.g. `--from '*-7d'`; `iiotctl last` shows when each tag was stored last",
    )


def _when(within: Range, zone: tzinfo) -> str:
    start, end = within.start, within.end
    if start is not None and end is not None:
        return f" from {axis.span_text(start, end, zone)}"
    if start is not None:
        return f" from {axis.moment_text(start, zone)} {axis.zone_name(start, start, zone)} on"
    return "" if end is None else f" before {axis.moment_text(end, zone)} {axis.zone_name(end, end, zone)}"


def _all(trace: Trace) -> list[tuple[scene.Ints, scene.Floats]]:
    return scene.stretches(trace) or [(trace.ts[:0], trace.value[:0])]
