"""The rows behind the ledger: open gaps, gaps closed lately (a late sample may cut them), and sums by cause."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from iiotctl.capture.account import Account
from iiotctl.capture.outages import Tally
from iiotctl.completeness import Completeness, overlap, total
from iiotctl.outages import Outages
from iiotctl.samples import NULL_TIME, Gap, GapReason

_KEPT_WIDE: Final = 256
_KEPT_OF_TAG: Final = 32
"""Closed gaps remembered per source and per tag; a sample that falls into an older one no longer cuts it."""


@dataclass(frozen=True, slots=True)
class OpenGap:
    """A gap that lasts.

    Attributes:
        id: of its row.
        source: name of the source.
        code: tag, None = all of the source.
        start: µs UTC.
        reason: why.
    """

    id: str
    source: str
    code: int | None
    start: int
    reason: GapReason


@dataclass(frozen=True, slots=True)
class ClosedGap:
    """A gap that is over; `end` in µs UTC belongs to it."""

    id: str
    source: str
    code: int | None
    start: int
    end: int
    reason: GapReason


class GapBook:
    """Makes rows and remembers what they say.

    Args:
        new_id: gives ids that are unique in the store.
        name_of: name of a tag by its code.
        since: µs UTC, begin of the run; what lies before does not count as missing in it.
    """

    def __init__(
        self,
        new_id: Callable[[], str],
        name_of: Callable[[int], str],
        since: int,
    ) -> None:
        self._account = Account()
        self._begins: dict[int, int] = {}
        self._open: dict[str, OpenGap] = {}
        self._tally = Tally()
        self._stamp = 0
        self._since = since
        self._new_id = new_id
        self._name_of = name_of
        self._wide: dict[str, list[ClosedGap]] = {}
        self._of_tag: dict[int, list[ClosedGap]] = {}
        self._latest: dict[str, int] = {}

    def latest_end(self, source: str) -> int:
        """Latest end of the closed gaps of a source that are remembered; a later sample cuts none."""
        return self._latest.get(source, NULL_TIME)

    def open(self, source: str, code: int | None, start: int, reason: GapReason, at: int) -> tuple[OpenGap, Gap]:
        """A gap begins."""
        gap = OpenGap(self._new_id(), source, code, start, reason)
        self._open[gap.id] = gap
        return gap, self._row(gap, None, at)

    def adopt(self, row: Gap, code: int | None) -> OpenGap:
        """A gap that an earlier run left open goes on."""
        self._stamp = max(self._stamp, row.detected_at)
        gap = self._open[row.id] = OpenGap(row.id, row.source, code, row.start, row.reason)
        return gap

    def totals(self, now: int) -> dict[tuple[str, GapReason], Outages]:
        """Outages of this run by source and cause; those that last count up to `now` (µs UTC)."""
        return self._tally.totals(self._still(), now)

    def planned(self) -> int:
        """Outages since an earlier run that was stopped in order, one at most of each source."""
        return self._tally.planned(self._still(), self._since)

    def _still(self) -> list[tuple[str, GapReason, int]]:
        return [(gap.source, gap.reason, gap.start) for gap in self._open.values()]

    def join(self, source: str, code: int, since: int) -> None:
        """A tag joins its source at `since` (µs UTC)."""
        wide = next((gap for gap in self._open.values() if gap.source == source and gap.code is None), None)
        # both ends of a gap belong to it: up to the instant before the tag begins
        lasting = None if wide is None else (wide.reason, overlap(wide.start, since - 1, self._since, since))
        self._account.join(source, code, lasting)
        self._begins[code] = max(since, self._since)

    def completeness(self, source: str, codes: Iterable[int], now: int) -> list[Completeness]:
        """Of tags of a source that have joined it, in this run up to `now` (µs UTC)."""
        wide = next((gap for gap in self._open.values() if gap.source == source and gap.code is None), None)
        own = {gap.code: gap for gap in self._open.values() if gap.code is not None}
        found = []
        for code in codes:
            since = self._begins[code]
            still: dict[GapReason, int] = {}
            for gap in filter(None, (wide, own.get(code))):
                still[gap.reason] = still.get(gap.reason, 0) + overlap(gap.start, now, since, now)
            captured = max(0, now - since + 1)
            found.append(Completeness(captured, self._account.missing(source, code, still)))
        return found

    def total(self, source: str, codes: Iterable[int], now: int) -> Completeness:
        """All of `completeness` together; tags that only miss what the source misses are reckoned once."""
        own = {gap.code for gap in self._open.values()}
        alike, others = 0, []
        some: list[int] = []
        for code in codes:
            if self._begins[code] == self._since and code not in own and self._account.is_plain(code):
                alike, some = alike + 1, [code]
            else:
                others.append(code)
        shared = self.completeness(source, some, now) * alike
        return total([*shared, *self.completeness(source, others, now)])

    def close(self, gap: OpenGap, end: int, at: int) -> Gap:
        """The gap is over; one that would be empty is withdrawn."""
        self._open.pop(gap.id, None)
        if end < gap.start:
            return self._row(gap, gap.start, at, withdrawn=True)
        closed = ClosedGap(gap.id, gap.source, gap.code, gap.start, end, gap.reason)
        self._remember(closed)
        return self._row(gap, end, at)

    def record(self, source: str, code: int | None, span: tuple[int, int], reason: GapReason, at: int) -> Gap:
        """A gap that is over already; `span` = first and last instant."""
        opened, _ = self.open(source, code, span[0], reason, at)
        return self.close(opened, span[1], at)

    def split(self, gap: ClosedGap, codes: Iterable[int], at: int) -> tuple[Gap, list[ClosedGap]]:
        """A gap of a whole source is withdrawn; each tag gets one of its own, not yet as a row."""
        self._forget(gap)
        parts = [ClosedGap(self._new_id(), gap.source, code, gap.start, gap.end, gap.reason) for code in codes]
        for part in parts:
            self._remember(part)
        return self.row(gap, at, withdrawn=True), parts

    def replace(self, gap: ClosedGap, pieces: Sequence[tuple[int, int]], at: int) -> list[Gap]:
        """A closed gap shrinks to pieces; the first keeps the id."""
        self._forget(gap)
        if not pieces:
            return [self.row(gap, at, withdrawn=True)]
        rows = []
        for number, (start, end) in enumerate(pieces):
            name = gap.id if number == 0 else self._new_id()
            piece = replace(gap, id=name, start=start, end=end)
            self._remember(piece)
            rows.append(self.row(piece, at))
        return rows

    def row(self, gap: ClosedGap, at: int, *, withdrawn: bool = False) -> Gap:
        """A closed gap as it stands in the table."""
        return self._row(gap, gap.end, at, withdrawn=withdrawn)

    def wide_around(self, source: str, times: Sequence[int]) -> list[ClosedGap]:
        """Gaps of the whole source that hold any of `times` (sorted)."""
        return list(_around(self._wide.get(source, ()), times))

    def of_tag_around(self, code: int, times: Sequence[int]) -> list[ClosedGap]:
        """Gaps of a tag's own that hold any of `times` (sorted)."""
        return list(_around(self._of_tag.get(code, ()), times))

    def _row(self, gap: OpenGap | ClosedGap, end: int | None, at: int, *, withdrawn: bool = False) -> Gap:
        name = None if gap.code is None else self._name_of(gap.code)
        # of an id the row detected last counts: no two may be equal, whatever our clock does
        self._stamp = max(at, self._stamp + 1)
        return Gap(gap.id, gap.source, name, gap.start, end, gap.reason, self._stamp, withdrawn=withdrawn)

    def _remember(self, gap: ClosedGap) -> None:
        if gap.code is None:
            kept = self._wide.setdefault(gap.source, [])
            limit = _KEPT_WIDE
        else:
            kept = self._of_tag.setdefault(gap.code, [])
            limit = _KEPT_OF_TAG
        kept.append(gap)
        if len(kept) > limit:
            del kept[0]
        self._latest[gap.source] = max(self.latest_end(gap.source), gap.end)
        self._tally.add(gap.source, gap.reason, gap.id, gap.start, gap.end)
        self._miss(gap)

    def _forget(self, gap: ClosedGap) -> None:
        kept = self._wide[gap.source] if gap.code is None else self._of_tag[gap.code]
        kept.remove(gap)
        self._tally.remove(gap.source, gap.reason, gap.id)
        self._miss(gap, -1)

    def _miss(self, gap: ClosedGap, sign: int = 1) -> None:
        us = sign * overlap(gap.start, gap.end, self._since, gap.end)
        self._account.add(gap.source, gap.code, gap.reason, us)


def _around(gaps: Iterable[ClosedGap], times: Sequence[int]) -> Iterator[ClosedGap]:
    for gap in gaps:
        place = bisect_left(times, gap.start)
        if place < len(times) and times[place] <= gap.end:
            yield gap
