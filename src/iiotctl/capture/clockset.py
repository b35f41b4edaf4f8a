"""What a clock that was set means for the gaps of a source whose samples it stamps. Pure."""

from __future__ import annotations

from dataclasses import replace

from iiotctl.capture.gapbook import GapBook
from iiotctl.capture.ledgerstate import SourceState, TagColumns
from iiotctl.samples import Gap, GapReason


def set_back(book: GapBook, source: SourceState, columns: TagColumns, at: int) -> list[Gap]:
    """Our clock was set back and shows `at` (µs UTC) now.

    Nothing is missing between, so a gap of one microsecond marks the place; the time that comes twice lies between
    its `detected_at` and its `start`. Where the clock shows a time that it had only jumped over, the gap of that jump
    ends here, and outages from now on are gaps as usual. Where it shows a time that it has shown before, the samples
    of the first pass are stored there, and no gap may cover them.
    """
    mark = source.last + 1
    rows = [replace(book.record(source.name, None, (mark, mark), GapReason.CLOCK_STEP, at), detected_at=at)]
    if source.clock_set(at):
        columns.turned_back(source.codes, mark)
        return rows
    for gap in book.wide_around(source.name, [at]):
        rows += book.replace(gap, [(gap.start, at - 1)], at)
    source.last = source.settled = at
    columns.turned_back(source.codes, at)
    return rows


def set_forward(book: GapBook, source: SourceState, columns: TagColumns, at: int) -> list[Gap]:
    """Our clock was set forward and shows `at` (µs UTC) now; the caller opens a gap after `source.last`.

    Times between that the clock has shown before hold samples: the gap goes around them.
    """
    source.clock_set(at)
    rows = []
    for first, last in sorted(source.shown):
        if source.last < first and last < at:
            rows.append(book.record(source.name, None, (source.last + 1, first - 1), GapReason.CLOCK_STEP, at))
            source.last = last
            columns.covered[source.codes] = last + 1  # the microsecond that marked the step back
    return rows
