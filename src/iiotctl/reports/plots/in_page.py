"""Trends as one HTML file that needs nothing else: uPlot and the data inside, a still picture for print and without scripts.

Everything that comes from data is escaped: in HTML by `html.escape`, inside the script by JSON without `<`, `>` and `&`.
"""

from __future__ import annotations

import html
import json
import math
import sys
from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from iiotctl import quality
from iiotctl.reports.plots import axis, digits, in_picture, scene
from iiotctl.reports.values import harmless
from iiotctl.site.units import format_duration

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.history.trenddata import Trace, TrendData
    from iiotctl.reports.plots.scene import Panel

POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
_PARTS: Final = 2500
"""Of the range; each keeps first, smallest, largest and last, so that zooming in finds more than the screen shows."""
_SHORT: Final = 9
"""Digits that name a single."""
_MOST_GAPS: Final = 200
_BUTTONS: Final = (
    ("all", "whole range"),
    ("earlier", "◀ earlier"),
    ("later", "later ▶"),
    ("closer", "+ closer"),
    ("wider", "- wider"),
)
_KEY: Final = (("good", "Good"), ("half", "Uncertain"), ("bad", "Bad"), ("gap", "gap"), ("", "no data"))


def page(data: TrendData) -> str:
    """The document."""
    title = harmless(", ".join(trace.facts.tag for trace in data.traces[:3]) + (" …" if len(data.traces) > 3 else ""))  # noqa: PLR2004
    stills = [in_picture.svg(data, in_picture.Size(1000), [panel]).decode() for panel in scene.panels(data)]
    still = "".join(f'<div class="still">{picture[picture.index("<svg") :]}</div>' for picture in stills)
    buttons = "".join(f'<button type="button" data-act="{act}">{text}</button>' for act, text in _BUTTONS)
    key = "".join(f'<span><i class="{name}"></i>{text}</span>' for name, text in _KEY)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<style>{resource("vendor/uPlot.min.css")}</style>
<style>{resource("page/trend.css")}</style>
<noscript><style>.live {{ display: none }} .still {{ display: block }}</style></noscript>
</head>
<body>
<h1>{html.escape(title)}</h1>
<p>{html.escape(axis.span_text(data.start, data.end, data.zone))}</p>
<div class="live">
<div class="bar">{buttons}<span>drag to zoom, double-click for the whole range</span></div>
<div id="charts"></div>
<div class="key">quality: {key}</div>
</div>
{still}
<h2>Figures</h2>
<div class="wide">{_figures(data)}</div>
{_gaps(data)}
<script type="application/json" id="data">{inert(_document(data))}</script>
<script>{resource("vendor/uPlot.iife.min.js")}</script>
<script>{resource("page/clock.js")}</script>
<script>{resource("page/trend.js")}</script>
</body>
</html>
"""


def resource(path: str) -> str:
    """A file beside this module that becomes part of a page."""
    return files(__package__).joinpath(path).read_text(encoding="utf-8").strip()


def inert(document: object) -> str:
    """JSON in which nothing can end a script element."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def _document(data: TrendData) -> dict[str, Any]:
    panels = scene.panels(data)
    traces = [[_trace(data, place, order, trace) for order, (place, trace) in enumerate(p.traces)] for p in panels]
    codes = {code for group in traces for trace in group for _, _, code in trace["runs"]}
    return {
        "start": data.start / 1e6,
        "end": data.end / 1e6,
        "offsets": [(at / 1e6, ahead) for at, ahead in axis.offsets(data.start, data.end, data.zone)],
        "names": {str(code): quality.name(code) for code in sorted(codes)},
        "dashes": in_picture.DASHES,
        "panels": [_panel(panel, group) for panel, group in zip(panels, traces, strict=True)],
    }


def _panel(panel: Panel, traces: list[dict[str, Any]]) -> dict[str, Any]:
    several = len(panel.traces) > 1
    return {
        "unit": scene.unit_text(panel),
        "marks": [text for _, text in axis.value_ticks(panel.low, panel.high, 6)],
        "low": panel.low,
        "high": panel.high,
        "states": [(value, harmless(text)) for value, text in sorted(panel.states.items())],
        "limits": [
            (f"{scene.letter(place)} " * several + f"{name.replace('_', ' ')} {digits.number(value)}", value)
            for place, name, value in scene.limits(panel.traces)
        ],
        "holes": sorted({tuple(gap) for trace in traces for gap in trace["gaps"]}),
        "traces": traces,
    }


