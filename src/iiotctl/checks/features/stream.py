"""One streaming pass over the samples of many tags: their feature tables, with constant memory at any size.

    with of_store(root, Wanted(start, end), notice) as found:      # or: from_arrays({tag: Samples(...)}, wanted)
        found.tags                      # names with rows in the range, sorted
        found.facts["press1.p"]         # window, interval, rows, first_row, last_row, last_change, text
        found.read(["press1.p"])        # [Features], each over the whole asked range
        found.anchors("press1.p")       # for the replay check, if `Wanted.anchors`; else None
        found.rows                      # of all tags
    # leaving gives the temporary file back: read what you keep inside

`Wanted.windows` fixes the window of tags (from a frozen baseline); others get theirs by the median interval of their
first rows. `evidence.rows(root, tag, start, end, notice)` are the samples themselves. A table is the same as `table_of`
makes of all the tag's rows at once; that it is made in pieces cannot be seen.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from iiotctl.checks.features.anchors import AnchorSpill
from iiotctl.checks.features.carry import Carried
from iiotctl.checks.features.columns import COLUMNS, Features, empty
from iiotctl.checks.features.compute import record_type, tables_of
from iiotctl.checks.features.samples import Samples
from iiotctl.checks.features.spill import Spill

if TYPE_CHECKING:
    from iiotctl.checks.features.source import Epoch, Job, Source
    from iiotctl.checks.tagdata import Anchors
    from iiotctl.events import Event

_WORKERS: Final = 2
_TAGS_AT_END: Final = 256
_ATTEMPTS: Final = 5
"""Looks at the store; more than one only when files vanish."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a pass shall make.

    Attributes:
        start, end: µs UTC, the range [start, end); rows outside do not count.
        columns: of the table.
        tags: names; None = all that have rows in the range.
        windows: µs by tag, where the window is given.
        anchors: make anchors for the replay check.
        folder: where the temporary file is made; None = the system's choice.
    """

    start: int
    end: int
    columns: frozenset[str] = frozenset(COLUMNS)
    tags: frozenset[str] | None = None
    windows: Mapping[str, int] = field(default_factory=dict)
    anchors: bool = False
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What was seen of one tag in the range.

    Attributes:
        window: µs, of its table.
        interval: µs, median time between the first rows; None with fewer than two.
        rows: of any quality.
        first_row, last_row: µs UTC.
        last_change: µs UTC of the last usable row whose value differs from the one before it; None = never one.
        numbers: rows with a finite number that are not Bad.
        text: it has texts and no number.
    """

    window: int
    interval: float | None
    rows: int
    first_row: int
    last_row: int
    last_change: int | None
    numbers: int
    text: bool = False


