"""The trend of one tag as a page draws it: smallest, middle and largest of equal stretches, with limits and findings.

Once for uPlot, once as an SVG that needs no script (print, mail, a locked-down browser).
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, Final

from iiotctl.reports.plots import axis, digits
from iiotctl.reports.values import harmless

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.checks.features.columns import Features
    from iiotctl.checks.tagdata import TagData
    from iiotctl.findings import Finding

CELLS: Final = 2500
"""Of a whole trend: zooming in finds more than the screen shows."""
_STILL: Final = 400
_WIDTH: Final = 900
_HEIGHT: Final = 170
_LEFT: Final = 70
_FOOT: Final = 22
_DIGITS: Final = 7
_LEAST_US: Final = 1_800_000_000
"""Before and behind a finding, seen in full."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A tag's trend.

    Attributes:
        data: the tag.
        start, end: µs UTC.
        spans: findings as (start, end, class of the state), µs UTC.
    """

    data: TagData
    start: int
    end: int
    spans: tuple[tuple[int, int, str], ...]


def chart(data: TagData, findings: Sequence[Finding], start: int, end: int) -> Chart | None:
    """The trend of a tag between two instants, its findings marked; None where nothing came."""
    import numpy as np

    part = data.features.between(start, end)
    if not len(part) or "median" not in part.columns or not np.isfinite(part["median"]).any():
        return None
    spans = [
        (max(one.start, start), end if one.end is None else min(one.end, end), str(one.ne107 or "none"))
        for one in findings
        if one.start is not None and one.start < end and (one.end is None or one.end > start)
    ]
    return Chart(data, part.start, part.end, tuple(spans))


def limits(data: TagData) -> list[tuple[str, float]]:
    """Lines across a trend: what the learning period reached, and the limits of the site file."""
    found = []
    if data.baseline is not None:
        found = [
            ("learnt lowest", data.baseline.quantile("min", 0.001)),
            ("learnt highest", data.baseline.quantile("max", 0.999)),
        ]
    found += [(name.replace("_", " "), value) for name, value in data.info.limits.items()]
    return [(name, value) for name, value in found if math.isfinite(value)]


def document(found: Chart) -> dict[str, Any]:
    """What the script of the page needs."""
    at, low, middle, high = _cells(found, CELLS)
    return {
        "x": [_short(t / 1e6, 14) for t in at],
        "y": [[_short(v) for v in column.tolist()] for column in (low, middle, high)],
        "unit": harmless(found.data.info.unit),
        "limits": [[name, _short(value)] for name, value in limits(found.data)],
        "spans": [[begin / 1e6, over / 1e6, kind] for begin, over, kind in found.spans],
    }


def _short(value: float, figures: int = _DIGITS) -> float | None:
    return float(f"{value:.{figures}g}") if math.isfinite(value) else None


def _cells(found: Chart, most: int) -> tuple[list[int], Any, Any, Any]:
    """Time of the middle and smallest, mean of medians, largest of each cell; NaN where nothing came."""
    import numpy as np

    part = found.data.features.between(found.start, found.end)
    count = min(most, len(part))
    begins = np.union1d(np.arange(count) * len(part) // count, _fine(found, part, most))
    with np.errstate(invalid="ignore"):
        known = np.isfinite(part["median"])
        weight = np.add.reduceat(known.astype(np.float64), begins)
        total = np.add.reduceat(np.where(known, part["median"], 0.0), begins)
        middle = np.where(weight > 0, total / np.maximum(weight, 1), np.nan)
        low, high = np.fmin.reduceat(part["min"], begins), np.fmax.reduceat(part["max"], begins)
    lengths = np.diff(np.append(begins, len(part)))
    at = part.start + (2 * begins + lengths) * part.window // 2
    return at.tolist(), low, middle, high


def _fine(found: Chart, part: Features, most: int) -> npt.NDArray[np.int64]:
    """Every window around the findings, the first ones first, as long as there is room."""
    import numpy as np

    wanted: list[npt.NDArray[np.int64]] = [np.empty(0, np.int64)]
    for start, end, _ in found.spans:
        margin = max(end - start, _LEAST_US)
        rows = np.arange(max(part.row_of(start - margin), 0), min(part.row_of(end + margin) + 1, len(part)))
        if sum(map(len, wanted)) + len(rows) <= most:
            wanted.append(rows)
    return np.concatenate(wanted)


def svg(found: Chart, zone: tzinfo) -> str:
    """A still picture; colours come from the page's style sheet."""
    import numpy as np

    at, low, middle, high = _cells(found, _STILL)
    lines = limits(found.data)
    bottom, top = _range(low, high, [value for _, value in lines])
    x = (np.array(at) - found.start) / (found.end - found.start) * (_WIDTH - _LEFT) + _LEFT

    def height(value: npt.NDArray[np.float64] | float) -> Any:
        return _HEIGHT * (1 - (value - bottom) / (top - bottom))

    parts = [
        f'<rect class="span s{kind}" x="{_place(found, begin):.1f}" y="0" height="{_HEIGHT}" '
        f'width="{max(_place(found, over) - _place(found, begin), 1.5):.1f}"/>'
        for begin, over, kind in found.spans
    ]
    for value, text in axis.value_ticks(bottom, top, 5):
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH}" y1="{height(value):.1f}" y2="{height(value):.1f}"/>'
        )
        parts.append(f'<text class="mark end" x="{_LEFT - 6}" y="{height(value) + 4:.1f}">{html.escape(text)}</text>')
    for tick in axis.time_ticks(found.start, found.end, zone, 8):
        where = _place(found, tick.at)
        parts.append(f'<line class="grid" x1="{where:.1f}" x2="{where:.1f}" y1="0" y2="{_HEIGHT}"/>')
        label = html.escape(f"{tick.text} {tick.day}".strip())
        parts.append(f'<text class="mark" x="{where + 2:.1f}" y="{_HEIGHT + 15}">{label}</text>')
    for name, value in lines:
        if bottom <= value <= top:
            parts.append(
                f'<line class="limit" x1="{_LEFT}" x2="{_WIDTH}" y1="{height(value):.1f}" y2="{height(value):.1f}"/>'
            )
            parts.append(
                f'<text class="mark end" x="{_WIDTH - 4}" y="{height(value) - 3:.1f}">{html.escape(harmless(name))}</text>'
            )
    for first, stop in _stretches(np.isfinite(middle)):
        piece = slice(first, stop)
        up = [f"{a:.1f},{b:.1f}" for a, b in zip(x[piece], height(high[piece]), strict=True)]
        down = [f"{a:.1f},{b:.1f}" for a, b in zip(x[piece], height(low[piece]), strict=True)]
        line = [f"{a:.1f},{b:.1f}" for a, b in zip(x[piece], height(middle[piece]), strict=True)]
        parts.append(f'<path class="band" d="M{" ".join(up + down[::-1])}Z"/>')
        parts.append(f'<path class="line" d="M{" ".join(line)}"/>')
    return f'<svg class="still" viewBox="0 -6 {_WIDTH} {_HEIGHT + _FOOT + 6}" role="img">{"".join(parts)}</svg>'


def _place(found: Chart, us: int) -> float:
    return (us - found.start) / (found.end - found.start) * (_WIDTH - _LEFT) + _LEFT


def _range(low: Any, high: Any, lines: Sequence[float]) -> tuple[float, float]:
    """The axis: all values, and limits that are not farther off than the values reach."""
    import numpy as np

    most = 8e307
    bottom = max(float(np.nanmin(low)), -most)
    top = min(float(np.nanmax(high)), most)
    span = (top - bottom) or abs(top) or 1.0
    near = [value for value in lines if bottom - span <= value <= top + span]
    bottom, top = min([bottom, *near]), max([top, *near])
    pad = (top - bottom) * 0.05 or abs(top) * 0.05 or 1.0
    return bottom - pad, top + pad


def _stretches(known: Any) -> list[tuple[int, int]]:
    import numpy as np

    edges = np.flatnonzero(np.diff(np.concatenate([[0], known.astype(np.int8), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def figure(value: float, unit: str) -> str:
    """A number with its unit, for a page."""
    return f"{digits.number(float(f'{value:.5g}'))} {unit}".strip()
