"""When the next scan is due: deadlines on a fixed grid, without drift and without a queue of late ones.

    deadline(k) = start + k * period

A scan that overruns its period makes later deadlines pass. Of those that have passed, only the latest is
still served, at once and late; the others are skipped and counted, never queued up: a slow device gets
as many scans as it can take, and a stalled process does not fire a burst when it wakes.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

_LATE: Final = 0.1
"""A scan that starts later than this share of its period counts as late."""


@dataclass(frozen=True, slots=True)
class Tick:
    """One deadline that is served.

    Attributes:
        index: k of the deadline.
        deadline: seconds on the clock of the ticker.
        skipped: deadlines between the previous tick and this one that were not served.
        lag: seconds between the deadline and now; 0 when it lies ahead.
    """

    index: int
    deadline: float
    skipped: int
    lag: float


def next_tick(start: float, period: float, last: int, now: float) -> Tick:
    """The deadline to serve after the one of index `last` (-1 = none served yet).

    Args:
        start: seconds, deadline 0.
        period: seconds, > 0.
        last: index of the deadline served last.
        now: seconds.
    """
    latest_passed = math.floor((now - start) / period)
    # the division rounds: settle on the largest index whose deadline is not ahead of now
    if start + (latest_passed + 1) * period <= now:
        latest_passed += 1
    elif start + latest_passed * period > now:
        latest_passed -= 1
    index = max(last + 1, latest_passed)
    deadline = start + index * period
    return Tick(index, deadline, index - last - 1, max(0.0, now - deadline))


class Ticker:
    """Waits for deadlines; clock and sleep are handed in so that tests need no time.

    Args:
        period: seconds, > 0.
        monotonic: seconds that never step back.
        sleep: awaitable pause, as `asyncio.sleep`.
        start: deadline 0 in seconds of `monotonic`, for tickers that shall be in phase; None = now. The first
            tick comes at once in any case, the following ones on the grid.

    Attributes:
        skipped: deadlines never served.
        late: ticks that came more than a tenth of a period after their deadline.
    """

    def __init__(
        self,
        period: float,
        *,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        start: float | None = None,
    ) -> None:
        self.period = period
        self.skipped = 0
        self.late = 0
        self._monotonic = monotonic
        self._sleep = sleep
        now = monotonic()
        self._start = now if start is None else start
        self._last = next_tick(self._start, period, math.floor((now - self._start) / period) - 1, now).index - 1
        self._first = True

    @property
    def following(self) -> float:
        """Seconds of `monotonic` of the deadline after the one served last."""
        return self._start + (self._last + 1) * self.period

    async def next(self) -> Tick:
        """Wait for the next deadline; returns at once when it has passed already."""
        ahead = self.following - self._monotonic()
        # sleeping may end a little early by the clock's resolution; a loop keeps ticks from preceding deadlines
        while ahead > 0:
            await self._sleep(ahead)
            ahead = self.following - self._monotonic()
        tick = next_tick(self._start, self.period, self._last, self._monotonic())
        self._last = tick.index
        if self._first:
            self._first = False
            return Tick(tick.index, tick.deadline, 0, 0.0)
        self.skipped += tick.skipped
        self.late += tick.lag > _LATE * self.period
        return tick
