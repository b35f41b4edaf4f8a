"""Trends as SVG and PNG by matplotlib, without its global state: what the same data looks like is the same bytes.

Texts of devices are data: `$` means a dollar, control characters are escaped.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from iiotctl.reports.plots import axis, digits, scene
from iiotctl.reports.plots.scene import Mark
from iiotctl.reports.values import harmless

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from iiotctl.history.trenddata import Trace, TrendData
    from iiotctl.reports.plots.scene import Panel

COLORS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B8860B", "#56B4E9", "#7F3C8D", "#000000")
"""Told apart by colour-blind people (after Okabe and Ito, its yellow darker)."""
DASHES: Final = ((), (6, 2), (2, 2), (8, 2, 2, 2))
"""Of the lines of a panel, told apart in grey; none = a solid one."""
_FACE: Final = {Mark.GOOD: "#d9ead3", Mark.UNCERTAIN: "#f0c000", Mark.BAD: "#c00000", Mark.GAP: "#e6e6e6"}
_HATCH: Final = {Mark.GOOD: "", Mark.UNCERTAIN: "||||", Mark.BAD: "xxxx", Mark.GAP: "////"}
WIDTH: Final = 1200
"""Pixels, unless told."""
_PARTS: Final = 800
"""Of a strip of quality: the narrowest mark is still seen."""
_DPI: Final = 100
_UNIT: Final = 12
"""Letters of a unit in a legend; a longer one stands along the axis alone."""
_LETTER: Final = 7
"""Pixels of a letter of a legend, about."""
_LOCK: Final = threading.Lock()
"""matplotlib's settings are global."""
_SETTINGS: Final = {
    "text.parse_math": False,
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "svg.fonttype": "none",
    "svg.hashsalt": "iiotctl",
    "hatch.linewidth": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


@dataclass(frozen=True, slots=True)
class Size:
    """Pixels of a picture; a height of None = as the panels ask for."""

    width: int
    height: int | None = None


def svg(data: TrendData, size: Size, panels: Sequence[Panel] | None = None) -> bytes:
    """An SVG document of some of its panels, or of all; texts stay texts."""
    with _figure(data, size, panels or scene.panels(data)) as figure:
        from matplotlib.backends.backend_svg import FigureCanvasSVG

        stream = BytesIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        FigureCanvasSVG(figure).print_svg(stream, metadata=nothing)  # type: ignore[no-untyped-call]
        return stream.getvalue()


def png(data: TrendData, size: Size) -> bytes:
    """A PNG of exactly that many pixels."""
    with _figure(data, size, scene.panels(data)) as figure:
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        stream = BytesIO()
        FigureCanvasAgg(figure).print_png(stream, metadata={"Software": None})  # type: ignore[no-untyped-call]
        return stream.getvalue()


def _load() -> Any:
    """matplotlib, whose cache of fonts needs a folder to write to; a home may be read-only."""
    kept = os.environ.get("MPLCONFIGDIR")
    folder = tempfile.mkdtemp(prefix="iiotctl-")
    os.environ["MPLCONFIGDIR"] = folder
    try:
        import matplotlib as mpl
        import matplotlib.figure
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if kept is None:
            del os.environ["MPLCONFIGDIR"]
        else:
            os.environ["MPLCONFIGDIR"] = kept
    return mpl


@contextmanager
def _figure(data: TrendData, size: Size, panels: Sequence[Panel]) -> Iterator[Figure]:
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # e.g. of letters that the font lacks: they come as boxes
        matplotlib = _load()
        with matplotlib.rc_context():
            matplotlib.rcdefaults()  # a matplotlibrc of the reader's is none of ours
            matplotlib.rcParams.update(_SETTINGS)
            yield _drawn(data, size, panels)


def _drawn(data: TrendData, size: Size, panels: Sequence[Panel]) -> Figure:
    from matplotlib.figure import Figure

    tall = 60 + sum(230 + 34 * len(panel.traces) for panel in panels)
    figure = Figure(figsize=(size.width / _DPI, (size.height or tall) / _DPI), dpi=_DPI, layout="constrained")
    figure.get_layout_engine().set(hspace=0.02, h_pad=0.02)  # type: ignore[union-attr, call-arg]
    heights = [part for panel in panels for part in (10.0, 0.7 * len(panel.traces))]
    fields = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0]
    for panel, field, strip in zip(panels, fields[::2], fields[1::2], strict=True):
        _field(data, panel, field, size.width)
        _strip(data, panel, strip)
    _times(data, fields[-1], size.width)
    figure.suptitle(axis.span_text(data.start, data.end, data.zone), x=0.01, ha="left", fontsize=10)
    return figure


