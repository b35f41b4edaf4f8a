"""`--format csv`: header and rows after RFC 4180 (CRLF, quotes where needed), UTF-8 without a mark; `tsv` likewise.

Texts that a spreadsheet would run as a formula get a leading `'` (`values.guard_formula`): they may come
from a device. Null and NaN are empty cells, the empty text is `""`.

With a dialect (`--excel de`) the file is for a person's Excel instead of a program: its separator and decimal mark, a
mark at the begin that says UTF-8, local times to the millisecond, units and zone in the titles, true and false as
1 and 0, which Excel knows in every language.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from iiotctl.reports import dialects, localtime
from iiotctl.reports.as_json import keys
from iiotctl.reports.target import TextOut
from iiotctl.reports.values import guard_formula, harmless, interval, text

if TYPE_CHECKING:
    from iiotctl.reports.base import Look
    from iiotctl.reports.rows import Rows

_MARK: Final = b"\xef\xbb\xbf"
_MS: Final = timedelta(milliseconds=1)


def render(rows: Rows, stream: BinaryIO, look: Look) -> None:
    """Write header and rows."""
    if look.sheet.excel is None:
        _write(keys(rows.columns), rows.rows, stream, look, live=rows.live)
        return
    dialect = dialects.find(look.sheet.excel)
    _, titles, local = localtime.spread(rows, look.sheet.zone or UTC)
    stream.write(_MARK)
    _write(titles, local, stream, look, live=rows.live, separator=dialect.separator, spell=_spelling(dialect))


def render_tabs(rows: Rows, stream: BinaryIO, look: Look) -> None:
    """Write header and rows with tabs between the cells, quotes as in CSV."""
    _write(keys(rows.columns), rows.rows, stream, look, live=rows.live, separator="\t")


def _write(
    titles: Sequence[str],
    rows: Iterable[Sequence[object]],
    stream: BinaryIO,
    look: Look,
    *,
    live: bool,
    separator: str = ",",
    spell: Callable[[object], str] = text,
) -> None:
    out = TextOut(stream)
    cell = _speller(frozenset(f'{separator}"\r\n'), spell, terminal=look.terminal)

    def line(cells: Iterable[object]) -> None:
        out.write(separator.join([cell(value) for value in cells]) + "\r\n")

    line(titles)
    for row in rows:
        line(row)
        if live:
            out.flush()


def _speller(special: frozenset[str], spell: Callable[[object], str], *, terminal: bool) -> Callable[[object], str]:
    """What makes a cell of a value; texts come again and again, and are looked at once."""

    def quoted(word: str) -> str:
        if special.isdisjoint(word) and word == word.strip(" "):
            return word
        return '"' + word.replace('"', '""') + '"'

    @lru_cache(maxsize=1024)
    def phrase(word: str) -> str:
        guarded = guard_formula(word)
        return quoted(harmless(guarded) if terminal else guarded) or '""'

    def cell(value: object) -> str:
        word = spell(value)
        return phrase(word) if isinstance(value, str | list | tuple | dict) else quoted(word)

    return cell


def _spelling(dialect: dialects.Dialect) -> Callable[[object], str]:
    """Cells as an Excel of the dialect takes them for what they are."""
    mark = dialect.decimal

    def number(value: float | Decimal) -> str:
        return text(value).removesuffix(".0").replace(".", mark) if math.isfinite(value) else ""

    def clock(moment: datetime | time) -> str:
        return f"{moment:%H:%M:%S}{mark}{moment.microsecond // 1000:03d}"

    def duration(span: timedelta) -> str:
        if span < timedelta(0):
            return f"'{interval(span)}"  # Excel knows none before its first day
        seconds, ms = divmod(span // _MS, 1000)
        return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{mark}{ms:03d}"

    spellings: dict[type, Callable[[Any], str]] = {
        bool: lambda value: str(int(value)),
        float: number,
        Decimal: number,
        datetime: lambda value: f"{value.strftime(dialect.date)} {clock(value)}",
        date: lambda value: value.strftime(dialect.date),
        time: clock,
        timedelta: duration,
    }
    return lambda value: spellings.get(type(value), text)(value)
