"""Times as engineers type them: `*`, `*-8h`, `t`, `y+6h`, `mon 06:00`, `1-sep-26 06:00`, ISO 8601.

    time   = base { ("+" | "-") span }
    base   = "*" | "shift" [("+" | "-") n] | day [clock] | clock
    day    = "t" | "y" | weekday | 1-sep-26 | 01.09.2026 | 2026-09-01
    clock  = 6:00 | 06:00:30.5, behind a date also with its offset: Z, +01:00

Upper and lower case are the same. What has no offset is local time of the site.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from iiotctl.errors import UsageError
from iiotctl.events import Event, Level
from iiotctl.history.time import timeunits
from iiotctl.history.time.sitetime import UTC_TIME, SiteTime

Notice = Callable[[Event], None]
_DAY: Final = timedelta(days=1)
_DAY_WORDS: Final = (
    *("mon monday mo montag", "tue tues tuesday di dienstag", "wed wednesday mi mittwoch"),
    *("thu thur thurs thursday do donnerstag", "fri friday fr freitag", "sat saturday sa samstag sonnabend"),
    "sun sunday so sonntag",
)
_WEEKDAYS: Final = {word: number for number, words in enumerate(_DAY_WORDS) for word in words.split()}
_MONTH_WORDS: Final = (
    *("jan january januar", "feb february februar", "mar march mär mrz märz", "apr april", "may mai", "jun june juni"),
    *("jul july juli", "aug august", "sep sept september", "oct october okt oktober", "nov november"),
    "dec december dez dezember",
)
_MONTHS: Final = {word: number for number, words in enumerate(_MONTH_WORDS, 1) for word in words.split()}
_OFFSETS: Final = re.compile(rf"^(.*?)((?:\s*[+-]\s*{timeunits.SPAN})*)$", re.DOTALL)
_OFFSET: Final = re.compile(rf"([+-])\s*({timeunits.SPAN})")
_SHIFT: Final = re.compile(r"shift(?:\s*([+-])\s*(\d{1,4}))?")
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d{1,6})\d*)?)?\s*(z|[+-]\d\d:?\d\d)?")
_NAMED: Final = re.compile(r"(\d{1,2})[- .]{1,2}([a-zä]+)[-. ]{1,2}(\d{4}|\d\d)")
_DOTTED: Final = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4}|\d\d)")
_ISO: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_SLASHED: Final = re.compile(r"\d{1,4}/\d{1,2}/\d{1,4}")
_FULL_DAY: Final = 24
_SINCE_1970: Final = re.compile(r"\d{9,19}")
_UNIX_US: Final = {9: 10**6, 10: 10**6, 12: 1000, 13: 1000, 15: 1, 16: 1}
"""µs in one of what a number counts that many digits of, where it is a time of our days."""


@dataclass(frozen=True, slots=True)
class Range:
    """Where a question looks, half open.

    Attributes:
        start: µs UTC, inclusive, the earlier end; None = from the beginning.
        end: µs UTC, exclusive, the later end; None = to the end.
        descending: `--from` was the later one: newest first, as historians do.
    """

    start: int | None = None
    end: int | None = None
    descending: bool = False


def parse_range(
    start: str | None,
    end: str | None,
    now_us: int,
    *,
    zone: SiteTime = UTC_TIME,
    notice: Notice | None = None,
) -> Range:
    """`--from` and `--to`.

    Args:
        start: `--from` as typed, or None.
        end: `--to` as typed, or None.
        now_us: what `*` stands for.
        zone: of times without offset, and the shifts.
        notice: see `parse`.

    Raises:
        UsageError: `bad-time`; `empty-range` when both are the same instant.
    """
    first = None if start is None else parse(start, now_us, option="--from", zone=zone, notice=notice)
    last = None if end is None else parse(end, now_us, option="--to", zone=zone, notice=notice)
    if first is None or last is None:
        return Range(first, last)
    if first == last:
        raise UsageError(
            "empty-range",
            "`--from` and `--to` are the same instant: there is nothing between them",
            where=f"--from {start} --to {end}",
            hint="e.g. `--from '*-8h' --to '*'`",
        )
    return Range(min(first, last), max(first, last), descending=first > last)


def parse_until_now(
    start: str,
    end: str | None,
    now_us: int,
    *,
    zone: SiteTime = UTC_TIME,
    notice: Notice | None = None,
) -> Range:
    """As `parse_range`, for a question that ends now unless `--to` says otherwise.

    Raises:
        UsageError: see `parse_range`; `future-range` when it would end before it begins.
    """
    within = parse_range(start, end or "*", now_us, zone=zone, notice=notice)
    if end is None and within.descending:
        raise UsageError(
            "future-range",
            f"`--from` lies in the future ({_shown(zone.local(within.end or 0))}), and without `--to` the range ends now",
            where=f"--from {start}",
            hint="e.g. `--from '*-8h'`; samples of the future need a `--to`, e.g. `--to '*+8h'`",
        )
    return within


def parse(text: str, now_us: int, *, option: str, zone: SiteTime = UTC_TIME, notice: Notice | None = None) -> int:
    """Instant in µs UTC.

    Args:
        text: as typed.
        now_us: what `*` stands for, and where today is.
        option: flag that the text belongs to, for the error.
        zone: of times without offset, and the shifts.
        notice: is told when a local time occurs twice; its first passage is taken.

    Raises:
        UsageError: `bad-time`.
    """
    reading = _Reading(text, now_us, option, zone, notice)
    try:
        return reading.instant()
    except _NoTimeError as error:
        raise UsageError(
            "bad-time",
            error.what or f"`{text}` is not a time",
            where=option,
            cause=error.cause,
            hint=error.hint or "write e.g. `'*-8h'`, `t`, `'y+6h'`, `'1-sep-26 06:00'` or `2026-09-01T06:00Z`",
        ) from error
    except OverflowError as error:
        raise UsageError(
            "bad-time",
            f"`{text}` lies beyond the years 1 to 9999",
            where=option,
            hint="write e.g. `'*-8h'` or `2026-09-01`",
        ) from error


class _NoTimeError(Exception):
    def __init__(self, cause: str | None = None, *, what: str | None = None, hint: str | None = None) -> None:
        super().__init__(cause)
        self.what, self.cause, self.hint = what, cause, hint


@dataclass(frozen=True, slots=True)
class _Reading:
    """One text on its way to an instant."""

    text: str
    now: int
    option: str
    zone: SiteTime
    notice: Notice | None

    def instant(self) -> int:
        word = self.text.strip().lower()
        match = _OFFSETS.match(word)
        assert match is not None
        at = self._base(match[1].strip())
        for sign, span in _OFFSET.findall(match[2]):
            try:
                parts = timeunits.parse(span)
            except ValueError as error:
                raise _NoTimeError(str(error)) from error
            for part in parts:
                at = timeunits.moved(at, part, 1 if sign == "+" else -1, self.zone)
        self.zone.aware(at)  # what no calendar has cannot be asked for
        return at

    def _base(self, word: str) -> int:
        if word in ("*", "now"):
            return self.now
        if match := _SHIFT.fullmatch(word):
            return self._shift(match)
        if found := _CLOCK.fullmatch(word):
            return self._at(self._today(), found)
        for form, day in (
            (r"[a-z]+", self._word),
            (_ISO.pattern, self._iso),
            (_NAMED.pattern, self._named),
            (_DOTTED.pattern, self._dotted),
        ):
            match = re.fullmatch(rf"({form})(?:(?:\s+|(?<=\d)t)(\d.*))?", word)
            if match is not None:
                clock = match.group(match.re.groups)
                found = None if clock is None else _CLOCK.fullmatch(clock)
                if clock is None or found is not None:
                    return self._at(day(match[1]), found)
        return self._compact(word or self.text.strip())

    def _compact(self, word: str) -> int:
        """Rarer forms of ISO 8601: `20260901T0600`, `2026-W36-2`, `2026-09-01T06`."""
        try:
            if not re.match(r"\d{4}", word):
                raise _NoTimeError(self._why(word))
            moment = datetime.fromisoformat(word.upper())
        except ValueError as error:
            own_words = str(error).startswith("Invalid isoformat")  # Python's, which say nothing of what was typed
            raise _NoTimeError(self._why(word) or (None if own_words else str(error)), hint=_unix(word)) from error
        return self._local(moment) if moment.tzinfo is None else _us(moment)

    def _why(self, word: str) -> str | None:
        if word.startswith(("+", "-")):
            return "an offset needs what it is counted from; `'*-8h'` is eight hours before now"
        if _SLASHED.match(word):
            return "with slashes, day and month cannot be told apart"
        if _SINCE_1970.fullmatch(word):
            return "a number alone is no time"
        match = re.fullmatch(r"(\*|t|y|[a-z]{2,})\s*([+-])\s*(.*)", word)
        if match is not None:
            try:
                timeunits.parse(match[3])
            except ValueError as error:
                return str(error)
        return "behind `*` comes `+` or `-` and a duration" if word.startswith("*") else None

    def _today(self) -> date:
        return self.zone.local(self.now).date()

    def _word(self, word: str) -> date:
        today = self._today()
        if word in ("t", "today", "y", "yesterday"):
            return today if word.startswith("t") else today - _DAY
        weekday = _WEEKDAYS.get(word)
        if weekday is None:
            raise _NoTimeError
        return today - _DAY * ((today.weekday() - weekday) % 7)

    def _iso(self, word: str) -> date:
        year, month, day = (int(part) for part in word.split("-"))
        return self._date(year, month, day)

    def _dotted(self, word: str) -> date:
        day, month, year = word.split(".")
        return self._date(_year(year), int(month), int(day))

    def _named(self, word: str) -> date:
        match = _NAMED.fullmatch(word)
        assert match is not None
        month = _MONTHS.get(match[2])
        if month is None:
            raise _NoTimeError(f"`{match[2]}` is not a month; use jan, feb, mar …")
        return self._date(_year(match[3]), month, int(match[1]))

    def _date(self, year: int, month: int, day: int) -> date:
        try:
            return date(year, month, day)
        except ValueError as error:
            raise _NoTimeError(f"the calendar has no such day: {error}") from error

    def _at(self, day: date, clock: re.Match[str] | None) -> int:
        if clock is None:
            return self.zone.midnight(day)
        hour, minute, second = int(clock[1]), int(clock[2]), int(clock[3] or 0)
        after = hour == _FULL_DAY and minute == second == 0 and not int(clock[4] or 0)
        try:
            at = time(0 if after else hour, minute, second, int((clock[4] or "").ljust(6, "0")))
        except ValueError as error:
            raise _NoTimeError(f"the clock has no such time: {error}") from error
        local = datetime.combine(day + _DAY if after else day, at)
        if clock[5] is None:
            return self._local(local)
        return _us(datetime.fromisoformat(local.isoformat() + clock[5].upper()))

    def _local(self, local: datetime) -> int:
        zone = self.zone
        gap = zone.gap(local)
        if gap is not None:
            raise _NoTimeError(
                f"the clock is put forward: after {_wall(gap.before)} comes {_wall(gap.after)}",
                what=f"`{self.text}` does not exist in {zone.name}",
                hint=f"write `'{_shown(gap.after)}'` or `'{_shown(gap.before)}'`",
            )
        if zone.is_twice(local) and self.notice is not None:
            first, second = (zone.aware(zone.instant(local, second=again)) for again in (False, True))
            self.notice(
                Event(
                    Level.NOTICE,
                    "time-twice",
                    f"`{self.option} {self.text}` occurs twice in {zone.name}; taken is the first, "
                    f"{first.isoformat()} (the second is {second.isoformat()})",
                )
            )
        return zone.instant(local)

    def _shift(self, match: re.Match[str]) -> int:
        steps = int(match[2] or 0) * (-1 if match[1] == "-" else 1)
        try:
            return self.zone.shift(self.now, steps)
        except ValueError as error:
            raise _NoTimeError(
                "no site file says when shifts begin",
                what=f"`{self.text}` needs the shifts of the site",
                hint='add `shifts = ["06:00", "14:00", "22:00"]` to `[site]` of the site file',
            ) from error


def _year(text: str) -> int:
    return int(text) if len(text) > 2 else 2000 + int(text)  # noqa: PLR2004 - two figures


def _us(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _unix(word: str) -> str | None:
    """What to write for seconds (ms, µs) since 1970."""
    unit = _UNIX_US.get(len(word)) if _SINCE_1970.fullmatch(word) else None
    if unit is None:
        return None
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(word) * unit)
    return f"if it counts from 1970, write `{at.isoformat().replace('+00:00', 'Z')}`"


def _wall(moment: datetime) -> str:
    return f"{moment:%H:%M:%S} ({moment.isoformat()[-6:]})"


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"
