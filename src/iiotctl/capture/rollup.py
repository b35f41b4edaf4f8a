"""Roll-ups while capturing: every delivered sample of a tag goes into its running intervals.

Pure: samples and gaps with their times go in, parts of intervals (see `iiotctl.rollups`) come out. Samples are
buffered and folded a commit at a time, so the cost does not depend on the size of batches.

An interval is over when the tag's own clock has passed its end by 10 s (or half the interval). That clock is
the time of the tag's latest sample plus what our steady clock has gone on since; so a device whose clock is an
hour off, a replay of last year, a quiet tag and a step of our wall clock need no rule of their own. A sample
that is later than that opens its interval again and makes a further part of it: none is refused, and readers
put parts together.

A part is *partial* when the tag was not observed all the time: capture began inside the interval, or a gap
begins or ends in it (one that covers it whole leaves no sample of it). An interval that nobody closed (stop,
crash) is partial for readers too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iiotctl.capture import parts
from iiotctl.capture.parts import Parts
from iiotctl.rollups import RollupBatch
from iiotctl.samples import NULL_TIME, Gap, SampleBatch

LATENESS_US: Final = 10_000_000
"""Samples may be so late (of short intervals: half the interval) and still find their interval open; later ones
cost a row of their own."""

SAVE_US: Final = 300_000_000
"""So often what runs longer than this is written as it stands: at most so much of a long interval is lost."""

_EAGER: Final = 100_000
"""Buffered samples that are folded before the next commit."""

_MOST_OPEN: Final = 500_000
"""Running intervals, about 50 MB; beyond, all are written as they stand (samples in wild disorder)."""

_NUMBERS: Final = 1 << 40
"""More than there are intervals of a second until the year 30,000."""

_FOREVER: Final = int(np.iinfo(np.int64).max)


class Rollups:
    """State of all tags of a run. A *series* is one interval length of one tag; a key is series and interval number.

    Attributes:
        absorbed: samples that are in roll-ups only.
    """

    def __init__(self) -> None:
        self.absorbed = 0
        self._texts: set[str] = set()
        self._told: set[str] = set()
        nothing = np.empty(0, np.int64)
        # by code
        self._size = 0
        self._is_raw = np.empty(0, np.bool_)
        self._seen_ts = nothing
        """Time of the sample that came last; NULL_TIME = none."""
        self._seen_at = nothing
        """µs of our steady clock when it came."""
        self._series_of = np.full((1, 0), -1, np.int64)
        """By rank and code: a tag may have several intervals."""
        self._codes: dict[str, dict[str, int]] = {}
        """Of the tags with roll-ups, by source and name."""
        self._names: dict[int, str] = {}
        # by series
        self._code = np.empty(0, np.uint32)
        self._interval = nothing
        self._since = nothing
        """First observed instant, _FOREVER = none yet."""
        self._open = parts.empty(nothing)
        self._old = nothing
        """Keys that were open when long ones were last saved."""
        self._buffer: list[tuple[NDArray[np.uint32], NDArray[np.int64], NDArray[np.float64], NDArray[np.uint32]]] = []
        self._buffered = 0
        self._gaps: list[Gap] = []
        self._out: list[RollupBatch] = []
        self._save_at: int | None = None

    # --- tags ----------------------------------------------------------------------------------

    def define(self, code: int, tag: tuple[str, str], intervals_us: Sequence[int], *, raw: bool) -> None:
        """A tag begins or changes.

        Args:
            code: its code.
            tag: its source and name.
            intervals_us: its intervals, µs; none = no roll-up.
            raw: its samples are stored beside the roll-ups.
        """
        if not intervals_us and code >= self._size:
            return
        self._reserve(code, len(intervals_us))
        self._is_raw[code] = raw or not intervals_us
        self._codes.setdefault(tag[0], {})[tag[1]] = code
        self._names[code] = tag[1]
        known = {int(self._interval[series]): series for series in self._series_of[:, code].tolist() if series >= 0}
        wanted = [known.pop(one) if one in known else self._new(code, one) for one in intervals_us]
        if known:
            self._fold()
            self._write(np.isin(self._open.key // _NUMBERS, list(known.values())))
        self._series_of[:, code] = -1
        self._series_of[: len(wanted), code] = wanted

    def _reserve(self, code: int, ranks: int) -> None:
        missing = ranks - self._series_of.shape[0]
        if missing > 0:
            self._series_of = np.vstack([self._series_of, np.full((missing, self._size), -1, np.int64)])
        if code < self._size:
            return
        more = max(code + 1, 2 * self._size, 64) - self._size
        self._is_raw = np.append(self._is_raw, np.ones(more, np.bool_))
        self._seen_ts = np.append(self._seen_ts, np.full(more, NULL_TIME, np.int64))
        self._seen_at = np.append(self._seen_at, np.zeros(more, np.int64))
        self._series_of = np.hstack([self._series_of, np.full((self._series_of.shape[0], more), -1, np.int64)])
        self._size += more

    def _new(self, code: int, interval: int) -> int:
        self._code = np.append(self._code, np.uint32(code))
        self._interval = np.append(self._interval, np.int64(interval))
        self._since = np.append(self._since, np.int64(_FOREVER))
        return len(self._code) - 1

    # --- what happens --------------------------------------------------------------------------

    def add(self, batch: SampleBatch, steady_us: int) -> None:
        """Samples as they were delivered, none of them twice.

        Args:
            batch: of any tags; those without a roll-up are passed over.
            steady_us: our steady clock, µs.
        """
        if not len(self._code) or not len(batch):
            return
        wanted = self._by_code(self._series_of[0] >= 0, batch.tag)
        if (is_text := _texts(batch)) is not None:
            self._texts.update(self._names[code] for code in batch.tag[wanted & is_text].tolist())
            wanted &= ~is_text
        if not wanted.any():
            return
        some = slice(None) if wanted.all() else np.flatnonzero(wanted)
        tag, ts = batch.tag[some], batch.ts[some]
        self._seen_ts[tag] = ts
        self._seen_at[tag] = steady_us
        self._buffer.append((tag, ts, batch.value[some], batch.quality[some]))
        self._buffered += len(tag)
        if self._buffered >= _EAGER:
            self._fold()

    def resume(self, batch: SampleBatch, since: Mapping[int, int], steady_us: int, *, whole: bool) -> None:
        """Go on after a crash with the stored samples of a tag that were in no written roll-up yet.

        Args:
            batch: some of the tag (at least one), which is defined already, in the order of their times.
            since: µs UTC by interval (µs): samples from then on are in none of its roll-ups.
            steady_us: our steady clock, µs.
            whole: every delivered sample was stored; otherwise these intervals are partial.
        """
        code = int(batch.tag[0])
        for series in self._series_of[:, code].tolist():
            if series < 0 or (first := since.get(int(self._interval[series]))) is None:
                continue
            self._since[series] = first
            some = batch.take(batch.ts >= first)
            new = self._parts(np.full(len(some), series), some.ts, some.value, some.quality)
            new.partial[:] = not whole
            self._open = parts.combine(parts.concat([self._open, new]))
        self._seen_ts[code], self._seen_at[code] = batch.ts[-1], steady_us

    def resume_parts(self, some: Parts, of: tuple[int, int], since: int, steady_us: int, *, whole: bool) -> None:
        """The same with stored roll-ups of a shorter interval instead of samples.

        Args:
            some: at least one, by begin of their interval, µs UTC.
            of: the tag's code, and the longer interval that they go into, µs.
            since, steady_us, whole: as in `resume`.
        """
        code, interval = of
        series = next(one for one in self._series_of[:, code].tolist() if one >= 0 and self._interval[one] == interval)
        self._since[series] = since
        some.key = series * _NUMBERS + some.key // interval
        some.partial = some.partial | (not whole)
        self._open = parts.combine(parts.concat([self._open, some]))
        self._seen_ts[code] = max(int(self._seen_ts[code]), int(some.last_ts.max()))
        self._seen_at[code] = steady_us

    def raw(self, batch: SampleBatch) -> SampleBatch:
        """The samples to be stored: all but those that are in roll-ups instead."""
        if not len(self._code) or not len(batch):
            return batch
        absorbed = self._by_code(~self._is_raw, batch.tag)
        if (is_text := _texts(batch)) is not None:
            absorbed &= ~is_text
        count = int(np.count_nonzero(absorbed))
        self.absorbed += count
        return batch.take(~absorbed) if count else batch

    def gaps(self, rows: Iterable[Gap]) -> None:
        """Gap rows as they go into the store."""
        if len(self._code):
            self._gaps += (row for row in rows if not row.withdrawn)

    def new_texts(self) -> set[str]:
        """Names of tags that delivered text, which no roll-up can hold, since the last call; each once."""
        new = self._texts - self._told
        self._told |= new
        return new

    @property
    def is_empty(self) -> bool:
        """Nothing is left to be written."""
        return not self._buffered and not len(self._open) and not self._out

    def due(self, steady_us: int, *, ending: bool = False) -> list[RollupBatch]:
        """The parts to be written now.

        Args:
            steady_us: our steady clock, µs.
            ending: the run ends: everything, as it stands.
        """
        if not len(self._code):
            return []
        self._fold()
        self._mark_partial()
        series = self._open.key // _NUMBERS
        code, interval = self._code[series], self._interval[series]
        now = self._seen_ts[code] + (steady_us - self._seen_at[code])
        late = np.minimum(LATENESS_US, interval // 2)
        self._write(now >= self._start(self._open.key) + interval + late, closes=True)
        if self._save_at is None:
            self._save_at = steady_us + SAVE_US
        elif steady_us >= self._save_at:
            self._save_at = steady_us + SAVE_US
            self._save()
        if ending:
            self._write(np.ones(len(self._open), np.bool_))
        out, self._out = self._out, []
        return out

    # --- inside --------------------------------------------------------------------------------

    def _by_code(self, known: NDArray[np.bool_], tag: NDArray[np.uint32]) -> NDArray[np.bool_]:
        """`known` (by code) of each sample; false for tags that were never defined here."""
        of: NDArray[np.bool_] = known[np.minimum(tag, self._size - 1)]
        return of & (tag < self._size)

    def _start(self, key: NDArray[np.int64]) -> NDArray[np.int64]:
        start: NDArray[np.int64] = key % _NUMBERS * self._interval[key // _NUMBERS]
        return start

    def _fold(self) -> None:
        """Put the buffered samples into their intervals."""
        if not self._buffered:
            return
        columns = [np.concatenate([some[number] for some in self._buffer]) for number in range(4)]
        self._buffer, self._buffered = [], 0
        found = [self._open]
        for of_code in self._series_of:
            series = of_code[columns[0]]
            has = series >= 0
            some = slice(None) if has.all() else np.flatnonzero(has)
            of, ts, value, quality = series[some], *(column[some] for column in columns[1:])
            if not len(of):
                continue
            is_new = self._since[of] == _FOREVER
            if is_new.any():
                np.minimum.at(self._since, of[is_new], ts[is_new])
            found.append(self._parts(of, ts, value, quality))
        self._open = parts.combine(parts.concat(found))
        if len(self._open) > _MOST_OPEN:
            self._write(np.ones(len(self._open), np.bool_))

    def _parts(
        self, series: NDArray[np.int64], ts: NDArray[np.int64], value: NDArray[np.float64], quality: NDArray[np.uint32]
    ) -> Parts:
        key = series * _NUMBERS + ts // self._interval[series]
        return parts.of_samples(key, ts, value, quality)

    def _mark_partial(self) -> None:
        """Intervals in which a gap begins or ends get an empty part that says so."""
        marked = []
        for gap in self._gaps:
            named = self._codes.get(gap.source, {})
            codes = list(named.values()) if gap.tag is None else [named[gap.tag]] if gap.tag in named else []
            series = np.unique(self._series_of[:, codes])
            series = series[series >= 0]
            edges = {gap.start, gap.start if gap.end is None else gap.end}
            marked += [series * _NUMBERS + ts // self._interval[series] for ts in edges]
        self._gaps = []
        if marked:
            empty = parts.empty(np.concatenate(marked))
            empty.partial[:] = True
            self._open = parts.combine(parts.concat([self._open, empty]))

    def _save(self) -> None:
        """Write what runs long, as it stands; it stays open, empty."""
        is_long = self._interval[self._open.key // _NUMBERS] > SAVE_US
        saved = is_long | np.isin(self._open.key, self._old)
        keys = self._open.key[saved]
        self._write(saved)
        self._open = parts.combine(parts.concat([self._open, parts.empty(keys)]))
        self._old = self._open.key

    def _write(self, chosen: NDArray[np.bool_], *, closes: bool = False) -> None:
        """Take parts out of the open ones and make rows of them; those that say nothing are left out."""
        if not chosen.any():
            return
        ready = self._open.take(chosen)
        self._open = self._open.take(~chosen)
        if not closes:
            ready = ready.take((ready.count + ready.bad > 0) | ready.partial)
        if not len(ready):
            return
        has = ready.count > 0
        series = ready.key // _NUMBERS
        start = self._start(ready.key)
        self._out.append(
            RollupBatch(
                tag=self._code[series],
                start=start,
                end=start + self._interval[series],
                count=ready.count,
                bad=ready.bad,
                min=np.where(has, ready.min, np.nan),
                max=np.where(has, ready.max, np.nan),
                mean=np.where(has, ready.mean, np.nan),
                std=np.where(has, np.sqrt(ready.m2 / np.maximum(ready.count, 1)), np.nan),
                first=ready.first,
                first_ts=np.where(has, ready.first_ts, NULL_TIME),
                last=ready.last,
                last_ts=np.where(has, ready.last_ts, NULL_TIME),
                quality=ready.quality,
                partial=ready.partial | (start < self._since[series]),
                closes=np.full(len(ready), closes),
            )
        )


def _texts(batch: SampleBatch) -> NDArray[np.bool_] | None:
    """Which samples are text instead of a number; None = none."""
    if batch.text is None:
        return None
    return np.isnan(batch.value) & np.array([text is not None for text in batch.text], np.bool_)
