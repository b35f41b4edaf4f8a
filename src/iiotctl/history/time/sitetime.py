"""The clock on the wall of the plant: its time zone and its shifts, also on the days of 23 and 25 hours.

Everything stored is UTC. Where a person types a time, or asks for days and shifts, this says which instant is meant.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from iiotctl.errors import UsageError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - arithmetic of instants without objects of zones
_US: Final = timedelta(microseconds=1)
_DAY: Final = timedelta(days=1)


@lru_cache(maxsize=32)
def _zone(name: str) -> ZoneInfo:
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)


@dataclass(frozen=True, slots=True)
class Gap:
    """A local time that the clock jumped over: the last before the jump and the first behind it, with offsets."""

    before: datetime
    after: datetime


@dataclass(frozen=True, slots=True)
class SiteTime:
    """A time zone and the changes of shift.

    Attributes:
        name: IANA name.
        shifts: times of day at which a shift begins, rising; empty = none known.
    """

    name: str = "UTC"
    shifts: tuple[time, ...] = field(default=())

    @property
    def tz(self) -> ZoneInfo:
        """The zone as the standard library has it, e.g. for `reports.write(local_tz=)`."""
        return _zone(self.name)

    def local(self, at: int) -> datetime:
        """What the clock on the wall shows at an instant (µs UTC), without zone.

        Raises:
            OverflowError: beyond the years 1 to 9999.
        """
        return self.aware(at).replace(tzinfo=None, fold=0)

    def aware(self, at: int) -> datetime:
        """An instant (µs UTC) as a time of this zone.

        Raises:
            OverflowError: beyond the years 1 to 9999.
        """
        return (_EPOCH + timedelta(microseconds=at)).replace(tzinfo=UTC).astimezone(self.tz)

    def instant(self, local: datetime, *, second: bool = False) -> int:
        """µs UTC of a local time.

        Args:
            local: without zone. One that occurs twice is its first passage; one that the clock jumps over is taken as
                if the clock had not been put forward yet, so that a midnight that is missing is the beginning of
                that day.
            second: the second passage instead.

        Raises:
            OverflowError: beyond the years 1 to 9999.
        """
        aware = local.replace(tzinfo=self.tz, fold=int(second))
        return (aware.astimezone(UTC).replace(tzinfo=None) - _EPOCH) // _US

    def is_twice(self, local: datetime) -> bool:
        """Whether the clock shows a local time twice."""
        return self.instant(local) < self.instant(local, second=True)

    def gap(self, local: datetime) -> Gap | None:
        """The jump of the clock that leaves a local time out; None for a time that exists."""
        late, early = self.instant(local), self.instant(local, second=True)
        if late <= early:
            return None
        while late - early > 1:  # the instant of the jump lies between the two readings
            middle = (late + early) // 2
            offset = self.aware(middle).utcoffset()
            early, late = (middle, late) if offset == self.aware(early).utcoffset() else (early, middle)
        return Gap(self.aware(late - 1_000_000), self.aware(late))

    def midnight(self, day: date) -> int:
        """µs UTC of the beginning of a local day."""
        return self.instant(datetime.combine(day, time()))

    def shift(self, at: int, steps: int = 0) -> int:
        """µs UTC of the beginning of the shift that runs at an instant, or of one some steps later (< 0: before).

        Raises:
            ValueError: no shifts are known.
        """
        if not self.shifts:
            msg = "no shifts are known"
            raise ValueError(msg)
        day = self.local(at).date()
        starts = [self._change(day + _DAY * back, begin) for back in (-1, 0, 1) for begin in self.shifts]
        running = bisect_right(starts, at) - 1 + steps
        days, number = divmod(running, len(self.shifts))
        return self._change(day + _DAY * (days - 1), self.shifts[number])

    def _change(self, day: date, begin: time) -> int:
        return self.instant(datetime.combine(day, begin))


UTC_TIME: Final = SiteTime()
"""Where no site file and no flag says otherwise."""


def is_zone(name: str) -> bool:
    """Whether the time zone database has a zone of this name."""
    try:
        _zone(name)
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError; a folder's name an OSError
        return False
    return True


def shifts_of(texts: Sequence[str]) -> tuple[time, ...]:
    """`["22:00", "06:00"]` as times, rising.

    Raises:
        ValueError: one is not a time of day.
    """
    return tuple(sorted(time.fromisoformat(text) for text in texts))


def named(name: str, shifts: tuple[time, ...] = (), *, option: str = "--timezone") -> SiteTime:
    """The time of a zone that a person named.

    Raises:
        UsageError: `bad-value`, with the name that was probably meant.
    """
    if is_zone(name):
        return SiteTime(name, shifts)
    from zoneinfo import available_timezones

    from iiotctl.history.names import near

    known = sorted(available_timezones())
    ends = {zone.rpartition("/")[2].lower(): zone for zone in known}  # people write `Berlin`
    meant = ends.get(name.strip().lower().replace(" ", "_"))
    raise UsageError(
        "bad-value",
        f"`{name}` is no time zone",
        where=option,
        hint=f"did you mean `{meant}`?" if meant else near(name, known) or "use an IANA name such as `Europe/Berlin`",
    )