def _trace(data: TrendData, place: int, order: int, trace: Trace) -> dict[str, Any]:
    found = scene.figures(trace, data.start, data.end)
    told = _digits(found)
    x, y = _line(data, trace, max(_SHORT, told))
    start, end = data.start, data.end
    return {
        "letter": scene.letter(place),
        "tag": harmless(trace.facts.tag),
        "unit": harmless(trace.facts.unit),
        "color": place % len(in_picture.COLORS),
        "digits": told,
        "dash": order % len(in_picture.DASHES),
        "stepped": trace.stepped,
        "states": {f"{value:.15g}": harmless(text) for value, text in scene.states(trace).items()} or None,
        "x": x,
        "y": y,
        "runs": [(low / 1e6, high / 1e6, code) for low, high, code in scene.statuses(trace, start, end)],
        "gaps": [
            (max(low, start) / 1e6, min(high, end) / 1e6, harmless(reason))
            for low, high, reason in trace.gaps
            if low < end and high > start
        ],
    }


def _digits(found: scene.Figures) -> int:
    """Significant digits that tell the values of a trace apart."""
    if found.low is None or found.high is None:
        return 1
    span = min(found.high / 2 - found.low / 2, sys.float_info.max / 2) * 2
    return max(digits.needed(found.low, span), digits.needed(found.high, span))


def _line(data: TrendData, trace: Trace, told: int) -> tuple[list[float], list[float | None]]:
    """Times in seconds and values, with a null where a hole begins."""
    x: list[float] = []
    y: list[float | None] = []
    for ts, value in scene.stretches(trace, corners=False):
        cut = _held if trace.stepped else scene.clipped
        ts, value = cut(ts, value, data.start, data.end)  # noqa: PLW2901 - the same line, narrower
        ts, value = scene.thinned(ts, value, data.start, data.end, _PARTS)  # noqa: PLW2901
        if ts.size:
            x += [*(ts / 1e6).tolist(), (int(ts[-1]) + 1) / 1e6]
            y += [*(_short(each, told) for each in value.tolist()), None]
    return x, y


def _held(
    ts: npt.NDArray[np.int64], value: npt.NDArray[np.float64], start: int, end: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The part of a stepped stretch within [start, end]; it begins with the value that holds at the start."""
    import numpy as np

    first = max(int(np.searchsorted(ts, start, side="right")) - 1, 0)
    last = int(np.searchsorted(ts, end, side="right"))
    ts, value = ts[first:last], value[first:last]
    return (np.maximum(ts, start), value) if ts.size and (ts[-1] >= start) else (ts[:0], value[:0])


def _short(value: float, told: int) -> float:
    """As many digits as anybody sees."""
    return float(f"{value:.{told}g}") if math.isfinite(value) else value


def _table(head: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]]) -> str:
    """HTML of texts, escaped here; `head` = (title, class) of each column."""
    titles = "".join(f'<th class="{kind}">{html.escape(title)}</th>' for title, kind in head)
    lines = (
        "".join(f'<td class="{kind}">{html.escape(cell)}</td>' for cell, (_, kind) in zip(row, head, strict=True))
        for row in rows
    )
    return f"<table><tr>{titles}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _figures(data: TrendData) -> str:
    head = [("", ""), ("tag", "t"), ("description", "t"), ("unit", "u")]
    head += [(title, "n") for title in ("min", "max", "last")]
    head += [("at", ""), ("good", "n"), ("samples", "n")]
    rows = []
    for place, trace in enumerate(data.traces):
        found = scene.figures(trace, data.start, data.end)
        rows.append(
            (
                scene.letter(place),
                harmless(trace.facts.tag),
                harmless(trace.facts.description),
                harmless(trace.facts.unit),
                *scene.words(trace, found),
                "" if found.last_ts is None else axis.moment_text(found.last_ts, data.zone),
                digits.percent(found.good_percent),
                scene.samples_text(trace),
            )
        )
    return _table(head, rows)


def _gaps(data: TrendData) -> str:
    found = scene.gap_list(data)
    if not found:
        return "<p>No gaps in this range.</p>"
    head = [("tags", ""), ("from", ""), ("to", ""), ("duration", "n"), ("reason", "t")]
    rows = [
        (
            letters,
            axis.moment_text(low, data.zone),
            axis.moment_text(high, data.zone),
            format_duration(round((high - low) / 1e6, 3)),
            harmless(reason),
        )
        for low, high, reason, letters in found[:_MOST_GAPS]
    ]
    more = f"<p>and {len(found) - _MOST_GAPS} more</p>" if len(found) > _MOST_GAPS else ""
    return f'<h2>Gaps</h2><div class="wide">{_table(head, rows)}</div>{more}'
