"""Our wall clock, watched against the monotonic one: a step is an event, never a silent bend in the data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

STEP_US: Final = 1_000_000
"""A jump by more than this is a step; less is what time services slew."""


class Clock:
    """Wall and monotonic clock together.

    Args:
        now_us: wall clock, µs UTC.
        monotonic: seconds that never step back.
    """

    def __init__(self, now_us: Callable[[], int], monotonic: Callable[[], float]) -> None:
        self.now_us = now_us
        self.monotonic = monotonic
        self._wall = now_us()
        self._steady = monotonic()

    def step(self) -> int:
        """µs by which the wall clock has jumped since the last call; 0 = it ran as it should."""
        wall, steady = self.now_us(), self.monotonic()
        jumped = (wall - self._wall) - round((steady - self._steady) * 1e6)
        self._wall, self._steady = wall, steady
        return jumped if abs(jumped) > STEP_US else 0
