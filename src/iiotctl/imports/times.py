"""Times as historians write them, to microseconds since 1970: texts of many forms, epoch numbers, Excel's days.

A text is cut into date, clock and tail (fraction, AM/PM, zone). Each part has few different spellings in a file, so
each spelling is understood once, in plain Python that can be strict, and the columns are mapped. That is faster than
a strptime per row, and one rule covers all forms.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, TypeVar

import polars as pl

from iiotctl.imports import fixed

Order = Literal["ymd", "dmy", "mdy", "open"]
_T = TypeVar("_T")
Kind = Literal["text", "s", "ms", "us", "ns", "excel", "typed"]

EARLIEST_US: Final = 315_532_800_000_000
"""1980-01-01: before it there was no historian; what says so is a clock that was not set."""
LATEST_US: Final = 4_102_444_800_000_000
"""2100-01-01."""
_DAY_US: Final = 86_400_000_000
_EPOCH: Final = dt.date(1970, 1, 1).toordinal()
_EXCEL_DAYS: Final = 25_569  # from 1899-12-30 to 1970-01-01
_EXCEL: Final = (20_000.0, 80_000.0)
_PER_UNIT: Final = {"s": 1_000_000.0, "ms": 1_000.0, "us": 1.0, "ns": 0.001}
_CENTURY_FROM: Final = 80
_MOST_KNOWN: Final = 2_000_000

_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "jan january januar",
            "feb february februar",
            "mar march mär märz mrz maerz",
            "apr april",
            "may mai",
            "jun june juni",
            "jul july juli",
            "aug august",
            "sep sept september",
            "oct october okt oktober",
            "nov november",
            "dec december dez dezember",
        ),
        start=1,
    )
    for name in names.split()
}

_YEAR_FIRST: Final = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})")
_COMPACT: Final = re.compile(r"(\d{4})(\d\d)(\d\d)")
_NUMBERS: Final = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d\d)")
_NAMED: Final = re.compile(r"(\d{1,2})[-./ ]([^\W\d_]{3,9})\.?[-./ ](\d{4}|\d\d)")
_CLOCK: Final = re.compile(r"(\d{1,2}):?(\d\d)(?::?(\d\d))?")
_TAIL: Final = re.compile(
    r"(?:[.,:](\d{1,9}))?\s*([AaPp]\.?[Mm]\.?)?\s*(Z|z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?(?:\[[A-Za-z_/+\-]+\])?"
)
_WHOLE: Final = (
    r"^\s*(?P<date>\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{8}|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}"
    r"|\d{1,2}[-./ ]\p{L}{3,9}\.?[-./ ]\d{2,4})"
    r"(?:[T ,]\s*(?P<clock>\d{1,2}:\d\d(?::\d\d)?|\d{4}(?:\d\d)?)(?P<tail>.*?))?\s*$"
)
_COMPACT_WHOLE: Final = re.compile(r"(?:19|20)\d{6}[T ]?\d{6}(?:\D.*)?")


MIDNIGHT: Final = r"[T ]0?0:00(?::00(?:[.,]0+)?)?$"
"""The clock that Excel and data bases put behind a date that has none."""


def day_of(text: str) -> str:
    """A date without the clock that says nothing."""
    return re.sub(MIDNIGHT, "", text.strip())


def date_number(text: str, order: Order) -> int | None:
    """Days since 1970 of a date as written, or None."""
    if match := _YEAR_FIRST.fullmatch(text):
        year, month, day = int(match[1]), int(match[3]), int(match[4])
    elif match := _COMPACT.fullmatch(text):
        year, month, day = (int(part) for part in match.groups())
    elif match := _NAMED.fullmatch(text):
        month = _MONTHS.get(match[2].lower(), 0)
        year, day = _year(match[3]), int(match[1])
    elif match := _NUMBERS.fullmatch(text):
        first, second, year = int(match[1]), int(match[3]), _year(match[4])
        day, month = (second, first) if order == "mdy" and match[2] != "." else (first, second)
    else:
        return None
    try:
        return dt.date(year, month, day).toordinal() - _EPOCH
    except ValueError:
        return None


def _year(text: str) -> int:
    number = int(text)
    if len(text) == 4:  # noqa: PLR2004 - digits of a year
        return number
    return number + (1900 if number >= _CENTURY_FROM else 2000)


def clock_us(text: str) -> int | None:
    """Microseconds since midnight of a clock as written (`14:05`, `2:05:03`, `140503`), or None."""
    match = _CLOCK.fullmatch(text)
    if match is None:
        return None
    hours, minutes, seconds = int(match[1]), int(match[2]), int(match[3] or 0)
    if hours > 24 or minutes > 59 or seconds > 60 or (hours == 24 and (minutes or seconds)):  # noqa: PLR2004
        return None
    return ((hours * 60 + minutes) * 60 + seconds) * 1_000_000


def tail_parts(text: str) -> tuple[int, int | None, int | None] | None:
    """(µs of the fraction, 0 = AM or 1 = PM or None, offset from UTC in µs or None) of what follows the seconds."""
    match = _TAIL.fullmatch(text)
    if match is None:
        return None
    fraction = int((match[1] or "0").ljust(6, "0")[:6])
    half = None if match[2] is None else int(match[2][0] in "pP")
    zone = match[3]
    if zone is None:
        return fraction, half, None
    if zone[0] not in "+-":
        return fraction, half, 0
    digits = zone[1:].replace(":", "")
    minutes = int(digits[:2]) * 60 + int(digits[2:] or 0)
    return fraction, half, (-1 if zone[0] == "-" else 1) * minutes * 60_000_000


@dataclass(slots=True)
class TimeReader:
    """How the times of a file are read.

    Attributes:
        kind: `text`, the unit of epoch numbers, `excel`, or `typed` (a column of datetimes).
        order: of day and month in texts such as 3/4/2026; `open` = the file does not tell.
        example: a time as it stands in the file.
    """

    kind: Kind
    order: Order = "ymd"
    example: str = ""
    _dates: dict[str, int | None] = field(default_factory=dict)
    _clocks: dict[str, int | None] = field(default_factory=dict)
    _tails: dict[str, tuple[int, int | None, int | None] | None] = field(default_factory=dict)

    def describe(self) -> str:
        """In words, for people."""
        words = {
            "text": "text",
            "excel": "days as Excel counts them",
            "typed": "a column of times",
            "s": "seconds since 1970",
            "ms": "milliseconds since 1970",
            "us": "microseconds since 1970",
            "ns": "nanoseconds since 1970",
        }[self.kind]
        order = {"dmy": ", day before month", "mdy": ", month before day"}.get(self.order, "")
        return f"{words}{order}, e.g. `{self.example}`"

    def read(self, column: pl.Series) -> tuple[pl.Series, pl.Series]:
        """Times of a column.

        Returns:
            (at, zoned): at in µs since 1970, null where it is no time; zoned is false where it is local time.
        """
        if self.kind == "typed":
            return _typed(column)
        if self.kind == "text":
            return self._texts(column.cast(pl.String))
        at = _numbers(column, self.kind)
        return at, pl.repeat(self.kind != "excel", len(at), dtype=pl.Boolean, eager=True)

    def _texts(self, column: pl.Series) -> tuple[pl.Series, pl.Series]:
        form = fixed.template(self.example.strip(), month_first=self.order == "mdy")
        if form is None:
            return self._any(column)
        at, good = fixed.read(column, form)
        zoned = pl.repeat(form.zoned, len(at), dtype=pl.Boolean, eager=True)
        odd = ~good & column.is_not_null()
        if not odd.any():
            return at, zoned
        where = odd.arg_true()
        others, their_zones = self._any(column.filter(odd))
        return at.scatter(where, others), zoned.scatter(where, their_zones)

    def _any(self, column: pl.Series) -> tuple[pl.Series, pl.Series]:
        """Date, clock and tail, cut where the example is cut; what does not fit is taken apart by a pattern."""
        place = next((number for number, sign in enumerate(self.example) if sign in "T "), 0)
        sign = self.example[place : place + 1]
        parts = pl.DataFrame({"text": column}).with_columns(
            pl.col("text").str.slice(0, place).alias("date"),
            pl.col("text").str.slice(place + 1, 8).alias("clock"),
            pl.col("text").str.slice(place + 9).alias("tail"),
        )
        quick = self._understood(parts)
        quick = quick.with_columns(
            pl.when((pl.lit(place) > 0) & (parts["text"].str.slice(place, 1) == sign)).then(pl.col("at")).alias("at")
        )
        odd = quick["at"].is_null() & column.is_not_null()
        if not odd.any():
            return quick["at"], quick["zoned"]
        where = odd.arg_true()
        slow = self._understood(_taken_apart(column.filter(odd)))
        return quick["at"].scatter(where, slow["at"]), quick["zoned"].scatter(where, slow["zoned"])

    def _understood(self, parts: pl.DataFrame) -> pl.DataFrame:
        day = _mapped(parts["date"], self._dates, lambda text: date_number(text, self.order))
        clock = _mapped(parts["clock"], self._clocks, clock_us)
        tails = parts["tail"].fill_null("")
        unique = tails.unique()
        _learn(unique, self._tails, tail_parts)
        known = {text: self._tails[text] for text in unique.to_list()}
        table = pl.DataFrame(
            {
                "tail": list(known),
                "us": [None if part is None else part[0] for part in known.values()],
                "half": [None if part is None else part[1] for part in known.values()],
                "offset": [None if part is None else part[2] for part in known.values()],
            },
            schema={"tail": pl.String, "us": pl.Int64, "half": pl.Int64, "offset": pl.Int64},
        )
        tail = pl.DataFrame({"tail": tails}).join(table, on="tail", how="left", maintain_order="left")
        frame = tail.with_columns(day.alias("day"), clock.alias("clock"))
        half_day = _DAY_US // 2
        clocked = (
            pl.when(pl.col("half").is_null())
            .then(pl.col("clock"))
            .when(pl.col("clock").is_between(half_day // 12, half_day + half_day // 12 - 1))
            .then(pl.col("clock") % half_day + pl.col("half") * half_day)
        )
        return frame.select(
            (pl.col("day") * _DAY_US + clocked + pl.col("us") - pl.col("offset").fill_null(0)).alias("at"),
            pl.col("offset").is_not_null().alias("zoned"),
        )


def _taken_apart(column: pl.Series) -> pl.DataFrame:
    """Date, clock and tail of any text that looks like a time."""
    compact = column.str.replace(r"^\s*(\d{8})(\d{6})", "$1 $2")
    fields = pl.DataFrame({"text": compact}).select(pl.col("text").str.extract_groups(_WHOLE).alias("f")).unnest("f")
    return fields.with_columns(
        pl.when(pl.col("date").is_not_null()).then(pl.col("clock").fill_null("00:00")).alias("clock")
    )


def _learn(unique: pl.Series, known: dict[str, _T], understand: Callable[[str], _T]) -> None:
    if len(known) > _MOST_KNOWN:
        known.clear()
    for text in unique.to_list():
        if text is not None and text not in known:
            known[text] = understand(text)


def _mapped(column: pl.Series, known: dict[str, int | None], understand: Callable[[str], int | None]) -> pl.Series:
    unique = column.drop_nulls().unique()
    _learn(unique, known, understand)
    numbers = [known[text] for text in unique.to_list()]
    return column.replace_strict(unique, pl.Series(numbers, dtype=pl.Int64), default=None, return_dtype=pl.Int64)


def _typed(column: pl.Series) -> tuple[pl.Series, pl.Series]:
    kind = column.dtype
    zoned = isinstance(kind, pl.Datetime) and kind.time_zone is not None
    at = column.cast(pl.Datetime("us")) if kind == pl.Date else column.dt.cast_time_unit("us")
    return at.dt.epoch("us"), pl.repeat(zoned, len(at), dtype=pl.Boolean, eager=True)


def _numbers(column: pl.Series, kind: Kind) -> pl.Series:
    if column.dtype == pl.String:
        text = column.str.strip_chars().str.replace(",", ".", literal=True)
        whole = text.cast(pl.Int64, strict=False)
        number = text.cast(pl.Float64, strict=False)
    else:
        number = column.cast(pl.Float64, strict=False)
        whole = column if column.dtype.is_integer() else pl.repeat(None, len(column), dtype=pl.Int64, eager=True)
    frame = pl.DataFrame({"whole": whole.cast(pl.Int64, strict=False), "number": number})
    finite = pl.when(pl.col("number").is_finite() & (pl.col("number").abs() < 1e19)).then(pl.col("number"))  # noqa: PLR2004 - i64
    if kind == "excel":
        # a day as a float is exact to about a microsecond: round to what Excel shows
        at = ((finite - _EXCEL_DAYS) * 86_400_000).round() * 1000
        return frame.select(at.cast(pl.Int64, strict=False).alias("at"))["at"]
    per = _PER_UNIT[kind]
    exact = pl.col("whole") * int(per) if per >= 1 else pl.col("whole") // 1000
    low, high = (int(limit / per) for limit in (-LATEST_US, LATEST_US))
    sane = pl.when(pl.col("whole").is_between(low, high)).then(exact)
    rough = pl.when(pl.col("number").is_between(low, high)).then(finite * per).round().cast(pl.Int64, strict=False)
    return frame.select(sane.fill_null(rough).alias("at"))["at"]


def guess(samples: list[str]) -> TimeReader | None:
    """How times are written, judged by some of them; None when they are no times."""
    words = [word.strip() for word in samples if word and word.strip()]
    if not words:
        return None
    if all(re.fullmatch(r"[+-]?\d+(?:[.,]\d*)?", word) and not _COMPACT_WHOLE.fullmatch(word) for word in words):
        kind = _unit(max(abs(float(word.replace(",", "."))) for word in words))
        return None if kind is None else TimeReader(kind, example=words[0])
    reader = TimeReader("text", "dmy", words[0])
    at, _ = reader.read(pl.Series(words))
    if at.null_count():
        reader = TimeReader("text", "mdy", words[0])
        if reader.read(pl.Series(words))[0].null_count() > len(words) // 2:
            return None
    return TimeReader("text", order_of(words), words[0])


def _unit(size: float) -> Kind | None:
    if _EXCEL[0] <= size <= _EXCEL[1]:
        return "excel"
    for kind, low, high in (("s", 3e8, 5e9), ("ms", 3e11, 5e12), ("us", 3e14, 5e15), ("ns", 3e17, 5e18)):
        if low <= size <= high:
            return kind  # type: ignore[return-value]
    return None


def order_of(words: list[str]) -> Order:
    """Order of day and month that dates prove; `ymd` when it does not matter, `open` when they prove nothing."""
    found: Order = "ymd"
    for word in words:
        match = re.match(r"\s*(\d{1,2})([./-])(\d{1,2})\2(?:\d{4}|\d\d)(?!\d)", word)
        if match is None:
            continue
        if match[2] == "." or int(match[1]) > 12:  # noqa: PLR2004 - months
            return "dmy"
        if int(match[3]) > 12:  # noqa: PLR2004
            return "mdy"
        found = "open"
    return found
