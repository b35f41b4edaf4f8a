"""What a drawing of trends consists of, whatever draws it: panels, stretches of line, quality along the time, figures.

Nothing here knows a terminal or a picture; arrays in, arrays out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from iiotctl import quality
from iiotctl.reports.plots import digits
from iiotctl.reports.values import harmless

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.history.tagfacts import TagFacts
    from iiotctl.history.trenddata import Trace, TrendData

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

_MOST_WITH_LIMITS: Final = 2
_LONGEST: Final = 24
"""Letters of a unit along an axis, and of a text among figures."""
MARGIN: Final = 0.05
"""Of the range of values, above and below."""
_MOST: Final = 8e307
"""The end of the longest axis: from its negative to it, with margins, is still a double."""


class Mark(IntEnum):
    """What holds for a stretch of time; of several in one place the greatest is shown."""

    NOTHING = -1
    GOOD = 0
    UNCERTAIN = 1
    BAD = 2
    GAP = 3


@dataclass(frozen=True, slots=True)
class Panel:
    """Traces that share an axis of values.

    Attributes:
        unit: of all of them, or "".
        traces: with their place in the whole drawing, from which come letter and colour.
        low: lower end of the axis.
        high: upper end, above `low`.
        states: texts of values, where the traces are states.
    """

    unit: str
    traces: tuple[tuple[int, Trace], ...]
    low: float
    high: float
    states: dict[float, str]


@dataclass(frozen=True, slots=True)
class Figures:
    """One line about a trace.

    Attributes:
        low: smallest usable value, None when there is none.
        high: largest.
        last: the newest, which may be a text.
        last_ts: its time, µs UTC.
        good_percent: share of the range in which there was a Good number.
    """

    low: float | None
    high: float | None
    last: float | str | None
    last_ts: int | None
    good_percent: float


def letter(place: int) -> str:
    """What names a trace in a drawing without colours: A to Z, then a to z."""
    return "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[place % 52]


def panels(data: TrendData) -> list[Panel]:
    """Traces by unit in the order given; states with texts only beside those with the same texts."""
    groups: dict[object, list[tuple[int, Trace]]] = {}
    for place, trace in enumerate(data.traces):
        groups.setdefault(kind(trace.facts, stepped=trace.stepped), []).append((place, trace))
    return [_panel(tuple(traces)) for traces in groups.values()]


def kind(facts: TagFacts, *, stepped: bool) -> object:
    """What tags must have in common to share an axis."""
    return facts.unit, bool(facts.unit) or stepped, tuple(sorted((facts.enum or {}).items()))


def states(trace: Trace) -> dict[float, str]:
    """Texts of the values of a state."""
    return {float(value): text for value, text in (trace.facts.enum or {}).items()}


def limits(traces: Sequence[tuple[int, Trace]]) -> list[tuple[int, str, float]]:
    """Limits that a panel of these traces shows, as (place of the trace, name, value).

    Of more than two tags it shows none: nobody could tell whose they are.
    """
    if len(traces) > _MOST_WITH_LIMITS:
        return []
    found = []
    for place, trace in traces:
        facts = trace.facts
        named = (("low_low", facts.low_low), ("low", facts.low), ("high", facts.high), ("high_high", facts.high_high))
        found += [(place, name, value) for name, value in named if value is not None]
    return found


def words(trace: Trace, found: Figures) -> tuple[str, str, str]:
    """Smallest, largest and newest value in words."""
    span = (found.high or 0.0) / 2 - (found.low or 0.0) / 2  # halves: the whole may be no double
    low, high, last = (worded(trace, value, 2 * span) for value in (found.low, found.high, found.last))
    return low, high, last


def samples_text(trace: Trace) -> str:
    """How many samples a trace has, and how many of them are texts; interpolated values are neither."""
    return f"{trace.count:,}" + (
        f" ({trace.texts:,} text{'s' if trace.texts > 1 else ''})" if 0 < trace.texts <= trace.count else ""
    )


def unit_text(panel: Panel) -> str:
    """The unit beside the axis of a panel, as long as there is room."""
    return _cut(harmless(panel.unit))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def worded(trace: Trace, value: float | str | None, span: float = 0.0) -> str:
    """A value in words among values that lie `span` apart: the text of a state, else a number; "" without one."""
    if value is None:
        return ""
    if isinstance(value, str):
        return _cut(harmless(value))
    return harmless(states(trace).get(value, "")) or digits.number(value, span)


def _panel(traces: tuple[tuple[int, Trace], ...]) -> Panel:
    import numpy as np

    texts = states(traces[0][1])
    usable = [trace.value[usable_at(trace)] for _, trace in traces]
    values = np.concatenate([*usable, np.array(list(texts))])
    # a value that no axis can hold must not take the others with it
    fitting = values[np.abs(values) < _MOST]
    values = fitting if fitting.size else np.clip(values, -_MOST, _MOST)
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    near = [value for _, _, value in limits(traces) if _is_near(value, low, high)]
    low, high = min([low, *near]), max([high, *near])
    pad = (high - low) * MARGIN or abs(low) * MARGIN or 1.0
    return Panel(traces[0][1].facts.unit, traces, low - pad, high + pad, texts)


def heights(panel: Panel, values: Floats) -> Floats:
    """Where values stand on the axis of a panel: 0 at its lower end, 1 at the upper one, and those beyond at these ends."""
    import numpy as np

    with np.errstate(over="ignore", under="ignore"):
        return np.clip((values - panel.low) / (panel.high - panel.low), 0.0, 1.0)


def height(panel: Panel, value: float) -> float:
    """See `heights`."""
    import numpy as np

    return float(heights(panel, np.array([value]))[0])


def _is_near(limit: float, low: float, high: float) -> bool:
    """Whether a limit is worth the room it takes: no farther off than the values reach from end to end."""
    span = (high - low) or abs(low) or 1.0
    return low - span <= limit <= high + span


def usable_at(trace: Trace) -> npt.NDArray[np.bool_]:
    """Where there is a value to draw: a number that is not Bad."""
    import numpy as np

    return np.isfinite(trace.value) & (trace.quality < quality.BAD)


def stretches(trace: Trace, *, corners: bool = True) -> list[tuple[Ints, Floats]]:
    """Lines to draw, each without a hole: none goes across a gap or a Bad sample.

    A stepped trace holds up to where the hole begins, and comes with its corners unless told otherwise.
    """
    import numpy as np

    usable = usable_at(trace)
    starts = np.array(sorted(start for start, _, _ in trace.gaps), np.int64)
    # a gap that begins after a sample and before the next one cuts between them
    cut = np.zeros(trace.ts.size + 1, bool)
    cut[np.searchsorted(trace.ts, starts, side="right")] = True
    first = usable & (~np.concatenate([[False], usable[:-1]]) | cut[:-1])
    last = usable & np.concatenate([~usable[1:] | first[1:], [True]])[: usable.size]
    found = []
    for begin, final in zip(np.flatnonzero(first), np.flatnonzero(last), strict=True):
        ts, value = trace.ts[begin : final + 1], trace.value[begin : final + 1]
        if trace.stepped:
            until = _hole(trace, int(final) + 1, starts)
            if until is not None and until > ts[-1]:
                ts, value = np.append(ts, until), np.append(value, value[-1])
            if corners:
                ts, value = np.repeat(ts, 2)[1:], np.repeat(value, 2)[:-1]
        found.append((ts, value))
    return found


def clipped(ts: Ints, value: Floats, start: int, end: int) -> tuple[Ints, Floats]:
    """The part of a stretch within [start, end], cut where its line crosses them; empty when there is none."""
    import numpy as np

    if not ts.size or ts[-1] < start or ts[0] > end:
        return ts[:0], value[:0]
    low, high = np.searchsorted(ts, start, side="left"), np.searchsorted(ts, end, side="right")
    head = [start] if low > 0 and (low == ts.size or ts[low] > start) else []
    tail = [end] if high < ts.size and (high == 0 or ts[high - 1] < end) else []
    if head or tail:
        edges = np.interp(np.array(head + tail) - start, ts - start, value)
        inner = slice(low, high)
        value = np.concatenate([edges[: len(head)], value[inner], edges[len(head) :]])
        return np.concatenate([np.array(head, np.int64), ts[inner], np.array(tail, np.int64)]), value
    return ts[low:high], value[low:high]


def thinned(ts: Ints, value: Floats, start: int, end: int, count: int) -> tuple[Ints, Floats]:
    """First, smallest, largest and last of each of `count` parts of [start, end): looks the same where a part is a pixel."""
    import numpy as np

    if ts.size <= 4 * count:
        return ts, value
    part = (ts - start) * count // max(end - start, 1)
    begins = np.concatenate([[0], np.flatnonzero(np.diff(part)) + 1])
    lasts = np.append(begins[1:], ts.size) - 1
    order = np.lexsort((value, part))  # within a part from the smallest to the largest
    chosen = np.unique(np.concatenate([begins, lasts, order[begins], order[lasts]]))
    return ts[chosen], value[chosen]


def _hole(trace: Trace, end: int, starts: Ints) -> int | None:
    """When the hole begins that ends a stretch; None when nothing is known after it."""
    import numpy as np

    after = int(np.searchsorted(starts, trace.ts[end - 1], side="left"))
    candidates = [int(starts[after])] if after < starts.size else []
    candidates += [int(trace.ts[end])] if end < trace.ts.size else []
    return min(candidates, default=None)


def statuses(trace: Trace, start: int, end: int) -> list[tuple[int, int, int]]:
    """Stretches of one status code within [start, end]: each holds until a sample says another.

    The last one holds for a period of the tag: what comes after nobody knows.

    Returns:
        (start, end, code) in µs UTC by start.
    """
    import numpy as np

    if not trace.ts.size:
        return []
    change = np.flatnonzero(np.diff(trace.quality)) + 1
    begins = np.concatenate([[0], change])
    ends = np.append(trace.ts[change], trace.ts[-1] + max(round(1e6 * (trace.facts.period or 0)), 1))
    found = [
        (max(int(trace.ts[begin]), start), min(int(stop), end), int(trace.quality[begin]))
        for begin, stop in zip(begins, ends, strict=True)
    ]
    return [(low, high, code) for low, high, code in found if low <= high]


def marks(trace: Trace, start: int, end: int) -> list[tuple[int, int, Mark]]:
    """Stretches of one kind of quality in [start, end], by start, and then the gaps, which lie over them."""
    found: list[tuple[int, int, Mark]] = []
    for low, high, code in statuses(trace, start, end):
        mark = Mark(int(quality.severity(code)))
        if found and found[-1][2] is mark and found[-1][1] == low:
            low = found.pop()[0]  # noqa: PLW2901 - one stretch with the one before
        found.append((low, high, mark))
    return found + gaps(trace, start, end)


def gaps(trace: Trace, start: int, end: int) -> list[tuple[int, int, Mark]]:
    """The gaps of a trace cut to [start, end)."""
    return sorted(
        (max(low, start), min(high, end), Mark.GAP) for low, high, _ in trace.gaps if low < end and high > start
    )


def gap_list(data: TrendData) -> list[tuple[int, int, str, str]]:
    """The gaps of all traces by start: (start, end, reason, letters of the traces); one of a whole source stands once."""
    found: dict[tuple[int, int, str], str] = {}
    for place, trace in enumerate(data.traces):
        for low, high, reason in trace.gaps:
            key = (max(low, data.start), min(high, data.end), reason)
            if key[0] < key[1]:
                found[key] = found.get(key, "") + letter(place)
    return [(*key, letters) for key, letters in sorted(found.items())]


def cells(trace: Trace, start: int, end: int, count: int) -> list[Mark]:
    """The worst that holds in each of `count` equal parts of [start, end)."""
    row = [Mark.NOTHING] * count
    for low, high, mark in marks(trace, start, end):
        first = min((low - start) * count // (end - start), count - 1)
        last = min(max((high - start) * count - 1, 0) // (end - start), count - 1)
        for column in range(first, max(first, last) + 1):
            row[column] = max(row[column], mark)
    return row


def strips(trace: Trace, start: int, end: int, count: int) -> list[tuple[int, int, Mark]]:
    """`cells` with equal neighbours as one: (start, end, mark) in µs UTC, without those that hold nothing."""
    row = cells(trace, start, end, count)
    changes = [0, *(at for at in range(1, count) if row[at] is not row[at - 1]), count]
    edges = [start + (end - start) * at // count for at in changes]
    found = zip(edges, edges[1:], (row[at] for at in changes[:-1]), strict=False)
    return [span for span in found if span[2] is not Mark.NOTHING]


def figures(trace: Trace, start: int, end: int) -> Figures:
    """Smallest, largest and newest value within [start, end), and how much of it was Good."""
    import numpy as np

    within = (trace.ts >= start) & (trace.ts < end)
    usable = usable_at(trace)
    blank = ~usable & (trace.quality < quality.BAD)
    values = trace.value[usable & within]
    spans = marks(trace, start, end)
    good = [(low, high) for low, high, mark in spans if mark is Mark.GOOD]
    holes = [(low, high) for low, high, mark in spans if mark is Mark.GAP]
    # a text holds until the next sample, and is no number
    rows = np.flatnonzero(blank)
    holes += zip(trace.ts[rows].tolist(), np.append(trace.ts[1:], end)[rows].tolist(), strict=True)
    length = _length(good) - _length(_common(good, _covered(holes)))
    percent = 100.0 * length / (end - start) if end > start else 0.0
    texts = np.zeros(len(usable), bool) if trace.text is None else blank & (trace.text != None)  # noqa: E711 - each
    known = np.flatnonzero((usable | texts) & within)
    last = int(known[-1]) if known.size else None
    return Figures(
        float(values.min()) if values.size else None,
        float(values.max()) if values.size else None,
        None
        if last is None
        else str(trace.text[last])
        if texts[last] and trace.text is not None
        else float(trace.value[last]),
        None if last is None else int(trace.ts[last]),
        percent,
    )


def _covered(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same times without overlaps."""
    found: list[tuple[int, int]] = []
    for low, high in sorted(spans):
        if found and low <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    return found


def _common(one: Sequence[tuple[int, int]], other: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Both by start and without overlaps."""
    found, place = [], 0
    for low, high in one:
        while place < len(other) and other[place][1] <= low:
            place += 1
        at = place
        while at < len(other) and other[at][0] < high:
            found.append((max(low, other[at][0]), min(high, other[at][1])))
            at += 1
    return found


def _length(spans: Sequence[tuple[int, int]]) -> int:
    return sum(high - low for low, high in spans)
