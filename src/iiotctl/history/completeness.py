"""How complete the record of each tag is, from the store alone: what was captured when, and what of it is missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from iiotctl.completeness import Completeness, Span, measure
from iiotctl.events import Event
from iiotctl.history.gaps import Wanted, known
from iiotctl.history.sql.reader import Selection
from iiotctl.history.sql.result import Running
from iiotctl.history.sql.statement import Kind, Statement
from iiotctl.store.accounts import accounts
from iiotctl.store.schema import REMOVED, RING

_TAGS: Final = "SELECT tag, source, mode, epoch_us(valid_from) FROM tags_history ORDER BY tag, valid_from"
_GAPS: Final = 'SELECT source, tag, epoch_us(start), epoch_us("end"), reason FROM gaps WHERE filled_by IS NULL AND start IS NOT NULL'
_KEPT: Final = 'SELECT source, epoch_us(start), epoch_us("end") FROM kept WHERE "end" IS NOT NULL'
_ROLLUPS: Final = "SELECT tag, count(*) FROM rollups GROUP BY tag"
_SAMPLES: Final = "SELECT tag, epoch_us(min(ts)), epoch_us(max(ts)), count(*) FROM samples GROUP BY tag"


@dataclass(frozen=True, slots=True)
class TagRecord:
    """The record of one tag.

    Attributes:
        tag: name.
        source: its latest source.
        mode: `polled`, `exception` or `ring`; as in the tags table.
        start: µs UTC, first instant captured; None = nothing of the range was.
        end: µs UTC, last one.
        completeness: of the time in which it was captured.
        samples: stored in the range.
        rollups: stored in the range; with `raw = false` they stand for the samples.
        first: µs UTC of the first of them.
        last: µs UTC of the last.
        interval_s: of a polled tag the mean time between two of them outside gaps; None where that says nothing.
    """

    tag: str
    source: str
    mode: str
    start: int | None
    end: int | None
    completeness: Completeness
    samples: int
    rollups: int
    first: int | None
    last: int | None
    interval_s: float | None


@dataclass(frozen=True, slots=True)
class _Stint:
    """A time in which a source captured a tag; `end` None = still."""

    source: str
    mode: str
    start: int
    end: int | None


def records(selection: Selection, wanted: Wanted, notice: Callable[[Event], None], now: int) -> list[TagRecord]:
    """Every tag, the least complete first.

    Args:
        selection: store and range.
        wanted: source and tag to keep; its reason does not count.
        notice: is told about files that had to be left out.
        now: µs UTC, up to which open gaps last.

    Raises:
        IncompleteError: `no-tags` or `no-source`.
        StoreError: no store.
    """
    for column, name in (("source", wanted.source), ("tag", wanted.tag)):
        if name is not None:
            known(selection, column, name, notice)

    def ask(sql: str) -> list[Any]:
        with Running(selection, Statement(sql, Kind.SELECT), notice) as running:
            return list(running.rows()[1])

    stints = _stints(ask(_TAGS))
    samples = {tag: (first, last, count) for tag, first, last, count in ask(_SAMPLES)}
    gaps = [(source, tag, start, now if end is None else end, reason) for source, tag, start, end, reason in ask(_GAPS)]
    book = _Book(selection, stints, samples, gaps, ask(_KEPT))
    book.rollups = dict(ask(_ROLLUPS))
    found = [
        book.record(tag)
        for tag, of_tag in stints.items()
        if wanted.tag in (None, tag) and wanted.source in (None, of_tag[-1].source)
    ]
    return sorted(
        found, key=lambda record: (2.0 if (share := record.completeness.share) is None else share, record.tag)
    )


def _stints(rows: Iterable[tuple[str, str, str, int]]) -> dict[str, list[_Stint]]:
    found: dict[str, list[_Stint]] = defaultdict(list)
    for tag, source, mode, at in rows:
        of_tag = found[tag]
        if of_tag and of_tag[-1].end is None:
            last = of_tag.pop()
            of_tag.append(_Stint(last.source, last.mode, last.start, at - 1))
        if mode != REMOVED:
            of_tag.append(_Stint(source, mode, at, None))
    return {tag: of_tag for tag, of_tag in found.items() if of_tag}


class _Book:
    """What the tables say, by source and tag.

    Args:
        selection: store and range.
        stints: by tag.
        samples: first and last time and count by tag.
        gaps: source, tag, start, end, reason.
        kept: source, start, end.
    """

    def __init__(
        self,
        selection: Selection,
        stints: dict[str, list[_Stint]],
        samples: dict[str, tuple[int, int, int]],
        gaps: list[tuple[str, str | None, int, int, str]],
        kept: list[tuple[str | None, int, int]],
    ) -> None:
        self._selection = selection
        self._stints = stints
        self._samples = samples
        self._kept = kept
        self.rollups: dict[str, int] = {}
        self._gaps: dict[tuple[str, str | None], list[tuple[int, int, str]]] = defaultdict(list)
        for source, tag, start, end, reason in gaps:
            self._gaps[source, tag].append((start, end, reason))
        self._ends = dict(accounts(selection.root))
        """By source the last instant that the store tells anything about."""
        for source, _, _, end, _ in gaps:
            self._reaches(source, end)
        for tag, (_, last, _) in samples.items():
            if tag in stints:
                self._reaches(stints[tag][-1].source, last)
        for name, _, end in kept:
            for source in list(self._ends) if name is None else [name]:
                self._reaches(source, end)

    def _reaches(self, source: str, end: int) -> None:
        self._ends[source] = max(self._ends.get(source, end), end)

    def _span(self, tag: str, stint: _Stint) -> Span | None:
        """What of a stint lies in the range and in the record."""
        start, end = stint.start, self._ends.get(stint.source)
        if end is None:
            return None
        if stint.end is not None:
            end = min(end, stint.end)
        first, last, _ = self._samples.get(tag, (start, start, 0))
        if end < start and stint is self._stints[tag][0]:
            # all of the source is older than its row: an import or a replay
            start, end = first, last
        if self._selection.start is not None:
            start = max(start, self._selection.start)
        if self._selection.end is not None:
            end = min(end, self._selection.end - 1)
        return (start, end) if start <= end else None

    def record(self, tag: str) -> TagRecord:
        """The record of one tag."""
        stints = self._stints[tag]
        spans: list[Span] = []
        gaps: list[tuple[int, int, str]] = []
        windows: list[Span] = []
        for stint in stints:
            if (span := self._span(tag, stint)) is None:
                continue
            spans.append(span)
            low, high = span
            of_it = [*self._gaps.get((stint.source, None), ()), *self._gaps.get((stint.source, tag), ())]
            gaps += [
                (max(start, low), min(end, high), why) for start, end, why in of_it if start <= high and end >= low
            ]
            is_ring = stint.mode == RING
            windows += (
                [(one, two) for name, one, two in self._kept if name in (None, stint.source)] if is_ring else [span]
            )
        goes_round = any(stint.mode == RING for stint in stints)
        whole = measure(spans, gaps, windows if goes_round else None)
        first, last, count = self._samples.get(tag, (None, None, 0))
        is_paced = stints[-1].mode == "polled" and count > 1
        return TagRecord(
            tag=tag,
            source=stints[-1].source,
            mode=stints[-1].mode,
            start=spans[0][0] if spans else None,
            end=spans[-1][1] if spans else None,
            completeness=whole,
            samples=count,
            rollups=self.rollups.get(tag, 0),
            first=first,
            last=last,
            interval_s=(whole.captured - whole.missing_us) / count / 1e6 if is_paced else None,
        )
