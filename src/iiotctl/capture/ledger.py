"""The gap ledger: from what sources deliver, miss and report it makes exact rows of the gaps table.

Pure: facts with their times go in, `Gap` rows and null samples come out. Exact, not generous:

- a gap begins 1 µs after the last stored sample and ends 1 µs before the next one; both ends belong to it;
- no gap covers a stored sample that is not Bad; one that turns up later cuts the gap (`observe`);
- of one tag no two gaps overlap, so their lengths may be added up.

A gap of a whole source is one row (`tag` null). Tags that failed on their own before it are carried along in
`SourceState.resume`: their own gap ends where the source's begins and goes on where that ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iiotctl.capture.clockset import set_back, set_forward
from iiotctl.capture.gapbook import GapBook, OpenGap
from iiotctl.capture.intervals import cut
from iiotctl.capture.latecut import cut_late
from iiotctl.capture.ledgerstate import LedgerTag, SourceState, TagColumns, null_samples
from iiotctl.capture.turning import behind, end_of, is_past, turning
from iiotctl.samples import NULL_TIME, Gap, GapReason, SampleBatch

_SHARED_US: Final = 50_000
"""Requests of one cycle share a timestamp within this (design §4.1): no reason to split a source's gap."""

_CONNECTION: Final = (GapReason.DISCONNECTED, GapReason.TIMEOUT, GapReason.REFUSED)
Recent = Callable[[int, int, int], Sequence[int]]  # (code, start, end) → times of samples stored lately in it


