"""From conditions to events, block by block with the state carried over. Pure.

A latch as in a PLC, where the reset dominates: an event begins when the start condition is true and the end condition
is not, and ends when the end condition is true. With a time to hold it counts from where the condition became true, if
it stays so long without a doubt. What is unknown (Bad quality, a gap) neither begins nor ends an event, and a time to
hold counts anew behind it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iiotctl.history.events.verdicts import NO, UNKNOWN, YES, Truth, sampled

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Found:
    """One event.

    Attributes:
        start: µs UTC, belongs to it.
        end: µs UTC, does not belong to it; None = it lasts.
        is_start_known: false when it began in a time of which nothing is known.
        is_end_known: false when it ended in such a time.
        uncertain_us: how long within it the end condition was unknown.
        parts: how many it was before they were joined.
    """

    start: int
    end: int | None
    is_start_known: bool = True
    is_end_known: bool = True
    uncertain_us: int = 0
    parts: int = 1


class Latch:
    """State between blocks.

    Args:
        hold_us: how long the start condition must hold.
        end_hold_us: how long the end condition must hold.
    """

    def __init__(self, hold_us: int = 0, end_hold_us: int = 0) -> None:
        self._hold_us, self._end_hold_us = hold_us, end_hold_us
        self._on: Found | None = None
        self._run: tuple[int, bool] | None = None
        """Since when the condition that is waited for holds, and whether it was known before."""
        self._before = UNKNOWN

    @property
    def lasting(self) -> Found | None:
        """The event that is not over; its end condition may hold already, yet not long enough."""
        return self._on

    @property
    def waits(self) -> bool:
        """Whether a condition holds that has not held long enough yet."""
        return self._run is not None

    def feed(self, start: Truth, end: Truth, until: int) -> list[Found]:
        """The next block.

        Args:
            start: of the start condition.
            end: of the end condition, over the same range.
            until: µs UTC, end of the range.

        Returns:
            Events that are over.
        """
        over = []
        for since, to, may_begin, is_over in _pieces(start, end, until):
            if self._on is not None and is_over == UNKNOWN:
                self._on = replace(self._on, uncertain_us=self._on.uncertain_us + to - since)
            if self._on is not None and (run := self._held(is_over, since, to, self._end_hold_us)):
                over.append(replace(self._on, end=run[0], is_end_known=run[1]))
                self._on, self._run, self._before = None, None, NO
            if self._on is None and (run := self._held(may_begin, since, to, self._hold_us)):
                self._on = Found(run[0], None, is_start_known=run[1])
                self._run, self._before = None, NO
        return over

    def _held(self, says: int, since: int, to: int, hold_us: int) -> tuple[int, bool] | None:
        """Where the condition began to hold, once it has held long enough."""
        if says != YES:
            self._run = None
        elif self._run is None:
            self._run = since, self._before == NO
        self._before = says
        return self._run if self._run is not None and to - self._run[0] >= hold_us else None


def _pieces(start: Truth, end: Truth, until: int) -> Iterator[tuple[int, int, int, int]]:
    """Pieces of the range in which nothing turns: since, to, whether an event may begin, whether it is over."""
    import numpy as np

    at: npt.NDArray[np.int64] = np.union1d(start.at, end.at)
    is_over = sampled(end, at)
    may_begin = np.minimum(sampled(start, at), -is_over)
    to = np.append(at[1:], until)
    yield from zip(at.tolist(), to.tolist(), may_begin.tolist(), is_over.tolist(), strict=True)


class Joiner:
    """Events close to each other become one; then those that are too short are left out.

    Args:
        join_us: events with less than this between them are one; 0 = none are.
        shortest_us: shorter ones are none.
    """

    def __init__(self, join_us: int = 0, shortest_us: int = 0) -> None:
        self._join_us, self._shortest_us = join_us, shortest_us
        self._held: Found | None = None

    def add(self, found: Found) -> Iterator[Found]:
        """The next event by start, over or not; events that nothing can be added to any more come out."""
        before = self._held
        if before is not None and before.end is not None and found.start - before.end < self._join_us:
            self._held = Found(
                before.start,
                found.end,
                before.is_start_known,
                found.is_end_known,
                before.uncertain_us + found.uncertain_us,
                before.parts + found.parts,
            )
            return
        self._held = found
        if before is not None:
            yield from self._long_enough(before)

    def is_settled(self, at: int) -> bool:
        """Whether nothing that begins from `at` on (µs UTC) can be added to the last one."""
        return self._held is None or self._held.end is None or self._held.end + self._join_us <= at

    def finish(self, until: int) -> Iterator[Found]:
        """The last one.

        Args:
            until: µs UTC, up to where an event lasts that is not over.
        """
        if self._held is not None:
            yield from self._long_enough(self._held, until)

    def _long_enough(self, found: Found, until: int = 0) -> Iterator[Found]:
        end = until if found.end is None else found.end
        if end - found.start >= self._shortest_us:
            yield found