class Found:
    """What a pass made. A context manager: leaving gives the temporary file back.

    Attributes:
        start, end: µs UTC, the range.
        facts: by tag, names ascending.
        rows: of all tags.
    """

    def __init__(self, wanted: Wanted, facts: Mapping[str, Facts], spill: Spill, anchors: AnchorSpill | None) -> None:
        self.start, self.end = wanted.start, wanted.end
        self.facts = facts
        self.rows = sum(one.rows for one in facts.values())
        self._columns = [name for name in COLUMNS if name in _columns(wanted)]
        self._spill, self._anchors = spill, anchors

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the temporary file back."""
        self._spill.close()
        if self._anchors is not None:
            self._anchors.close()

    @property
    def tags(self) -> tuple[str, ...]:
        """Names with rows in the range, ascending."""
        return tuple(self.facts)

    def read(self, tags: Iterable[str]) -> list[Features]:
        """The tables of tags, each over the whole range. A tag of texts has a table whose `n` is 0.

        Raises:
            KeyError: a tag without rows in the range.
        """
        return [self._table(tag) for tag in tags]

    def anchors(self, tag: str) -> Anchors | None:
        """Of a tag; None when they were not asked for."""
        return None if self._anchors is None else self._anchors.read(tag)

    def _table(self, tag: str) -> Features:
        window = self.facts[tag].window
        start = self.start // window * window
        table = empty(window, start, -((start - self.end) // window), self._columns)
        records = self._spill.read(tag)
        for name, column in table.columns.items():
            column[records["at"]] = records[name]
        return table


def from_arrays(
    samples: Mapping[str, Samples] | Iterable[tuple[str, Samples]], wanted: Wanted, *, batch_rows: int = 1 << 20
) -> Found:
    """The pass over arrays: (tag, its samples in the order of time), each tag once.

    Args:
        samples: by tag, or one after the other, so that they need not be there at once.
        wanted: what to make.
        batch_rows: rows that are computed on at once, about.
    """
    with _closing(_Pass(wanted)) as work:
        waiting: dict[str, Samples] = {}
        size = 0
        for tag, rows in samples.items() if isinstance(samples, Mapping) else samples:
            if wanted.tags is not None and tag not in wanted.tags:
                continue
            first, stop = rows.ts.searchsorted([wanted.start, wanted.end])
            for low in range(first, stop, batch_rows):
                part = rows[low : min(stop, low + batch_rows)]
                if tag in waiting or size + len(part) > batch_rows:
                    work.take(waiting)
                    work.end([done for done in waiting if done != tag])
                    waiting, size = {}, 0
                waiting[tag] = part
                size += len(part)
        work.take(waiting)
        work.end(list(waiting))
        return work.found(texts=())


def of_store(root: Path, wanted: Wanted, notice: Callable[[Event], None]) -> Found:
    """The pass over the samples of a store: sealed files and unsealed rows, also while it is written or compacted.

    Args:
        root: folder of the store.
        wanted: what to make.
        notice: is told of files that had to be left out.

    Raises:
        StoreError: no store here, or one of a newer version.
    """
    from iiotctl.checks.features import source
    from iiotctl.history import texts
    from iiotctl.history.sql.reader import Reader, Selection

    reads = source.Source(
        notice, wanted.start, wanted.end, wanted.tags, arrival=bool({"behind", "ahead"} & wanted.columns)
    )
    # one pool for all: memory that threads of many pools took and gave back adds up
    with _closing(_Pass(wanted)) as work, ThreadPoolExecutor(_WORKERS) as threads:
        begin = wanted.start
        for attempt in range(_ATTEMPTS):
            reads.patient = attempt == _ATTEMPTS - 1
            reads.after = work.last_rows()
            try:
                for epoch, jobs in _planned(root, begin, wanted.end, reads):
                    begin = max(begin, epoch.start)
                    _all_of([threads.submit(_do, work, reads, job) for job in jobs])
                break
            except source.Vanished:
                continue
        work.end(work.tags)
        with Reader(Selection(root, wanted.start, wanted.end), notice, only=("samples",)) as reader:
            return work.found(texts.having(reader, work.without_numbers(), wanted.start, wanted.end))


def _planned(root: Path, start: int, end: int, reads: Source) -> Iterator[tuple[Epoch, list[Job]]]:
    """What there is to do, epoch by epoch, over a store that stays as it is meanwhile."""
    from iiotctl.checks.features.source import epochs
    from iiotctl.store.snapshot import Snapshot

    with Snapshot.open(root, start=start, end=end - 1) as snapshot:
        for bad in (*snapshot.bad_files, *snapshot.missing):
            reads.leave_out(bad.path, bad.cause)
        for epoch in epochs(snapshot):
            yield epoch, reads.jobs(epoch)


def _all_of(futures: Sequence[Future[None]]) -> None:
    """Wait for all; when one failed, for those that run already, so that nobody takes rows any more."""
    wait(futures, return_when=FIRST_EXCEPTION)
    for future in futures:
        future.cancel()
    done, _ = wait(futures)
    for future in done:
        if not future.cancelled():
            future.result()


def _do(work: _Pass, reads: Source, job: Job) -> None:
    for batch in reads.read(job):
        work.take(batch)


@contextmanager
def _closing(work: _Pass) -> Iterator[_Pass]:
    """What did not come to its end gives its temporary files back."""
    try:
        yield work
    except BaseException:
        work.close()
        raise


def _columns(wanted: Wanted) -> frozenset[str]:
    """`rows` and `n` are always there."""
    return wanted.columns | {"rows", "n"}


class _Pass:
    """Takes batches; threads may do so at the same time, each with its own tags."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._columns = _columns(wanted)
        self._spill = Spill(record_type(self._columns), wanted.folder)
        self._anchors = AnchorSpill(wanted.folder) if wanted.anchors else None
        self._carried: dict[str, Carried] = {}
        self._numbers: dict[str, int] = {}

    @property
    def tags(self) -> list[str]:
        return sorted(self._carried)

    def last_rows(self) -> dict[str, int]:
        """µs UTC by tag, of what was taken."""
        return {tag: one.last_row for tag, one in self._carried.items() if one.last_row is not None}

    def close(self) -> None:
        self._spill.close()
        if self._anchors is not None:
            self._anchors.close()

    def take(self, batch: Mapping[str, Samples]) -> None:
        for tag, rows in batch.items():
            if len(rows):
                carried = self._carried.get(tag)
                if carried is None:
                    window = self._wanted.windows.get(tag)
                    carried = self._carried[tag] = Carried(self._wanted.start, self._wanted.end, window)
                carried.add(rows)
        self._make(batch, ended=False)
        if self._anchors is not None:
            self._anchors.take(batch)

    def end(self, tags: Sequence[str]) -> None:
        for some in range(0, len(tags), _TAGS_AT_END):
            self._make(tags[some : some + _TAGS_AT_END], ended=True)

    def _make(self, tags: Iterable[str], *, ended: bool) -> None:
        import numpy as np

        due = {}
        for tag in tags:
            found = self._carried[tag].due(ended=ended) if tag in self._carried else None
            if found is not None:
                due[tag] = found
        if not due:
            return
        rows, grids, firsts = zip(*due.values(), strict=True)
        counts, records = tables_of(rows, grids, self._columns)
        records["at"] += np.repeat(np.array(firsts, np.uint32), counts)
        self._spill.append(due.keys(), counts, records)
        for tag, (low, high) in zip(due, pairwise(accumulate(counts, initial=0)), strict=True):
            self._numbers[tag] = self._numbers.get(tag, 0) + int(records["n"][low:high].sum(dtype=np.float64))

    def without_numbers(self) -> list[str]:
        """Tags that have rows and no number: of texts, all Bad or all NaN."""
        return [tag for tag in self.tags if not self._numbers.get(tag)]

    def found(self, texts: Collection[str]) -> Found:
        facts = {}
        for tag in self.tags:
            one = self._carried[tag]
            assert one.grid is not None
            assert one.first_row is not None
            assert one.last_row is not None
            facts[tag] = Facts(
                one.grid.window, one.interval, one.rows, one.first_row, one.last_row, one.last_change,
                self._numbers.get(tag, 0), tag in texts,
            )  # fmt: skip
        return Found(self._wanted, facts, self._spill, self._anchors)
