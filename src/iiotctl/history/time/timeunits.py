"""Spans as engineers type them: `8h`, `1h30min`, and units of the calendar such as `1d`, `1mo`.

A calendar unit is no number of seconds: a day may have 23 or 25 hours. So a span is a list of parts, and what a part
means is for the clock on the wall to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from iiotctl.history.time.sitetime import SiteTime

_FIXED_US: Final = {"us": 1, "ms": 1000, "s": 10**6, "min": 60 * 10**6, "h": 3600 * 10**6}
CALENDAR: Final = ("d", "w", "mo", "y")
_SPELLED: Final = {
    "us": ("us", "µs"),
    "ms": ("ms",),
    "s": ("s", "sec", "second", "seconds"),
    "min": ("min", "m", "minute", "minutes"),
    "h": ("h", "hr", "hour", "hours"),
    "d": ("d", "day", "days"),
    "w": ("w", "week", "weeks"),
    "mo": ("mo", "month", "months"),
    "y": ("y", "yr", "year", "years"),
}
_UNITS: Final = {word: unit for unit, words in _SPELLED.items() for word in words}
_WORDS: Final = "|".join(sorted(_UNITS, key=len, reverse=True))
SPAN: Final = rf"(?:\d+(?:\.\d+)?\s*(?:{_WORDS})(?![a-zµ])\s*)+"
"""The form of a span, lower case."""
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([a-zµ]*)\s*")
_MONTHS: Final = 12


@dataclass(frozen=True, slots=True)
class Part:
    """A number of one unit.

    Attributes:
        unit: us, ms, s, min, h; or one of `CALENDAR`.
        count: µs for fixed units; else how many of the unit.
    """

    unit: str
    count: int

    @property
    def is_calendar(self) -> bool:
        """Whether its length depends on where in the calendar it stands."""
        return self.unit in CALENDAR


def parse(text: str) -> list[Part]:
    """Parts of a span: `1h30min`, `2 weeks`, `1mo`.

    Raises:
        ValueError: no unit, an unknown unit, a fraction of a calendar unit, or anything else in the text.
    """
    word = text.strip().lower()
    found = _PART.findall(word)
    if not found or "".join(match[0] for match in _PART.finditer(word)) != word:
        msg = f"`{text.strip()}` is not a duration; write a number and a unit, e.g. `8h`, `1h30min`, `1d`"
        raise ValueError(msg)
    return [_part(number, unit) for number, unit in found]


def _part(number: str, word: str) -> Part:
    unit = _UNITS.get(word)
    if unit is None:
        msg = f"`{word}` is not a unit of time" if word else f"`{number}` has no unit of time"
        raise ValueError(f"{msg}; use s, min, h, d, w, mo or y")
    if unit not in CALENDAR:
        return Part(unit, round(float(number) * _FIXED_US[unit]))
    if not number.isdigit():
        msg = f"`{number}{word}` is no whole number of calendar units; write hours, e.g. `36h`"
        raise ValueError(msg)
    return Part(unit, int(number))


def moved(at: int, part: Part, times: int, zone: SiteTime) -> int:
    """An instant (µs UTC) some units later, or earlier when `times` < 0; days and longer by the clock on the wall.

    Raises:
        OverflowError: beyond the years 1 to 9999.
    """
    if not part.is_calendar:
        return at + times * part.count
    count = times * part.count
    return at if count == 0 else zone.instant(later(zone.local(at), part.unit, count))


def later(local: datetime, unit: str, count: int) -> datetime:
    """A local time some calendar units later; the 31st becomes the last day of a shorter month.

    Raises:
        OverflowError: beyond the years 1 to 9999.
    """
    if unit in ("d", "w"):
        return local + timedelta(days=count if unit == "d" else 7 * count)
    months = local.year * _MONTHS + local.month - 1 + (count if unit == "mo" else _MONTHS * count)
    year, month = divmod(months, _MONTHS)
    for day in (local.day, 30, 29, 28):
        try:
            return local.replace(year=year, month=month + 1, day=day)
        except ValueError as error:
            if not MINYEAR <= year <= MAXYEAR:
                raise OverflowError(f"there is no year {year}") from error
    raise AssertionError  # a month has 28 days
