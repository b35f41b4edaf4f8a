"""The samples themselves of a short stretch, to show what a finding rests on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from iiotctl.checks.features.samples import Samples

if TYPE_CHECKING:
    from iiotctl.events import Event


def rows(root: Path, tag: str, start: int, end: int, notice: Callable[[Event], None]) -> Samples:
    """Samples of one tag in [start, end), µs UTC.

    Args:
        root: folder of the store.
        tag: exact name.
        start, end: µs UTC; all of it is in memory at once, so hours, not months.
        notice: is told of files that had to be left out.

    Raises:
        StoreError: no store; a file went away meanwhile.
    """
    from iiotctl.history import series
    from iiotctl.history.sql.reader import Reader, Selection

    with Reader(Selection(root, start, end), notice, only=("samples",)) as reader:
        found = series.read(reader, tag, start, end, good_before=0, good_after=0, gaps=False)
    return Samples(found.ts, found.value, found.quality)
