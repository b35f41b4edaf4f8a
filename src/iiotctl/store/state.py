"""What the store knows of the recent past: last row of each tag, open gaps, signs of life.

Kept in memory while writing, saved as the checkpoint at every seal, rebuilt at start from checkpoint plus
unsealed segments. Replaying a segment that the checkpoint already contains changes nothing.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from iiotctl import kept
from iiotctl.kept import Kept
from iiotctl.quality import BAD
from iiotctl.rollups import RollupBatch
from iiotctl.samples import NULL_TIME, Gap
from iiotctl.store import frames
from iiotctl.store.schema import REMOVED, TagRow, gap_from_json, gap_to_json
from iiotctl.store.spool import Commit, Segment, TagChange

_GROW: Final = 256


@dataclass(frozen=True, slots=True)
class LastRow:
    """The latest stored row of a tag."""

    ts: int
    value: float | None
    quality: int
    good_ts: int | None
    """ts of the latest row that is not Bad."""
    ts_source: int | None = None
    """The device's own time of the row where it differs from `ts`."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What an earlier run left, as capture needs it to go on.

    Attributes:
        run: id of the latest earlier run, or None for a new store.
        clean: that run ended as it should.
        last: latest row by tag name.
        alive: µs UTC by source: the last instant that the earlier run accounts for, the later of the
            last stored sample that is not Bad and the last sign of life.
        open_gaps: gaps without an end.
        captured: source by tag, of the tags that the history does not call removed.
        resealed: names of segments that were left and are sealed now.
        damaged: names of segments that were cut at a damaged place.
        rolled: by tag with roll-ups and length of the interval (µs): the last instant, µs UTC, that is in a
            written roll-up.
        open_kept: kept windows without an end.
    """

    run: str | None = None
    clean: bool = False
    last: dict[str, LastRow] = field(default_factory=dict)
    alive: dict[str, int] = field(default_factory=dict)
    open_gaps: list[Gap] = field(default_factory=list)
    captured: dict[str, str] = field(default_factory=dict)
    resealed: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()
    rolled: dict[str, dict[int, int]] = field(default_factory=dict)
    open_kept: list[Kept] = field(default_factory=list)


class State:
    """Mutable; not thread-safe, its writer holds a lock."""

    def __init__(self) -> None:
        self.run: str | None = None
        self.clean = False
        self.alive: dict[str, int] = {}
        self.hashes: dict[str, str] = {}
        self._before: dict[str, LastRow] = {}
        self.sources: dict[str, str] = {}
        self.removed: set[str] = set()
        self._gaps: dict[str, Gap] = {}
        self._gap_seen: dict[str, int] = {}
        self._kept: dict[str, Kept] = {}
        self._kept_seen: dict[str, int] = {}
        self.rolled: dict[str, dict[int, int]] = {}
        self._names: list[str] = []
        self._ts = np.empty(0, np.int64)
        self._value = np.empty(0, np.float64)
        self._quality = np.empty(0, np.uint32)
        self._good = np.empty(0, np.int64)
        self._source = np.empty(0, np.int64)

    # --- what happens ----------------------------------------------------------------------------

    def begin(self, run: str, names: Sequence[str]) -> None:
        """A run (or one of its segments) begins with these tag codes."""
        if run != self.run:
            self._fold()
            self.run, self.clean = run, False
            self._names = []
        for code, tag in enumerate(names):
            self._name(code, tag)

    def end(self, run: str) -> None:
        """A run ended as it should."""
        self.run, self.clean = run, True

    def define(self, change: TagChange) -> None:
        """Tags were defined."""
        for row in change.rows:
            self._name(row.code, row.tag)
            if row.mode == REMOVED and row.source != self.sources.get(row.tag, row.source):
                continue  # it has moved to another source meanwhile
            self.sources[row.tag] = row.source
            (self.removed.add if row.mode == REMOVED else self.removed.discard)(row.tag)
            if row.tag in change.new:
                self.hashes[row.tag] = row.config_hash

    def commit(self, load: Commit) -> None:
        """A commit became durable."""
        batch = load.samples
        if len(batch):
            self.samples(batch.tag, batch.ts, batch.value, batch.quality, batch.ts_source)
        if load.rollups is not None:
            self.rollups(load.rollups)
        self.gaps(load.gaps)
        self.kept(load.kept)
        self.alive.update(load.alive)

    def samples(
        self,
        tag: NDArray[np.uint32],
        ts: NDArray[np.int64],
        value: NDArray[np.float64],
        quality: NDArray[np.uint32],
        ts_source: NDArray[np.int64] | None = None,
    ) -> None:
        """Rows by code; the latest ts of a tag counts, of equal ones the later row."""
        order = np.argsort(ts, kind="stable")
        # A late row may still be the latest that is not Bad.
        good = order[quality[order] < BAD]
        self._good[tag[good]] = np.maximum(self._good[tag[good]], ts[good])
        order = order[ts[order] >= self._ts[tag[order]]]
        codes = tag[order]
        self._ts[codes] = ts[order]
        self._value[codes] = value[order]
        self._quality[codes] = quality[order]
        self._source[codes] = NULL_TIME if ts_source is None else ts_source[order]

    def gaps(self, rows: Iterable[Gap]) -> None:
        """Gap rows; of one id the latest counts."""
        for row in rows:
            if row.detected_at < self._gap_seen.get(row.id, NULL_TIME):
                continue
            self._gap_seen[row.id] = row.detected_at
            if row.end is None and not row.withdrawn:
                self._gaps[row.id] = row
            else:
                self._gaps.pop(row.id, None)

    def rollups(self, rows: RollupBatch) -> None:
        """Roll-ups; the last value of one counts as the tag's latest row where it is newer than what is stored.

        So a tag whose samples are not stored goes on after a restart like any other.
        """
        before = [self._before.get(self._names[code]) for code in rows.tag.tolist()]
        known = np.array([NULL_TIME if row is None else row.ts for row in before], np.int64)
        newer = np.flatnonzero((rows.count > 0) & (rows.last_ts > np.maximum(known, self._ts[rows.tag])))
        self.samples(rows.tag[newer], rows.last_ts[newer], rows.last[newer], np.zeros(len(newer), np.uint32))
        until = np.where(rows.closes, np.maximum(rows.end - 1, rows.last_ts), rows.last_ts)
        lengths = rows.end - rows.start
        for code, length, at in zip(rows.tag.tolist(), lengths.tolist(), until.tolist(), strict=True):
            of_tag = self.rolled.setdefault(self._names[code], {})
            if at != NULL_TIME:
                of_tag[length] = max(at, of_tag.get(length, at))

    def kept(self, windows: Iterable[Kept]) -> None:
        """Kept windows; of one id the latest row counts."""
        for window in windows:
            if window.detected_at < self._kept_seen.get(window.id, NULL_TIME):
                continue
            self._kept_seen[window.id] = window.detected_at
            if window.end is None:
                self._kept[window.id] = window
            else:
                self._kept.pop(window.id, None)

    def restore(self, last: Mapping[str, LastRow]) -> None:
        """Begin with these latest rows."""
        self._before = dict(last)

    def replay(self, segment: Segment) -> None:
        """Everything a segment holds."""
        self.begin(segment.name.run, segment.names)
        for change in segment.changes:
            self.define(change)
        for coded in segment.coded_frames():
            rows = coded.height
            quality = (
                coded["quality"].fill_null(0).to_numpy() if "quality" in coded.columns else np.zeros(rows, np.uint32)
            )
            source = coded["ts_source"].fill_null(NULL_TIME).to_numpy() if "ts_source" in coded.columns else None
            self.samples(coded["tag"].to_numpy(), coded["ts"].to_numpy(), coded["value"].to_numpy(), quality, source)
        if segment.rollups:
            coded = segment.coded_rollups()
            self.rollups(RollupBatch(*(coded[field.name].to_numpy() for field in fields(RollupBatch))))
        self.gaps(segment.gaps)
        self.kept(segment.kept)
        self.alive.update(segment.alive)

    # --- what is known ---------------------------------------------------------------------------

    def last(self) -> dict[str, LastRow]:
        """Latest row of each tag that has one."""
        self._fold()
        return dict(self._before)

    def recovery(self, resealed: Sequence[str] = (), damaged: Sequence[str] = ()) -> Recovery:
        """A frozen picture for capture."""
        last = self.last()
        alive = dict(self.alive)
        for tag, row in last.items():
            source = self.sources.get(tag)
            if source is not None and row.good_ts is not None:
                alive[source] = max(alive.get(source, row.good_ts), row.good_ts)
        return Recovery(
            run=self.run,
            clean=self.clean,
            last=last,
            alive=alive,
            open_gaps=list(self._gaps.values()),
            captured={tag: source for tag, source in self.sources.items() if tag not in self.removed},
            resealed=tuple(resealed),
            damaged=tuple(damaged),
            rolled={tag: dict(of_tag) for tag, of_tag in self.rolled.items()},
            open_kept=list(self._kept.values()),
        )

    def to_frame(self) -> bytes:
        """The checkpoint's content."""
        facts = {
            "run": self.run,
            "clean": self.clean,
            "alive": self.alive,
            "hashes": self.hashes,
            "sources": self.sources,
            "removed": sorted(self.removed),
            "gaps": [gap_to_json(gap) for gap in self._gaps.values()],
            "rolled": {tag: list(of_tag.items()) for tag, of_tag in self.rolled.items()},
            "kept": [kept.to_json(window) for window in self._kept.values()],
            "last": {
                tag: [row.ts, row.value, row.quality, row.good_ts, row.ts_source] for tag, row in self.last().items()
            },
        }
        return frames.pack(frames.Kind.CHECKPOINT, zlib.compress(json.dumps(facts).encode()))

    @classmethod
    def from_frame(cls, data: bytes) -> State | None:
        """The state of a checkpoint, or None when it is damaged."""
        for frame in frames.scan(data):
            if frame.kind == frames.Kind.CHECKPOINT:
                facts: dict[str, Any] = json.loads(zlib.decompress(frame.payload))
                state = cls()
                state.run, state.clean = facts["run"], facts["clean"]
                state.alive, state.hashes, state.sources = facts["alive"], facts["hashes"], facts["sources"]
                state.removed = set(facts.get("removed", ()))
                state.gaps(gap_from_json(gap) for gap in facts["gaps"])
                state.rolled = {tag: dict(pairs) for tag, pairs in facts.get("rolled", {}).items()}
                state.kept(kept.from_json(window) for window in facts.get("kept", ()))
                state.restore({tag: LastRow(*row) for tag, row in facts["last"].items()})
                return state
        return None

    # --- inside ----------------------------------------------------------------------------------

    def _name(self, code: int, tag: str) -> None:
        missing = code + 1 - len(self._names)
        if missing > 0:
            self._names.extend("" for _ in range(missing))
        self._names[code] = tag
        short = len(self._names) - len(self._ts)
        if short > 0:
            more = max(short, _GROW)
            self._ts = np.append(self._ts, np.full(more, NULL_TIME, np.int64))
            self._value = np.append(self._value, np.full(more, np.nan))
            self._quality = np.append(self._quality, np.zeros(more, np.uint32))
            self._good = np.append(self._good, np.full(more, NULL_TIME, np.int64))
            self._source = np.append(self._source, np.full(more, NULL_TIME, np.int64))

    def _fold(self) -> None:
        """Move what the code columns know into the table by name."""
        for code, tag in enumerate(self._names):
            ts = int(self._ts[code])
            if ts == NULL_TIME or not tag:
                continue
            old = self._before.get(tag)
            good = int(self._good[code])
            known = [when for when in (old.good_ts if old else None, None if good == NULL_TIME else good) if when]
            latest_good = max(known, default=None)
            if old is None or ts >= old.ts:
                value = float(self._value[code])
                source = int(self._source[code])
                self._before[tag] = LastRow(
                    ts,
                    None if math.isnan(value) else value,
                    int(self._quality[code]),
                    latest_good,
                    None if source in (NULL_TIME, ts) else source,
                )
            else:
                self._before[tag] = replace(old, good_ts=latest_good)
        if self._names:
            self._ts[:] = NULL_TIME
            self._good[:] = NULL_TIME


def define_new(state: State, rows: Sequence[TagRow], valid_from: int) -> TagChange:
    """The change that defining `rows` means: only tags whose configuration differs enter the history."""
    new = frozenset(row.tag for row in rows if state.hashes.get(row.tag) != row.config_hash)
    return TagChange(tuple(rows), new, valid_from)
