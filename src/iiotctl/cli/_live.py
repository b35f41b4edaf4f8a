"""The live table of `iiotctl capture`: sources on top, tags below, as many as fit the terminal.

Everything is readable without colour (words, not hues) and without Unicode (another set of bars).
"""

from __future__ import annotations

import io
import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self

from iiotctl.cli import _console
from iiotctl.cli._wording import bytes_of, clock, gaps_of, lasting, placed, ring_line
from iiotctl.events import Level

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from iiotctl.capture.figures import TagView
    from iiotctl.capture.session import Session
    from iiotctl.capture.summary import SourceFigures, Summary
    from iiotctl.events import Event

_BARS: Final = "▁▂▃▄▅▆▇█"
_ASCII_BARS: Final = "_.-=+*%#"
_WIDE: Final = 110
_MOST_SOURCES: Final = 8
_OLD_S: Final = 1e5


def sparkline(values: list[float], width: int, bars: str = _BARS) -> str:
    """The newest `width` values as bars between their own lowest and highest; a blank where there is none."""
    shown = values[-width:]
    known = [value for value in shown if math.isfinite(value)]
    if not known:
        return ""
    low, high = min(known), max(known)
    span = high - low
    text = ""
    for value in shown:
        if not math.isfinite(value):
            text += " "
        elif span <= 0:
            text += bars[0]
        else:
            text += bars[min(len(bars) - 1, int((value - low) / span * len(bars)))]
    return text


def number(value: float) -> str:
    """A value in at most ten characters."""
    if value == int(value) and abs(value) < 1e9:  # noqa: PLR2004 - ten characters
        return str(int(value))
    text = f"{value:.6g}"
    return text if len(text) <= 10 else f"{value:.3g}"  # noqa: PLR2004


def age(seconds: float | None) -> str:
    """Age in five characters."""
    if seconds is None:
        return "-"
    if seconds < 10:  # noqa: PLR2004
        return f"{max(0.0, seconds):.1f}s"
    if seconds < 120:  # noqa: PLR2004
        return f"{seconds:.0f}s"
    if seconds < 7200:  # noqa: PLR2004
        return f"{seconds / 60:.0f}min"
    return f"{seconds / 3600:.0f}h" if seconds < _OLD_S else f"{seconds / 86400:.0f}d"


