"""Where the windows of a tag lie."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Grid:
    """Windows of one tag.

    Attributes:
        window: µs.
        start: µs UTC of the first.
        count: how many.
        apart_limit: µs; rows further apart are no step.
    """

    window: int
    start: int
    count: int
    apart_limit: int

    def part(self, first: int, stop: int) -> Grid:
        """The windows number `first` to `stop` - 1."""
        return Grid(self.window, self.start + first * self.window, stop - first, self.apart_limit)
