"""What is worth compacting, from names, times and row counts alone. Pure but for the listing of files.

Samples: each closed hour of a date is to stand in one file. A file that holds rows of several hours is cut, so files
whose hours overlap go together; what they hold of hours that are still open goes into files of those hours, and into
the next run. A file is not cut when nothing is gained: an import of a quiet plant has few rows a day, and 24 small
files are worse than one. Other tables: one file for each date that is over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Final, Literal

from iiotctl.store.layout import SAMPLES, Layout, Table, date_of, is_day_file, segment_of
from iiotctl.store.ledger import Ledger, path_of
from iiotctl.store.standing import counting

HOUR_US: Final = 3_600_000_000
DAY_US: Final = 24 * HOUR_US
SLACK_US: Final = 10 * 60_000_000
"""An hour is closed when it has been over for so long: captures seal every five minutes."""
WORTH_ROWS: Final = 1_000_000
"""A file of more than a few hours with fewer rows is not cut into hours."""
FEW_HOURS: Final = 2
Form = Literal["hour", "day"]
HOUR: Final[Form] = "hour"
DAY: Final[Form] = "day"


@dataclass(frozen=True, slots=True)
class Rules:
    """When files are due; `daily_after_us` as in `compact`."""

    now_us: int
    daily_after_us: int | None = None

    @property
    def open_from(self) -> int:
        """First hour since 1970 (UTC) that is not closed."""
        return (self.now_us - SLACK_US) // HOUR_US


@dataclass(frozen=True, slots=True)
class Held:
    """A file of one date, and what it holds at most; hours since 1970, both included."""

    path: Path
    rows: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Part:
    """Files of one date that are to become others together, in the order of their names."""

    table: Table
    day: date
    form: Form
    files: tuple[Held, ...]

    @property
    def day_number(self) -> int:
        """Days since 1970-01-01."""
        return day_number_of(self.day)

    @property
    def paths(self) -> list[Path]:
        """Of the files."""
        return [one.path for one in self.files]

    @property
    def rows(self) -> int:
        """Of all files."""
        return sum(one.rows for one in self.files)

    @property
    def hours(self) -> range:
        """Hours since 1970 in which there may be rows."""
        return range(min(one.first for one in self.files), max(one.last for one in self.files) + 1)


def files_by_date(
    layout: Layout, known: Ledger, table: Table
) -> Iterator[tuple[date, list[Held], list[tuple[Path, str]]]]:
    """Files of a table by date: those that may be compacted, and those that are none of ours, with the reason.

    Args:
        layout: of the store.
        known: read before.
        table: which.
    """
    for folder, paths in groupby(counting(layout, known, layout.files(table)), key=lambda path: path.parent):
        day = date_of(folder)
        assert day is not None
        number = day_number_of(day)
        held: list[Held] = []
        left: list[tuple[Path, str]] = []
        for path in paths:
            found = known.ranges.get(path_of(layout, path))
            segment = segment_of(path)
            if segment is not None and layout.segment(segment).exists():
                continue  # being sealed: the segment is the truth
            if found is None:
                left.append((path, "no manifest knows it"))
            elif found.ts_min is None or found.ts_max is None:
                left.append((path, "its manifest does not say what times it holds"))
            elif not number * DAY_US <= found.ts_min <= found.ts_max < (number + 1) * DAY_US:
                left.append((path, "it holds rows of other dates than its folder"))
            else:
                held.append(Held(path, found.rows, found.ts_min // HOUR_US, found.ts_max // HOUR_US))
        yield day, held, left


def parts(table: Table, day: date, files: Sequence[Held], rules: Rules) -> list[Part]:
    """What is to be done with the files of a date."""
    number = day_number_of(day)
    is_over = rules.open_from >= (number + 1) * 24
    if table != SAMPLES:
        return [Part(table, day, DAY, tuple(files))] if is_over and len(files) > 1 else []
    old = rules.daily_after_us is not None and rules.now_us - rules.daily_after_us >= (number + 1) * 24 * HOUR_US
    if is_over and old:
        return [Part(table, day, DAY, tuple(files))] if len(files) > 1 else []
    closed = [one for one in files if one.first < rules.open_from]
    found = []
    for together in _overlapping(closed):
        form: Form = DAY if is_over and _stays_whole(together) else HOUR
        if _is_worth(together, form, rules.open_from):
            found.append(Part(table, day, form, tuple(sorted(together, key=lambda one: one.path.name))))
    return found


def day_number_of(day: date) -> int:
    """Days since 1970-01-01."""
    return day.toordinal() - date(1970, 1, 1).toordinal()


def _overlapping(files: Iterable[Held]) -> Iterator[list[Held]]:
    """Files by hours that touch each other."""
    together: list[Held] = []
    last = -1
    for one in sorted(files, key=lambda one: one.first):
        if together and one.first > last:
            yield together
            together = []
        together.append(one)
        last = max(last, one.last) if len(together) > 1 else one.last
    if together:
        yield together


def _stays_whole(files: Sequence[Held]) -> bool:
    if any(is_day_file(one.path) for one in files):
        return True
    is_long = any(one.last - one.first >= FEW_HOURS for one in files)
    return is_long and sum(one.rows for one in files) <= WORTH_ROWS


def _is_worth(files: Sequence[Held], form: Form, open_from: int) -> bool:
    if form == DAY:
        return len(files) > 1
    if len(files) == 1:
        (only,) = files
        return only.rows > WORTH_ROWS and only.last - only.first >= FEW_HOURS and only.last < open_from
    touched = Counter(hour for one in files for hour in range(one.first, min(one.last + 1, open_from)))
    return max(touched.values(), default=0) > 1
