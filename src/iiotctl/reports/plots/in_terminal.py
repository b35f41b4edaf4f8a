"""Trends as text: braille lines by plotext, axes in plant time, and below each panel what the quality was."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rich.cells import cell_len, chop_cells

from iiotctl.reports.plots import axis, digits, scene
from iiotctl.reports.plots.scene import Mark
from iiotctl.reports.values import harmless

if TYPE_CHECKING:
    from iiotctl.history.trenddata import Trace, TrendData
    from iiotctl.reports.plots.scene import Panel

Ticks = Sequence[tuple[float, str]]
"""Where the axis of values is marked, and what stands there."""

NARROWEST: Final = 40
_COLORS: Final = (32, 166, 36, 170, 178, 74, 130, 105)
"""Of the 256, told apart by most colour-blind people and on dark and light; letters tell traces apart without."""
_LIMIT_COLOR: Final = 136
_DIM: Final = 244
_LIMIT_LETTERS: Final = {"low_low": "LL", "low": "L", "high": "H", "high_high": "HH"}
_MARKS: Final = {Mark.NOTHING: " ", Mark.GOOD: "·", Mark.UNCERTAIN: "?", Mark.BAD: "x", Mark.GAP: "░"}
_MARK_COLORS: Final = {Mark.UNCERTAIN: 178, Mark.BAD: 160, Mark.GAP: _DIM, Mark.GOOD: _DIM}
_ASCII: Final = str.maketrans("│─└┤┬┼┈┊┴├┌┐┘·░…", "|-++++.:+++++.#~")
_MOST_GAPS: Final = 3
_LABEL: Final = 16
"""Cells that a text on the axis of values may take."""


@dataclass(frozen=True, slots=True)
class Look:
    """How the reader's terminal is.

    Attributes:
        width: columns, at least `NARROWEST`.
        height: lines that the whole may take; None = as many as it needs.
        unicode: braille can be shown; else ASCII alone.
        color: colours may be used.
    """

    width: int = 80
    height: int | None = None
    unicode: bool = True
    color: bool = False


def draw(data: TrendData, look: Look) -> str:
    """The drawing, with a line end after the last line; fits the width."""
    drawing = _Drawing(data, look)
    text = "\n".join(line.rstrip() for line in drawing.lines()) + "\n"
    return text if look.unicode else _ascii(text)


def _ascii(text: str) -> str:
    return text.translate(_ASCII).encode("ascii", "backslashreplace").decode()


class _Drawing:
    def __init__(self, data: TrendData, look: Look) -> None:
        self.data, self.look = data, look
        self.panels = scene.panels(data)
        self.rows = self._rows()
        self.ticks = [_value_ticks(panel, max(2, self.rows // 3)) for panel in self.panels]
        words = [text for ticks in self.ticks for _, text in ticks] + [_unit(panel) for panel in self.panels]
        # as wide in each panel, so that one time is one column
        self.left = max(4, *map(cell_len, words))
        self.width = max(look.width, NARROWEST) - self.left - 1

    def _rows(self) -> int:
        """Lines of each panel's field."""
        count = len(self.panels)
        if self.look.height is None:
            return 14 if count == 1 else 10 if count <= 3 else 7  # noqa: PLR2004 - what fits a page
        others = 2 + 5 + len(self.data.traces) * 2 + 2 * count
        return min(max((self.look.height - others) // count, 5), 40)

    def lines(self) -> Iterable[str]:
        start, end = self.data.start, self.data.end
        yield from map(self._bold, self._folded(axis.span_text(start, end, self.data.zone)))
        for panel, ticks in zip(self.panels, self.ticks, strict=True):
            yield from self._head(panel)
            yield from self._field(panel, ticks)
            for place, trace in panel.traces:
                yield self._band(place, trace)
        yield from self._times()
        yield from map(self._dim, self._folded("quality: · good  ? uncertain  x bad  ░ gap  blank: no data"))
        yield from self._gaps()
        yield ""
        yield from self._figures()

    def _head(self, panel: Panel) -> Iterable[str]:
        """Unit above the axis, and who is who, folded."""
        room = self.width - 1
        line, used, first = "", 0, _unit(panel)
        for place, trace in panel.traces:
            name = _cut(harmless(trace.facts.tag), room - 4)
            size = cell_len(name) + 2
            if used and used + 2 + size > room:
                yield _right(first, self.left) + "  " + line
                line, used, first = "", 0, ""
            line += ("  " if used else "") + self._paint(f"{scene.letter(place)} {name}", _color(place))
            used += size + (2 if used else 0)
        yield _right(first, self.left) + "  " + line

    def _field(self, panel: Panel, ticks: Ticks) -> list[str]:
        import plotext

        plotext.terminal.limit(width=False, height=False)
        figure = plotext.figure
        figure.clear()
        try:
            return self._plotted(plotext, figure, panel, ticks)
        finally:
            figure.clear()

    def _plotted(self, plotext: Any, figure: Any, panel: Panel, ticks: Ticks) -> list[str]:
        start, end = self.data.start, self.data.end
        span = (end - start) / 1e6
        figure.plot_size(self.left + 1 + self.width, self.rows + 2)
        figure.theme("simple")  # without a background of its own
        figure.axes(active=False)
        for side in ("x", "y"):
            figure.axes(active=True, axis=side, side=0)
            figure.ruler(side, 0).alignment("edge")
        figure.ruler("x", 0).lim(0, span).ticks(*self._time_marks())
        figure.ruler("y", 0).lim(0, 1)
        figure.ruler("y", 0).ticks(
            [scene.height(panel, value) for value, _ in ticks],
            [_right(text, self.left) for _, text in ticks],
        )
        self._limits(plotext, figure, panel)
        for place, trace in panel.traces:
            self._line(plotext, figure, panel, place, trace)
        if len(panel.traces) > 1 and self.look.unicode:
            self._letters(plotext, figure, panel)
        text: str = figure.build().string(not self.look.color)
        return text.splitlines()[: self.rows + 1]

    def _time_marks(self) -> tuple[list[float], list[str]]:
        ticks = self._time_ticks()
        return [(tick.at - self.data.start) / 1e6 for tick in ticks], [" "] * len(ticks)

    def _time_ticks(self) -> list[axis.Tick]:
        return axis.time_ticks(self.data.start, self.data.end, self.data.zone, max(3, self.width // 11))

    def _limits(self, plotext: Any, figure: Any, panel: Panel) -> None:
        span = (self.data.end - self.data.start) / 1e6
        pixel = plotext.pixel(foreground=_LIMIT_COLOR)
        columns = [span * (column + 0.5) / self.width for column in range(self.width)]
        for place, name, value in scene.limits(panel.traces):
            if panel.low < value < panel.high:
                at = scene.height(panel, value)
                dots = figure.signal(columns, [at] * self.width, marker=plotext.marker("┈", pixel))
                word = _LIMIT_LETTERS[name] + (f" {scene.letter(place)}" if len(panel.traces) > 1 else "")
                label = plotext.colorize(word).fill(pixel)
                figure.draw(dots).draw(figure.text(columns[-1], at, label, alignment="right"))

    def _line(self, plotext: Any, figure: Any, panel: Panel, place: int, trace: Trace) -> None:
        start, end = self.data.start, self.data.end
        alone = len(panel.traces) == 1
        symbol = "braille" if self.look.unicode else "*" if alone else scene.letter(place)
        marker = plotext.marker(symbol, plotext.pixel(foreground=_color(place)))
        for ts, value in scene.stretches(trace):
            ts, value = scene.clipped(ts, value, start, end)  # noqa: PLW2901 - the same line, narrower
            ts, value = scene.thinned(ts, value, start, end, 2 * self.width)  # noqa: PLW2901
            if ts.size:
                heights = scene.heights(panel, value).tolist()
                line = figure.signal(((ts - start) / 1e6).tolist(), heights, marker=marker)
                figure.draw(line.lines(True).density("full"))

    def _letters(self, plotext: Any, figure: Any, panel: Panel) -> None:
        """Letters on the lines, each trace's at other places, so that they are told apart without colours."""
        import numpy as np

        start, end = self.data.start, self.data.end
        count = len(panel.traces)
        for order, (place, trace) in enumerate(panel.traces):
            pixel = plotext.pixel(foreground=_color(place), style="bold")
            for part in range(3):
                at = start + int((end - start) * (part + (order + 1) / (count + 1)) / 3)
                for ts, value in scene.stretches(trace):
                    if ts[0] <= at <= ts[-1]:
                        height = float(np.interp(at - start, ts - start, scene.heights(panel, value)))
                        letter = plotext.marker(scene.letter(place), pixel)
                        figure.draw(figure.signal([(at - start) / 1e6], [height], marker=letter))

    def _band(self, place: int, trace: Trace) -> str:
        """One cell a column: the worst quality in it."""
        row = scene.cells(trace, self.data.start, self.data.end, self.width)
        line, at = "", 0
        while at < len(row):
            stop = next((n for n in range(at, len(row)) if row[n] is not row[at]), len(row))
            line += self._paint(_MARKS[row[at]] * (stop - at), _MARK_COLORS.get(row[at]))
            at = stop
        return self._paint(_right(scene.letter(place), self.left), _color(place)) + " " + line

    def _times(self) -> Iterable[str]:
        """Times under the marks of the axis, and where the date changes the date under them."""
        times, days = [" "] * self.width, [" "] * self.width
        start, end = self.data.start, self.data.end
        free = day_free = 0
        for tick in self._time_ticks():
            column = min((tick.at - start) * self.width // (end - start), self.width - 1)
            free = _place(times, tick.text, column, free)
            if tick.day:
                day_free = _place(days, tick.day, column, day_free)
        indent = " " * (self.left + 1)
        yield indent + "".join(times)
        if day_free:
            yield indent + "".join(days)

    def _gaps(self) -> Iterable[str]:
        """The gaps in words; one of a whole source stands once."""
        found = scene.gap_list(self.data)
        for low, high, reason, letters in found[:_MOST_GAPS]:
            span = axis.span_text(low, high, self.data.zone, named=False)
            yield from self._folded(f"gap {letters}: {span} {harmless(reason)}")
        if len(found) > _MOST_GAPS:
            yield from self._folded(f"and {len(found) - _MOST_GAPS} more gaps: `iiotctl gaps` lists them")

    def _folded(self, text: str) -> list[str]:
        width = max(self.look.width, NARROWEST)
        return [piece for line in textwrap.wrap(text, width) for piece in chop_cells(line, width)]

    def _figures(self) -> Iterable[str]:
        table: list[tuple[str, ...]] = [("", "unit", "min", "max", "last", "good", "samples")]
        for place, trace in enumerate(self.data.traces):
            found = scene.figures(trace, self.data.start, self.data.end)
            table.append(
                (
                    scene.letter(place),
                    _cut(harmless(trace.facts.unit), _LABEL),
                    *scene.words(trace, found),
                    digits.percent(found.good_percent),
                    scene.samples_text(trace),
                )
            )
        widths = [max(cell_len(row[at]) for row in table) for at in range(len(table[0]))]
        for number, row in enumerate(table):
            cells = [word + " " * (width - cell_len(word)) for word, width in zip(row[:2], widths, strict=False)]
            cells += [_right(word, width) for word, width in zip(row[2:], widths[2:], strict=True)]
            line = "  ".join(cells)
            yield self._dim(line) if number == 0 else line

    def _paint(self, text: str, color: int | None) -> str:
        return f"\x1b[38;5;{color}m{text}\x1b[0m" if self.look.color and color is not None and text.strip() else text

    def _dim(self, text: str) -> str:
        return self._paint(text, _DIM)

    def _bold(self, text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if self.look.color else text


def _color(place: int) -> int:
    return _COLORS[place % len(_COLORS)]


def _unit(panel: Panel) -> str:
    return _cut(harmless(panel.unit), _LABEL)


def _value_ticks(panel: Panel, most: int) -> Ticks:
    if panel.states:
        shown = [(value, text) for value, text in sorted(panel.states.items()) if panel.low <= value <= panel.high]
        if shown:
            return [(value, _cut(harmless(text), _LABEL)) for value, text in shown]
    # plotext needs a mark
    return axis.value_ticks(panel.low, panel.high, most) or [(panel.low, digits.number(panel.low))]


def _place(row: list[str], text: str, column: int, free: int) -> int:
    """Write a text around a column where it covers no other; returns where the next may begin."""
    at = min(max(column - len(text) // 2, 0), len(row) - len(text))
    if at < free:
        return free
    row[at : at + len(text)] = text
    return at + len(text) + 1


def _right(text: str, width: int) -> str:
    return " " * (width - cell_len(text)) + text


def _cut(text: str, width: int) -> str:
    return text if cell_len(text) <= width else (chop_cells(text, width - 1) or [""])[0] + "…"
