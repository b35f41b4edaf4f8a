"""Where a drawn trend goes, and as what."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from iiotctl.reports import target
from iiotctl.reports.plots import drawable

if TYPE_CHECKING:
    from iiotctl.history.trenddata import TrendData

FORMATS: Final = ("terminal", "svg", "png", "html")


@dataclass(frozen=True, slots=True)
class Wish:
    """How a person wants a trend drawn.

    Attributes:
        format: one of `FORMATS`.
        output: file; None or `-` = stdout.
        width: columns of text, pixels of a picture; None = as wide as the terminal, 1200 pixels.
        height: lines of text, pixels of a picture; None = what the panels need.
        unicode: the reader's terminal can show more than ASCII.
        color: colours are allowed in text.
        force: replace an existing file.
    """

    format: str
    output: Path | None = None
    width: int | None = None
    height: int | None = None
    unicode: bool = True
    color: bool = False
    force: bool = False

    @property
    def resolution(self) -> int:
        """Parts of the time that the drawing can tell apart, with room for zooming and for figures of time."""
        return max(4 * (self.width or 0), 2500)


def check(wish: Wish) -> None:
    """Refuse what cannot be written so, before work that takes long.

    Raises:
        UsageError: `binary-to-terminal`, and see `target.check_place`.
    """
    if wish.format == "png" and target.is_terminal(wish.output):
        raise target.binary_to_terminal("PNG")
    target.check_place(wish.output, force=wish.force)


def write(data: TrendData, wish: Wish) -> None:
    """Draw and write.

    Raises:
        UsageError: see `check`.
        IncompleteError: `no-samples`.
        BrokenPipeError: the reader of stdout has gone.
    """
    check(wish)
    data = drawable.held(data)
    drawable.check_something(data)
    drawn = _drawn(data, wish)
    with target.binary(wish.output, force=wish.force) as stream:
        stream.write(drawn)


def _drawn(data: TrendData, wish: Wish) -> bytes:
    if wish.format == "terminal":
        from iiotctl.reports.plots.in_terminal import Look, draw

        seen = target.is_terminal(wish.output)
        screen = shutil.get_terminal_size((80, 24))
        height = wish.height or (max(screen.lines - 1, 24) if seen else None)  # the prompt needs a line
        return draw(data, Look(wish.width or screen.columns, height, unicode=wish.unicode, color=wish.color)).encode()
    if wish.format == "html":
        from iiotctl.reports.plots.in_page import page

        return page(data).encode()
    from iiotctl.reports.plots.in_picture import WIDTH, Size, png, svg

    size = Size(wish.width or WIDTH, wish.height)
    return png(data, size) if wish.format == "png" else svg(data, size)