def choose(tags: list[TagView], room: int) -> list[TagView]:
    """The tags to show, in the order of the site file: those without a good value first find room, then the first ones."""
    if len(tags) <= room:
        return tags
    troubled = [index for index, tag in enumerate(tags) if tag.is_bad][: max(1, room // 2)]
    others = [index for index in range(len(tags)) if index not in set(troubled)]
    return [tags[index] for index in sorted([*troubled, *others[: room - len(troubled)]])]


class Live:
    """Draws on a terminal; events appear above the table.

    Args:
        console: of rich.
        verbose: how much of the events to show.
    """

    def __init__(self, console: Console, verbose: int) -> None:
        from rich.live import Live as RichLive

        self._console = console
        self._verbose = verbose
        is_unicode = (console.encoding or "").lower().startswith("utf")
        self._bars = _BARS if is_unicode else _ASCII_BARS
        self._more = "…" if is_unicode else "..."
        if isinstance(console.file, io.TextIOWrapper):
            # a name or unit that the terminal cannot show must not end the table
            console.file.reconfigure(errors="replace")
        self._live = RichLive(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def event(self, event: Event) -> None:
        """One line above the table."""
        shown = Level.NOTICE if not self._verbose else Level.INFO if self._verbose == 1 else Level.DEBUG
        if event.level < shown:
            return
        text = _console.harmless(f"{clock()} {placed(event.text, event.source, event.tag)}")
        mark = "warning: " if event.level >= Level.WARNING else ""
        self._console.print(mark + text, style="yellow" if mark else "", soft_wrap=True)

    def tick(self, session: Session) -> None:
        """Draw the state of the session."""
        with suppress(OSError, ValueError):
            self._live.update(self._draw(session), refresh=True)

    def _draw(self, session: Session) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        summary = session.summary()
        width, height = self._console.size
        sources = self._sources(summary.sources, width)
        used = (
            4
            + (summary.ring is not None)
            + min(len(summary.sources), _MOST_SOURCES)
            + 2
            + (len(summary.sources) > _MOST_SOURCES)
        )
        tags = session.view()
        room = max(3, height - used - 2)
        shown = choose(tags, room if len(tags) <= room else room - 1)
        parts: list[RenderableType] = [*self._head(session, summary), sources, Text(""), self._tags(shown, width)]
        if len(shown) < len(tags):
            parts.append(Text(f"{self._more} {len(tags) - len(shown)} more tags (iiotctl last shows all)", style="dim"))
        return Group(*parts)

    def _head(self, session: Session, summary: Summary) -> list[RenderableType]:
        from rich.text import Text

        from iiotctl.site.units import format_count

        name = _console.harmless(session.loaded.site.site.name)
        first = (
            f"{name}  {lasting(summary.seconds)}  {format_count(summary.stored, 'sample')}  {bytes_of(summary.bytes)}"
        )
        until = f"durable until {clock(summary.durable_until)}" if summary.durable_until else "nothing durable yet"
        lines: list[RenderableType] = [
            Text(first, style="bold", overflow="ellipsis", no_wrap=True),
            Text(f"{until}  {gaps_of(summary)}  read-only  Ctrl-C stops", overflow="ellipsis", no_wrap=True),
        ]
        if summary.ring is not None:
            lines.append(Text(ring_line(summary.ring), overflow="ellipsis", no_wrap=True))
        if summary.blocked is not None:
            lines.append(Text(f"NOTHING IS STORED: {_console.harmless(summary.blocked)}", style="bold red"))
        lines.append(Text(""))
        return lines

    def _table(self) -> Table:
        from rich.table import Table

        return Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, expand=False, header_style="dim")

    def _sources(self, sources: tuple[SourceFigures, ...], width: int) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        table = self._table()
        name = min(24, max(6, *(len(source.name) for source in sources)))
        table.add_column("source", width=name, no_wrap=True, overflow="ellipsis")
        table.add_column("state", width=8, no_wrap=True)
        table.add_column("samples/s", width=9, justify="right", no_wrap=True)
        table.add_column("lag", width=7, justify="right", no_wrap=True)
        table.add_column("gaps", width=8, justify="right", no_wrap=True)
        table.add_column("", no_wrap=True, overflow="ellipsis", max_width=max(10, width - name - 38))
        for source in sources[:_MOST_SOURCES]:
            lasts = source.gap_since is not None or source.failing_tags > 0
            gap = f"{source.gaps} open" if lasts else str(source.gaps)
            style = {"running": "green", "degraded": "yellow", "down": "red"}.get(source.state.value, "")
            table.add_row(
                source.name,
                Text(source.state.value, style=style),
                f"{source.rate:.1f}",
                f"{source.lag_s * 1000:.0f} ms",
                gap,
                _console.harmless(source.detail or source.endpoint),
            )
        if len(sources) > _MOST_SOURCES:
            return Group(table, Text(f"{self._more} {len(sources) - _MOST_SOURCES} more sources", style="dim"))
        return table

    def _tags(self, tags: list[TagView], width: int) -> RenderableType:
        from rich.text import Text

        is_wide = width >= _WIDE
        spark = 24 if is_wide else 8
        # what the other columns and the blanks between them leave
        tag_width = min(64, max(16, width - (16 + 7 + 18 + 5 + 6 + 24 + 6 if is_wide else 11 + 5 + 8 + 5 + 5 + 8 + 6)))
        table = self._table()
        columns: list[tuple[str, dict[str, Any]]] = [
            ("tag", {"width": tag_width}),
            ("value", {"width": 16 if is_wide else 11, "justify": "right"}),
            ("unit", {"width": 7 if is_wide else 5}),
            ("quality", {"width": 18 if is_wide else 8}),
            ("age", {"width": 5, "justify": "right"}),
            ("rate", {"width": 6 if is_wide else 5, "justify": "right"}),
            ("trend", {"width": spark}),
        ]
        for title, options in columns:
            table.add_column(title, no_wrap=True, overflow="ellipsis", **options)
        for tag in tags:
            table.add_row(
                _shortened(tag.name, tag_width),
                _value(tag),
                _console.harmless(tag.unit),
                Text(tag.quality if tag.age_s is not None else "no data", style="red" if tag.is_bad else ""),
                age(tag.age_s),
                f"{tag.rate:.1f}",
                Text(sparkline(tag.spark, spark, self._bars), style="cyan"),
            )
        return table


def _value(tag: TagView) -> str:
    if tag.text is not None:
        return _console.harmless(tag.text)
    if tag.value is None:
        return "-"
    return f"{number(tag.value)} {_console.harmless(tag.word)}" if tag.word else number(tag.value)


def _shortened(name: str, width: int) -> str:
    """The end of a tag's name tells more than its beginning."""
    return name if len(name) <= width else "…" + name[-(width - 1) :]