def _field(data: TrendData, panel: Panel, field: Axes, width: int) -> None:
    _gaps(data, panel, field)
    _limits(panel, field)
    for order, (place, trace) in enumerate(panel.traces):
        _line(data, (place, trace), field, width // 2, DASHES[order % len(DASHES)])
        if len(panel.traces) > 1:
            _letter(data, place, trace, field)
    field.set_ylim(panel.low, panel.high)
    ticks = axis.value_ticks(panel.low, panel.high, 6)
    if panel.states:
        ticks = [(value, harmless(text)) for value, text in sorted(panel.states.items())]
        ticks = [(value, text) for value, text in ticks if panel.low <= value <= panel.high]
    field.set_yticks([value for value, _ in ticks], [text for _, text in ticks])
    field.set_ylabel(scene.unit_text(panel))
    field.grid(visible=True, color="#dddddd", linewidth=0.5)
    field.tick_params(axis="x", length=0, labelbottom=False)
    handles, names = field.get_legend_handles_labels()
    most = max(20, (width - 20 * _LETTER) // _LETTER)  # a wider one would take the room of the lines
    names = [name if len(name) <= most else name[: most - 1] + "…" for name in names]
    field.legend(handles, names, loc="lower left", bbox_to_anchor=(0, 1), frameon=False, borderaxespad=0.2)


def _line(data: TrendData, which: tuple[int, Trace], field: Axes, parts: int, dash: tuple[int, ...]) -> None:
    """One artist for all stretches, however many: NaN ends each; and one for samples that stand alone."""
    import numpy as np

    place, trace = which
    color = COLORS[place % len(COLORS)]
    ts, value, lone = [np.empty(0)], [np.empty(0)], [(0.0, np.nan)]
    for line in scene.stretches(trace):
        at, height = scene.thinned(*scene.clipped(*line, data.start, data.end), data.start, data.end, parts)
        ts += [_seconds(data, at), np.full(1, np.nan)]
        value += [height, np.full(1, np.nan)]
        lone += [(_seconds(data, at[0]), height[0])] if at.size == 1 else []
    style = (0, dash) if dash else "solid"
    label = _legend(data, place, trace)
    field.plot(np.concatenate(ts), np.concatenate(value), color=color, linestyle=style, linewidth=1.2, label=label)
    field.plot(*np.array(lone).T, color=color, linestyle="none", marker="o", markersize=3)


def _letter(data: TrendData, place: int, trace: Trace, field: Axes) -> None:
    """The letter of a trace beside where its line ends, for prints in grey."""
    ends = [scene.clipped(ts, value, data.start, data.end)[1][-1:] for ts, value in scene.stretches(trace)]
    for height in [float(end[0]) for end in ends if end.size][-1:]:
        across = field.get_yaxis_transform()
        color = COLORS[place % len(COLORS)]
        field.text(1.004, height, scene.letter(place), transform=across, color=color, va="center", fontsize=8)


def _seconds(data: TrendData, ts: Any) -> Any:
    """Since the start: small numbers, so that a double holds every microsecond."""
    return (ts - data.start) / 1e6


def _legend(data: TrendData, place: int, trace: Trace) -> str:
    found = scene.figures(trace, data.start, data.end)
    name = f"{scene.letter(place)}  {harmless(trace.facts.tag)}"
    if found.low is None:
        return f"{name}   no usable value"
    low, high, last = scene.words(trace, found)
    unit = f" {harmless(trace.facts.unit)}" if 0 < len(harmless(trace.facts.unit)) <= _UNIT else ""
    return f"{name}   min {low}, max {high}, last {last}{unit}; {digits.percent(found.good_percent)} good, {scene.samples_text(trace)} samples"


def _limits(panel: Panel, field: Axes) -> None:
    for place, name, value in scene.limits(panel.traces):
        if panel.low < value < panel.high:
            whose = f"{scene.letter(place)} " if len(panel.traces) > 1 else ""
            field.axhline(value, color="#555555", linewidth=0.8, linestyle=(0, (1, 3)))
            words = f"{whose}{name.replace('_', ' ')} {digits.number(value)}"
            field.text(0.999, value, words, transform=field.get_yaxis_transform(), ha="right", va="bottom", fontsize=7)


def _gaps(data: TrendData, panel: Panel, field: Axes) -> None:
    """Hatched bands with the reason, along the band where that is too narrow for words across."""
    every = sorted({gap for _, trace in panel.traces for gap in trace.gaps})
    for low, high, reason in every:
        begin, stop = max(low, data.start), min(high, data.end)
        if begin >= stop:
            continue
        edges = _seconds(data, begin), _seconds(data, stop)
        field.axvspan(*edges, facecolor="#f2f2f2", edgecolor="#999999", hatch="////", linewidth=0.3)
        share = (stop - begin) / (data.end - data.start)
        if len(every) <= 20:  # noqa: PLR2004 - more words than these hide each other
            field.text(
                sum(edges) / 2,
                0.97,
                harmless(reason),
                transform=field.get_xaxis_transform(),
                rotation=0 if share > 0.08 else 90,  # noqa: PLR2004
                ha="center",
                va="top",
                fontsize=7,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8},
            )


def _strip(data: TrendData, panel: Panel, strip: Axes) -> None:
    """The quality of each trace along the time, the worst in each part of it."""
    count = len(panel.traces)
    for row, (_, trace) in enumerate(panel.traces):
        spans = scene.strips(trace, data.start, data.end, _PARTS)
        for mark in (Mark.GOOD, Mark.UNCERTAIN, Mark.BAD, Mark.GAP):
            bars = [(_seconds(data, low), (high - low) / 1e6) for low, high, what in spans if what is mark]
            if bars:
                edge = "#555555" if mark > Mark.GOOD else "none"
                place = (count - row - 0.9, 0.8)
                strip.broken_barh(bars, place, facecolor=_FACE[mark], hatch=_HATCH[mark], edgecolor=edge, linewidth=0.3)
    strip.set_ylim(0, count)
    letters = [scene.letter(place) for place, _ in panel.traces]
    strip.set_yticks([count - row - 0.5 for row in range(count)], letters, fontsize=7)
    strip.set_ylabel("quality", fontsize=7, rotation=0, ha="right", va="center")
    strip.tick_params(axis="both", length=0, labelbottom=False)
    strip.spines[["left", "bottom"]].set_visible(False)


def _times(data: TrendData, lowest: Axes, width: int) -> None:
    ticks = axis.time_ticks(data.start, data.end, data.zone, max(3, width // 90))
    names: Sequence[str] = [f"{tick.text}\n{tick.day}" if tick.day else tick.text for tick in ticks]
    lowest.set_xlim(0, (data.end - data.start) / 1e6)
    lowest.set_xticks([(tick.at - data.start) / 1e6 for tick in ticks], names)
    lowest.tick_params(axis="x", length=3, labelbottom=True)
    lowest.set_xlabel(
        f"{axis.zone_name(data.start, data.end, data.zone)}     quality: green Good, yellow barred Uncertain,"
        " red crossed Bad, hatched gap, white no data"
    )
