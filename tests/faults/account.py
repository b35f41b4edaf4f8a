"""What was served against what was stored: every difference must stand in the gaps table, and nothing else may.

Returns problems as sentences instead of asserting, so that a soak can go on and give a verdict.
"""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl

from tests.crash import rig

Served = dict[str, list[tuple[int, float]]]

SHARED_US = 100_000
"""Requests of a cycle share a timestamp when they arrive within 50 ms of each other; some room for a busy machine."""

_SETTLE_US = 2_000_000
"""An answer of the last moment that counts is stored a little later."""

_EARLY_US = 1_000
"""A sample cannot be older than the answer that it came with; the two clocks are one."""


@dataclass(slots=True)
class Account:
    """A store against the log of its plant.

    Attributes:
        store: folder of the capture's store, sealed.
        truth: logs of the plant, one a start of it.
        period_us: scan period.
        opcua: prefix of the tags that come by OPC UA.
        since: µs UTC; served before it does not count (the capture had not begun).
        until: likewise.
    """

    store: Path
    truth: list[Path]
    period_us: int
    opcua: str = "line1."
    since: int = 0
    until: int = 1 << 62
    samples: pl.DataFrame = field(init=False)
    gaps: pl.DataFrame = field(init=False)

    def __post_init__(self) -> None:
        self.samples, self.gaps = rig.samples(self.store), rig.gaps(self.store)

    def problems(self) -> list[str]:
        """All that does not add up; empty = every loss is accounted for."""
        return [
            *self._twice(),
            *self._modbus(self._served(rig.truth_modbus)),
            *self._opcua(self._served(rig.truth_opcua)),
            *self._covered(),
            *self._holes(),
        ]

    def lost_s(self, source: str) -> float:
        """Seconds that the gaps of a source cover together."""
        spans = self.gaps.filter(pl.col("source") == source).select("start", "end").sort("start").iter_rows()
        total, until = 0, 0
        for start, end in spans:
            begin = max(start, until)
            if end > begin:
                total, until = total + end - begin, end
        return total / 1e6

    def _served(self, read: object) -> Served:
        joined: Served = {}
        for path in self.truth:
            for tag, rows in read(path).items():  # type: ignore[operator]
                joined.setdefault(tag, []).extend(rows)
        return joined

    def _counts(self, at: int) -> bool:
        return self.since <= at <= self.until

    def _good(self, tag: str) -> pl.DataFrame:
        return self.samples.filter((pl.col("tag") == tag) & (pl.col("quality") < 1 << 31))

    def _gaps_of(self, tag: str) -> list[tuple[int, int, str]]:
        return rig.gaps_of(self.gaps, tag.partition(".")[0], tag)

    def _twice(self) -> list[str]:
        twice = self.samples.filter(self.samples.select("tag", "ts").is_duplicated())
        return [f"{len(twice)} rows stored twice, e.g. {twice.row(0)}"] if len(twice) else []

    def _modbus(self, served: Served) -> list[str]:
        """Stored values are the device's answers in order; an answer that is not stored lies in a gap."""
        found = []
        for tag, answers in served.items():
            values = [value for _, value in answers]
            if sum(not _same(a, b) for a, b in pairwise(values)) < 0.99 * (len(values) - 1):
                continue  # a value that repeats does not tell which answer it came with
            rows = self._good(tag).filter(pl.col("ts").is_between(self.since, self.until + _SETTLE_US)).sort("ts")
            stored = list(zip(rows["ts"].to_list(), rows["value"].to_list(), strict=True))
            known, missing = self._gaps_of(tag), []
            # backwards, each sample takes the latest answer that it can be: one that was lost before is not mistaken
            for at, value in reversed(answers):
                if stored and stored[-1][0] >= at - _EARLY_US and _same(value, stored[-1][1]):
                    stored.pop()
                elif self._counts(at) and not _inside(known, at, SHARED_US):
                    missing.append(at)
            if stored:
                found.append(f"{tag}: up to {stored[-1][0]} values that the device never gave in that order")
            elif missing:
                found.append(f"{tag}: {len(missing)} answers neither stored nor in a gap, last at {missing[0]}")
        return found

    def _opcua(self, served: Served) -> list[str]:
        """Each change is stored with its own time, or lies in a gap; nothing else is stored."""
        found = []
        for tag, updates in served.items():
            rows = self._good(tag)
            known = dict(updates)
            times = rows.select(pl.coalesce("ts_source", "ts")).to_series().to_list()
            strange = [
                at
                for at, value in zip(times, rows["value"].to_list(), strict=True)
                if self._counts(at) and not _same(known.get(at, math.nan), value)
            ]
            if strange:
                found.append(f"{tag}: {len(strange)} values that were never published, first at {strange[0]}")
            if not times:
                continue
            changes = [at for (_, old), (at, new) in pairwise(updates) if new != old]
            first, last, seen, gaps = min(times), max(times), set(times), self._gaps_of(tag)
            missing = [
                at
                for at in changes
                if first < at <= last and self._counts(at) and at not in seen and not _inside(gaps, at, 0)
            ]
            if missing:
                found.append(f"{tag}: {len(missing)} changes neither stored nor in a gap, first at {missing[0]}")
        return found

    def _covered(self) -> list[str]:
        """No gap covers a stored Good sample, no two overlap."""
        found = []
        for (tag,), rows in self.samples.filter(pl.col("quality") < 1 << 31).group_by("tag"):
            times = np.sort(rows["ts"].to_numpy())
            known = self._gaps_of(str(tag))
            found += [f"gaps of {tag} overlap at {b[0]}" for a, b in pairwise(known) if a[1] >= b[0]]
            for start, end, reason in known:
                inside = np.searchsorted(times, end, side="right") - np.searchsorted(times, start)
                if inside:
                    found.append(f"a gap `{reason}` of {tag} at {start} covers {inside} stored samples")
        return found

    def _holes(self) -> list[str]:
        """Between two samples of a polled tag that are far apart stands a gap."""
        found = []
        polled = self.samples.filter((pl.col("quality") < 1 << 31) & ~pl.col("tag").str.starts_with(self.opcua))
        for (tag,), rows in polled.group_by("tag"):
            known = self._gaps_of(str(tag))
            for before, after in pairwise(rows["ts"].sort().to_list()):
                if after - before <= 4 * self.period_us:
                    continue
                covered = sum(
                    min(end, after) - max(start, before) for start, end, _ in known if start < after and end > before
                )
                if covered < after - before - 2 * self.period_us:
                    found.append(f"{tag}: a silent hole of {(after - before) / 1e6:.2f} s at {before}")
        return found


def _inside(gaps: list[tuple[int, int, str]], at: int, slack: int) -> bool:
    place = bisect.bisect_right(gaps, (at + slack, 1 << 62, ""))
    return any(start - slack <= at <= end + slack for start, end, _ in gaps[max(0, place - 3) : place + 1])


def _same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-6)
