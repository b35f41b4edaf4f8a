"""A ledger (and filter) with a small stage: seconds instead of microseconds, names instead of codes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from iiotctl.capture.ledger import Ledger
from iiotctl.capture.ledgerstate import LedgerTag
from iiotctl.samples import Gap, GapReason, SampleBatch

BAD = 0x80310000
S = 1_000_000


def batch(*samples: tuple[int, float] | tuple[int, float, float] | tuple[int, float, float, int]) -> SampleBatch:
    """Samples as (code, seconds[, value[, quality]])."""
    rows = [(*sample, *(1.0, 0)[len(sample) - 2 :]) for sample in samples]
    return SampleBatch(
        np.array([row[0] for row in rows], np.uint32),
        np.array([round(row[1] * S) for row in rows], np.int64),
        np.array([row[2] for row in rows], np.float64),
        np.array([row[3] for row in rows], np.uint32),
    )


class Scene:
    """One source `s` with tags a, b, c (codes 0, 1, 2) and the table that its gap rows make."""

    def __init__(
        self,
        *,
        exception: bool = False,
        period: float = 1.0,
        tags: str = "abc",
        stamped_here: bool = True,
        since: float = 0,
    ) -> None:
        numbers = iter(range(1, 100_000))
        began = round(since * S)
        self.ledger = Ledger(lambda: f"g{next(numbers)}", began)
        self.ledger.add_source("s", stamped_here=stamped_here, since=began)
        self.tags = tags
        self.ledger.define(
            LedgerTag(code, name, "s", round(period * S), exception, began) for code, name in enumerate(tags)
        )
        self.log: list[Gap] = []
        self.nulls: list[tuple[str, float]] = []
        self.stored: list[SampleBatch] = []

    def note(self, rows: Sequence[Gap]) -> None:
        self.log += rows

    def samples(self, *samples: tuple, at: float | None = None, stored: bool = True) -> None:
        data = batch(*samples)
        received = round((max(s[1] for s in samples) if at is None else at) * S)
        kept = data if stored else data.take(np.zeros(len(data), np.bool_))
        self.stored.append(kept)
        self.note(self.ledger.observe("s", data, kept, received))

    def failed(self, tags: str | None, at: float, reason: GapReason = GapReason.TIMEOUT, alive: float = 0) -> None:
        codes = None if tags is None else [self.tags.index(tag) for tag in tags]
        rows, nulls = self.ledger.failed("s", codes, reason, BAD, round(at * S), alive_at=round(alive * S))
        self.note(rows)
        names = self.ledger._names
        self.nulls += [(names[code], ts / S) for code, ts in zip(nulls.tag.tolist(), nulls.ts.tolist(), strict=True)]

    def recent(self, code: int, start: int, end: int) -> list[int]:
        return [ts for part in self.stored for ts in part.ts[part.tag == code].tolist() if start <= ts <= end]

    def lost(self, tags: str | None, start: float, end: float) -> None:
        codes = None if tags is None else [self.tags.index(tag) for tag in tags]
        self.note(
            self.ledger.lost(
                "s", codes, GapReason.OVERFLOW, round(start * S), round(end * S), at=round(end * S), recent=self.recent
            )
        )

    def table(self) -> list[Gap]:
        """What a reader sees: of each id the row detected last, withdrawn ones gone."""
        latest: dict[str, Gap] = {}
        for row in self.log:
            known = latest.get(row.id)
            assert known is None or row.detected_at > known.detected_at
            latest[row.id] = row
        return sorted((row for row in latest.values() if not row.withdrawn), key=lambda row: (row.start, row.tag or ""))

    def gaps(self) -> list[tuple[str | None, float, float | None, str]]:
        """(tag, first missing, last missing, reason), in seconds without the microsecond at each end."""
        return [
            (
                row.tag,
                round((row.start - 1) / S, 6),
                None if row.end is None else round((row.end + 1) / S, 6),
                str(row.reason),
            )
            for row in self.table()
        ]
