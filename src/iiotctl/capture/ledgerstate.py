"""What the gap ledger remembers of sources and tags; columns by tag code so that a batch is one step."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from iiotctl.capture.gapbook import OpenGap
from iiotctl.samples import NULL_TIME, GapReason, SampleBatch, empty_batch


@dataclass(frozen=True, slots=True)
class LedgerTag:
    """What the ledger knows of a tag.

    Attributes:
        code: the tag's code in this run.
        name: name in the site file.
        source: name of its source.
        period_us: scan period or sampling interval in µs.
        exception: true when samples come on change only, so that silence alone means nothing.
        since: µs UTC, since when it is captured in this run.
    """

    code: int
    name: str
    source: str
    period_us: int
    exception: bool
    since: int


@dataclass(slots=True)
class SourceState:
    """A source as the ledger sees it.

    Attributes:
        name: name in the site file.
        stamped_here: its timestamps come from our clock.
        since: µs UTC, since when it is captured in this run.
        codes: uint32[n], its tags.
        ever: all tags it had in this run.
        last: µs UTC, latest stored sample.
        alive: µs UTC in the time of its samples: nothing was missed up to then; see `SourceStatus.alive_at`.
        settled: µs UTC, end of its latest gap.
        gap: the gap that all of it is in.
        resume: tags that fail on their own as well, and why.
        period_us: shortest period of its tags.
        exception: all of its tags report on change.
    """

    name: str
    stamped_here: bool
    since: int
    codes: NDArray[np.uint32] = field(default_factory=lambda: np.empty(0, np.uint32))
    ever: list[int] = field(default_factory=list)
    last: int = NULL_TIME
    alive: int = NULL_TIME
    settled: int = NULL_TIME
    gap: OpenGap | None = None
    resume: dict[int, GapReason] = field(default_factory=dict)
    period_us: int = 0
    exception: bool = False
    shown: list[tuple[int, int]] = field(default_factory=list)
    """First and last instant of each stretch of time that our clock has shown before it was set."""
    clock_since: int = NULL_TIME

    def clock_set(self, at: int) -> bool:
        """Our clock was set to `at`; True when it has shown that time before.

        See `clockset`.
        """
        self.shown.append((self.since if self.clock_since == NULL_TIME else self.clock_since, self.last))
        self.clock_since = at
        return any(first <= at <= last for first, last in self.shown)

    @property
    def heard(self) -> int:
        """Until when a tag that reports by exception would have told of a change; NULL_TIME = unknown."""
        return NULL_TIME if self.alive == NULL_TIME else self.alive - self.period_us

    def accounted(self) -> int:
        """Until when nothing is missing, or a closed gap says what is; NULL_TIME = unknown."""
        until = max(self.last, self.settled)
        return max(until, self.heard) if self.exception else until


class TagColumns:
    """Figures of tags, indexed by code.

    Attributes:
        last: int64, µs UTC of the latest stored sample.
        covered: int64, µs UTC of the end of the latest gap.
        is_open: a gap of the tag's own lasts.
        is_nulled: the null sample of this failure has been written.
    """

    def __init__(self) -> None:
        self.last = np.full(64, NULL_TIME, np.int64)
        self.covered = np.full(64, NULL_TIME, np.int64)
        self.is_open = np.zeros(64, np.bool_)
        self.is_nulled = np.zeros(64, np.bool_)

    def reserve(self, code: int) -> None:
        """Make room for a code."""
        if code < self.last.shape[0]:
            return
        more = max(code + 1, 2 * self.last.shape[0]) - self.last.shape[0]
        self.last = np.append(self.last, np.full(more, NULL_TIME, np.int64))
        self.covered = np.append(self.covered, np.full(more, NULL_TIME, np.int64))
        self.is_open = np.append(self.is_open, np.zeros(more, np.bool_))
        self.is_nulled = np.append(self.is_nulled, np.zeros(more, np.bool_))

    def turned_back(self, codes: NDArray[np.uint32], at: int) -> None:
        """Our clock was set back: what is known of these tags is known up to `at`."""
        self.covered[codes] = at
        self.last[codes] = np.minimum(self.last[codes], at)


def received_at(batch: SampleBatch, fallback: int) -> int:
    """Earliest time at which samples of a batch were received."""
    if batch.ts_received is None:
        return fallback
    known = batch.ts_received[batch.ts_received != NULL_TIME]
    return int(known.min()) if known.size else fallback


def null_samples(codes: NDArray[np.uint32], at: int, quality: int) -> SampleBatch:
    """One null sample a tag."""
    if not codes.size:
        return empty_batch()
    n = codes.shape[0]
    return SampleBatch(codes, np.full(n, at, np.int64), np.full(n, np.nan), np.full(n, quality, np.uint32))
