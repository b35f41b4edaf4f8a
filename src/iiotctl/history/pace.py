"""How much time a block of samples spans: longer or shorter than the one before it, as that turned out."""

from __future__ import annotations

from typing import Final

_MOST: Final = 8
"""By how much a block may be longer or shorter than the one before it."""
_SHORTEST_US: Final = 1_000_000


class Pace:
    """Blocks of about the same number of samples.

    Args:
        rows: samples wanted in a block.
        span: µs, of the first block.

    Attributes:
        span: µs, of the next block.
    """

    def __init__(self, rows: int, span: int) -> None:
        self._rows = rows
        self.span = span

    def read(self, rows: int) -> None:
        """A block of the span had so many samples."""
        share = min(max(self._rows / max(rows, 1), 1 / _MOST), _MOST)
        self.span = max(round(self.span * share), _SHORTEST_US)
