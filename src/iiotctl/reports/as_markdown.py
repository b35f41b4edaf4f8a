"""`--format markdown`: a table for a ticket, a wiki or a logbook."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final

from iiotctl.reports.rows import NUMBERS
from iiotctl.reports.target import TextOut
from iiotctl.reports.terminal import show

if TYPE_CHECKING:
    from iiotctl.reports.base import Look
    from iiotctl.reports.rows import Rows

_ESCAPES: Final = str.maketrans({char: f"\\{char}" for char in "\\`*_[]<>|#~"})


def render(rows: Rows, stream: BinaryIO, look: Look) -> None:
    """Write the table; numbers stand to the right, and nothing in a cell is taken for markup."""
    out = TextOut(stream)

    def line(cells: list[str]) -> None:
        out.write("| " + " | ".join(cells) + " |\n")

    if look.title:
        out.write(f"**{look.title.translate(_ESCAPES)}**\n\n")
    titles = [f"{column.name} [{column.unit}]" if column.unit else column.name for column in rows.columns]
    line([title.translate(_ESCAPES) for title in titles])
    line(["---:" if column.type in NUMBERS else "---" for column in rows.columns])
    for row in rows.rows:
        line([show(value, look.local_tz).translate(_ESCAPES) for value in row])
        if rows.live:
            out.flush()
