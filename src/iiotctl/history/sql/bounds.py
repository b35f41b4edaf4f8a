"""Which sealed files can hold rows that a question needs: by the date of their folder and what the manifests say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Final

from iiotctl.store.layout import ROLLUPS, SAMPLES, date_of, day_number, day_of
from iiotctl.store.ledger import FileRange

BY_DATE: Final = (SAMPLES, ROLLUPS)
"""Tables whose rows lie in the folder of the date by which they are asked for; the others are small."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is needed of a table; None = no bound.

    Attributes:
        start: µs UTC, inclusive, of the column that the table is dated by.
        end: µs UTC, exclusive.
        tags: names.
    """

    start: int | None = None
    end: int | None = None
    tags: frozenset[str] | None = None

    def may_hold(self, held: FileRange) -> bool:
        """Whether a file with this range can have a row within."""
        if self.start is not None and held.ts_max is not None and held.ts_max < self.start:
            return False
        if self.end is not None and held.ts_min is not None and held.ts_min >= self.end:
            return False
        low, high = held.tag_min, held.tag_max
        return self.tags is None or low is None or high is None or any(low <= tag <= high for tag in self.tags)

    def has_day(self, day: date) -> bool:
        """Whether a row of this UTC date can lie within."""
        if self.start is not None and day < day_of(day_number(self.start)):
            return False
        return self.end is None or day <= day_of(day_number(self.end - 1))


class FileIndex:
    """The sealed files of a snapshot.

    Args:
        files: by table, those of a table by date.
        ranges: what they hold; a file that is not in it is unknown.
    """

    def __init__(self, files: Mapping[str, Sequence[Path]], ranges: Mapping[Path, FileRange]) -> None:
        self.files = files
        self._ranges = ranges

    @cached_property
    def _days(self) -> dict[str, dict[date | None, list[Path]]]:
        days: dict[str, dict[date | None, list[Path]]] = {}
        folders: dict[str, date | None] = {}
        for table in BY_DATE:
            by_day = days.setdefault(table, {})
            for path in self.files.get(table, ()):
                folder = str(path).rpartition("/")[0]
                if folder not in folders:
                    folders[folder] = date_of(path.parent)
                by_day.setdefault(folders[folder], []).append(path)
        return days

    def chosen(self, table: str, wanted: Sequence[Bounds]) -> list[Path]:
        """Files that may hold a row within any of the bounds, in their order; none when nothing is wanted."""
        if table not in BY_DATE:
            return list(self.files.get(table, ())) if wanted else []
        found = []
        for day, paths in self._days[table].items():
            here = [bounds for bounds in wanted if day is None or bounds.has_day(day)]
            for path in paths if here else ():
                held = self._ranges.get(path)
                if held is None or any(bounds.may_hold(held) for bounds in here):
                    found.append(path)
        return found
