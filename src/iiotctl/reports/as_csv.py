"""`--format csv`: header and rows after RFC 4180 (CRLF, quotes where needed), UTF-8 without a mark.

Texts that a spreadsheet would run as a formula get a leading `'` (`values.guard_formula`): they may come
from a device. Null and NaN are empty cells, the empty text is `""`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from iiotctl.reports.as_json import keys
from iiotctl.reports.target import TextOut
from iiotctl.reports.values import guard_formula, harmless, text

if TYPE_CHECKING:
    from iiotctl.reports.base import Look
    from iiotctl.reports.rows import Rows

_SPECIAL = frozenset(',"\r\n')


def _cell(value: object, *, terminal: bool) -> str:
    word = text(value)
    if isinstance(value, str | list | tuple | dict):
        word = guard_formula(word)
        if terminal:
            word = harmless(word)
        if not word:
            return '""'
    if _SPECIAL.isdisjoint(word) and word == word.strip(" "):
        return word
    return '"' + word.replace('"', '""') + '"'


def render(rows: Rows, stream: BinaryIO, look: Look) -> None:
    """Write header and rows."""
    out = TextOut(stream)
    out.write(",".join(_cell(name, terminal=look.terminal) for name in keys(rows.columns)) + "\r\n")
    for row in rows.rows:
        out.write(",".join([_cell(value, terminal=look.terminal) for value in row]) + "\r\n")
        if rows.live:
            out.flush()