class Ledger:
    """State of all sources and tags of a run; one call per thing that happens.

    Args:
        new_id: gives ids that are unique in the store.
        since: µs UTC, begin of the run.
    """

    def __init__(self, new_id: Callable[[], str], since: int) -> None:
        self.book = GapBook(new_id, lambda code: self._names[code], since)
        self._names: dict[int, str] = {}
        self._sources: dict[str, SourceState] = {}
        self._tags: dict[int, LedgerTag] = {}
        self._own: dict[int, OpenGap] = {}
        self._by_code = TagColumns()

    def add_source(self, name: str, *, stamped_here: bool, since: int) -> None:
        """A source begins; `stamped_here`: its timestamps come from our clock."""
        if name not in self._sources:
            self._sources[name] = SourceState(name, stamped_here, since)

    def define(self, tags: Iterable[LedgerTag]) -> None:
        """Tags begin or change; their source was added before."""
        for tag in tags:
            self._by_code.reserve(tag.code)
            source = self._sources[tag.source]
            if tag.code not in self._tags:
                source.codes = np.append(source.codes, np.uint32(tag.code))
            if tag.code not in self._names:
                source.ever.append(tag.code)
                self.book.join(tag.source, tag.code, tag.since)
            known = self._tags.get(tag.code)
            self._tags[tag.code] = tag if known is None else replace(tag, since=known.since)
            self._names[tag.code] = tag.name
        for source in self._sources.values():
            members = [self._tags[code] for code in source.codes.tolist()]
            source.period_us = min((tag.period_us for tag in members), default=0)
            source.exception = bool(members) and all(tag.exception for tag in members)

    def remove(self, codes: Iterable[int], at: int) -> list[Gap]:
        """Tags leave the site file: what is open of them ends at `at`."""
        rows: list[Gap] = []
        for code in codes:
            if (tag := self._tags.get(code)) is None:
                continue
            source = self._sources[tag.source]
            rows += self._close_own(code, at, at)
            source.codes = source.codes[source.codes != code]
            source.resume.pop(code, None)
            del self._tags[code]
        return rows

    def remove_source(self, name: str, at: int) -> list[Gap]:
        """A source leaves the site file: what is open of it and of its tags ends at `at`."""
        rows = self.remove(self._sources[name].codes.tolist(), at)
        rows += self._close_wide(self._sources[name], at, at)
        del self._sources[name]
        return rows

    def hear(self, alive_at: Mapping[str, int]) -> None:
        """Signs of life by source without samples; see `SourceStatus.alive_at`, 0 = unknown."""
        for name, at in alive_at.items():
            if at and name in self._sources:
                self._sources[name].alive = at

    def open_since(self, name: str) -> int | None:
        """Start of the gap that the whole source is in, µs UTC; None when it delivers."""
        gap = self._sources[name].gap
        return None if gap is None else gap.start

    def open_tags(self, name: str) -> int:
        """Number of a source's tags with a gap of their own."""
        return int(np.count_nonzero(self._by_code.is_open[self._sources[name].codes]))

    def resume(
        self,
        name: str,
        *,
        previous_end: int | None,
        last: Mapping[int, int],
        open_gaps: Sequence[Gap],
        reason: GapReason,
        at: int,
    ) -> list[Gap]:
        """Go on after an earlier run of the same store: the hole since then is a gap until samples come.

        Args:
            name: the source.
            previous_end: µs UTC of the last instant the earlier run accounts for; None = there was none.
            last: last stored sample of the tags, µs UTC by code.
            open_gaps: gaps of this source that the earlier run left open; they go on.
            reason: `shutdown` or `restart`.
            at: now, µs UTC.
        """
        source = self._sources[name]
        for code, ts in last.items():
            self._by_code.last[code] = ts
        source.last = max(last.values(), default=NULL_TIME)
        rows: list[Gap] = []
        wide = sorted((gap for gap in open_gaps if gap.tag is None), key=lambda gap: gap.start)
        if wide:
            source.gap = self.book.adopt(wide[0], None)
        elif previous_end is not None:
            source.gap, row = self.book.open(name, None, previous_end + 1, reason, at)
            rows.append(row)
        rows += [self.book.close(self.book.adopt(row, None), row.start - 1, at) for row in wide[1:]]
        codes = {self._names[code]: code for code in source.codes.tolist()}
        for row in (gap for gap in open_gaps if gap.tag is not None):
            known = codes.get(row.tag or "")
            end = at if source.gap is None else source.gap.start - 1
            if known is None:
                stamp = max(at, row.detected_at + 1)
                rows.append(replace(row, end=max(end, row.start), detected_at=stamp, withdrawn=end < row.start))
            elif source.gap is None:
                self._own[known] = self.book.adopt(row, known)
                self._by_code.is_open[known] = True
            else:
                rows.append(self.book.close(self.book.adopt(row, known), end, at))
                source.resume[known] = row.reason
        return rows

    def observe(
        self, name: str, delivered: SampleBatch, kept: SampleBatch, received: int, *, alive_at: int = 0
    ) -> list[Gap]:
        """Samples came; gaps that they end are closed, gaps that they fall into are cut.

        Args:
            name: the source.
            delivered: as the source handed them over.
            kept: those that will be stored (see `filter`).
            received: µs UTC, for samples without `ts_received`.
            alive_at: as in `SourceStatus`; 0 = the time of receipt stands for it.
        """
        source = self._sources[name]
        rows: list[Gap] = []
        if len(delivered):
            source.alive = alive_at or max(source.alive, received)
            if source.gap is not None:
                rows += self._end_wide(source, source.gap, delivered, received)
            if self._own and (mask := self._by_code.is_open[delivered.tag]).any():
                rows += self._end_own(delivered, mask, received)
            self._by_code.is_nulled[delivered.tag] = False
        if len(kept):
            np.maximum.at(self._by_code.last, kept.tag, kept.ts)
            source.last = max(source.last, int(kept.ts.max()))
            if int(kept.ts.min()) <= self.book.latest_end(name):
                rows += cut_late(self.book, self._tags, source, kept, received)
        return rows

    def _end_wide(self, source: SourceState, gap: OpenGap, batch: SampleBatch, received: int) -> list[Gap]:
        end = end_of(gap.start, batch, received, together_us=max(_SHARED_US, source.period_us))
        rows = self._close_wide(source, end, received)
        here = set(np.unique(batch.tag).tolist())
        for code, reason in source.resume.items():
            if code not in here and code in self._tags:
                rows.append(self._open_own(self._tags[code], max(end + 1, gap.start), reason, received))
        source.resume.clear()
        return rows

    def _end_own(self, batch: SampleBatch, mask: NDArray[np.bool_], received: int) -> list[Gap]:
        rows: list[Gap] = []
        for code in np.unique(batch.tag[mask]).tolist():
            end = end_of(self._own[code].start, batch.take(batch.tag == code), received, together_us=0)
            rows += self._close_own(code, end, received)
        return rows

    def failed(
        self,
        name: str,
        codes: Sequence[int] | None,
        reason: GapReason,
        quality: int,
        at: int,
        *,
        alive_at: int = 0,
    ) -> tuple[list[Gap], SampleBatch]:
        """Tags (None = the whole source) cannot be read since `at`; idempotent while it lasts.

        Args:
            name: the source.
            codes: the tags.
            reason: why.
            quality: status code of the null samples.
            at: µs UTC.
            alive_at: as in `SourceStatus`.

        Returns:
            Gap rows, and one null sample for each tag that had none in this failure.
        """
        source = self._sources[name]
        source.alive = alive_at or source.alive
        rows: list[Gap] = []
        if codes is None:
            wanted, rows = source.codes, self._open_wide(source, reason, at)
        else:
            known = [code for code in codes if code in self._tags]
            wanted = np.asarray(known, np.uint32)
            for code in known:
                if source.gap is not None:
                    source.resume.setdefault(code, reason)
                    rows += self._part_past(source, at)
                elif not self._by_code.is_open[code]:
                    tag = self._tags[code]
                    rows.append(self._open_own(tag, self._start_of(source, tag), reason, at))
        fresh = wanted[~self._by_code.is_nulled[wanted]]
        self._by_code.is_nulled[fresh] = True
        return rows, null_samples(fresh, at, quality)

    def _part_past(self, source: SourceState, at: int) -> list[Gap]:
        """Every tag fails on its own since the run began: what an earlier run left open ends where this one begins."""
        if source.gap is None or not is_past(source.gap, source.since) or len(source.resume) < source.codes.size:
            return []
        rows = self._close_wide(source, source.since - 1, at)
        failing, source.resume = source.resume, {}
        return rows + [self._open_own(self._tags[code], source.since, why, at) for code, why in failing.items()]

    def bridged(self, name: str, at: int) -> list[Gap]:
        """The connection was away and nothing was missed: its gap is withdrawn; what was lost is told by `lost`."""
        source = self._sources[name]
        gap = source.gap
        if gap is None or gap.reason not in _CONNECTION:
            return []
        source.gap = None
        failing = [(self._tags[code], reason) for code, reason in source.resume.items() if code in self._tags]
        source.resume.clear()
        rows = [self._open_own(tag, gap.start, reason, at) for tag, reason in failing]
        return [self.book.close(gap, gap.start - 1, at), *rows]

    def dropping(self, name: str, reason: GapReason, at: int) -> list[Gap]:
        """Samples of a source are thrown away (disk, backlog) until `observe` sees the next ones."""
        return self._open_wide(self._sources[name], reason, at)

    def _open_wide(self, source: SourceState, reason: GapReason, at: int) -> list[Gap]:
        rows: list[Gap] = []
        if source.gap is not None:
            turn = turning(source.gap, reason, source.since, at)
            if turn is None:
                return []
            rows += self._close_wide(source, turn - 1, at)
        known = max(source.last, source.heard) if source.exception else source.last
        start = source.since if known == NULL_TIME else known + 1
        if source.codes.size:
            start = max(start, int(self._by_code.covered[source.codes].max()) + 1)
        for code in source.codes.tolist():
            if code in self._own:
                source.resume[code] = self._own[code].reason
                rows += self._close_own(code, start - 1, at)
        late = behind((self._tags[code] for code in source.codes.tolist()), self._by_code, start)
        rows += [self.book.record(source.name, code, (first, start - 1), reason, at) for code, first in late]
        source.gap, row = self.book.open(source.name, None, start, reason, at)
        return [*rows, row]

    def _start_of(self, source: SourceState, tag: LedgerTag) -> int:
        known = max(int(self._by_code.last[tag.code]), int(self._by_code.covered[tag.code]))
        if tag.exception:
            known = max(known, source.heard)
        return max(known + 1, tag.since)

    def _open_own(self, tag: LedgerTag, start: int, reason: GapReason, at: int) -> Gap:
        self._own[tag.code], row = self.book.open(tag.source, tag.code, start, reason, at)
        self._by_code.is_open[tag.code] = True
        return row

    def _close_own(self, code: int, end: int, at: int) -> list[Gap]:
        gap = self._own.pop(code, None)
        if gap is None:
            return []
        self._by_code.is_open[code] = False
        self._by_code.covered[code] = max(int(self._by_code.covered[code]), end)
        return [self.book.close(gap, end, at)]

    def _close_wide(self, source: SourceState, end: int, at: int) -> list[Gap]:
        gap, source.gap = source.gap, None
        if gap is None:
            return []
        self._by_code.covered[source.codes] = np.maximum(self._by_code.covered[source.codes], end)
        source.settled = max(source.settled, end)
        return [self.book.close(gap, end, at)]

    def lost(
        self,
        name: str,
        codes: Sequence[int] | None,
        reason: GapReason,
        start: int,
        end: int,
        *,
        at: int,
        recent: Recent,
    ) -> list[Gap]:
        """Samples between two instants are gone, the source is fine again.

        Args:
            name: the source.
            codes: the tags; None = all of the source.
            reason: why.
            start: µs UTC, inside the hole.
            end: µs UTC, inside the hole.
            at: now, µs UTC.
            recent: finds samples stored lately, which no gap may cover.
        """
        source = self._sources[name]
        if source.gap is not None:
            end = min(end, source.gap.start - 1)
        wanted = source.codes.tolist() if codes is None else list(codes)
        parts = {code: self._lost_parts(code, start, end, recent) for code in wanted}
        if codes is None and start <= end and all(pieces == [(start, end)] for pieces in parts.values()):
            self._by_code.covered[source.codes] = np.maximum(self._by_code.covered[source.codes], end)
            return [self.book.record(name, None, (start, end), reason, at)]
        rows: list[Gap] = []
        for code, pieces in parts.items():
            for first, last in pieces:
                self._by_code.covered[code] = max(int(self._by_code.covered[code]), last)
                rows.append(self.book.record(name, code, (first, last), reason, at))
        return rows

    def _lost_parts(self, code: int, start: int, end: int, recent: Recent) -> list[tuple[int, int]]:
        tag = self._tags.get(code)
        if tag is None:
            return []
        first = max(start, int(self._by_code.covered[code]) + 1, tag.since)
        last = min(end, self._own[code].start - 1) if code in self._own else end
        if first > last:
            return []
        return cut(first, last, recent(code, first, last), period_us=0, exception=False)

    def accounts(self) -> dict[str, int]:
        """µs UTC by source up to which nothing is missing or a closed gap says what is; none for those in a gap."""
        known = {source.name: source.accounted() for source in self._sources.values() if source.gap is None}
        return {name: until for name, until in known.items() if until != NULL_TIME}

    def stepped(self, step_us: int, at: int) -> list[Gap]:
        """Our wall clock jumped by `step_us` (forward > 0) and shows `at` now.

        Forward: no sample stamped here can lie between; the gap ends with the next sample. See `clockset`.
        """
        rows: list[Gap] = []
        for source in self._sources.values():
            if not source.stamped_here or source.gap is not None or source.last == NULL_TIME:
                continue
            if step_us < 0:
                rows += set_back(self.book, source, self._by_code, at)
                continue
            rows += set_forward(self.book, source, self._by_code, at)
            rows += self._open_wide(source, GapReason.CLOCK_STEP, at)
        return rows

    def close(self, at: int) -> list[Gap]:
        """A clean stop: nothing stays open. The next run's gap begins after each source's last account."""
        rows: list[Gap] = []
        for source in self._sources.values():
            end = at if source.gap is not None or source.last == NULL_TIME else source.last
            for code in source.codes.tolist():
                rows += self._close_own(code, end, at)
            rows += self._close_wide(source, at, at)
            source.resume.clear()
        return rows
