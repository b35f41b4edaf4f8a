"""The feature table in plain Python, one row after the other: slow, and easy to check by eye."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from iiotctl.checks.features.columns import COLUMNS, COUNTS

NAN = math.nan


@dataclass(frozen=True)
class Row:
    ts: int
    value: float
    quality: int
    received: int | None = None

    @property
    def bad(self) -> bool:
        return self.quality >= 0x80000000

    @property
    def usable(self) -> bool:
        return math.isfinite(self.value) and not self.bad


def reference(rows: Sequence[Row], window: int, start: int, count: int, limit: int) -> dict[str, list[float]]:
    """Columns of the table, by their meaning in `COLUMNS`."""
    table = {name: [0.0 if name in COUNTS else NAN] * count for name in COLUMNS}
    good = [row for row in rows if row.usable]
    steps = [NAN] + [
        one.value - before.value if one.ts - before.ts <= limit else NAN for before, one in itertools.pairwise(good)
    ]
    bends = [NAN] + [abs(one - before) for before, one in itertools.pairwise(steps)]
    for number in range(count):
        begin, end = start + number * window, start + (number + 1) * window
        for name, cell in {
            **_of_all(rows, begin, end),
            **_of_usable(good, begin, end),
            **_of_steps(good, steps, bends, begin, end),
        }.items():
            table[name][number] = cell
    return table


def _of_all(rows: Sequence[Row], begin: int, end: int) -> dict[str, float]:
    here = [row for row in rows if begin <= row.ts < end]
    if not here:
        return {}
    apart = [(one.ts - before.ts) / 1e6 for before, one in itertools.pairwise(rows) if begin <= one.ts < end]
    found: dict[str, float] = {
        "rows": len(here),
        "bad": sum(row.bad for row in here),
        "uncertain": sum(0x40000000 <= row.quality < 0x80000000 for row in here),
        "odd": sum(not row.bad and not math.isfinite(row.value) for row in here),
        "apart": max(apart, default=NAN),
        "apart_med": median(apart) if apart else NAN,
        "twice": sum(one == 0 for one in apart),
    }
    highest = max(row.quality >> 30 for row in here)
    often = Counter(row.quality for row in here if row.quality >> 30 == highest)
    found["worst"] = max(often, key=lambda code: (often[code], code))
    late = [(row.received - row.ts) / 1e6 for row in here if row.received is not None]
    return found | ({"behind": max(late), "ahead": min(late)} if late else {})


def _of_usable(good: Sequence[Row], begin: int, end: int) -> dict[str, float]:
    values = [row.value for row in good if begin <= row.ts < end]
    if not values:
        return {}
    mean = fmean(values)
    return {
        "n": len(values),
        "first": values[0],
        "last": values[-1],
        "min": min(values),
        "max": max(values),
        "mean": mean,
        "median": median(values),
        "std": math.sqrt(fmean((value - mean) ** 2 for value in values)),
        "unique": len(set(values)),
        "at_max": values.count(max(values)),
        "at_min": values.count(min(values)),
    }


def _of_steps(
    good: Sequence[Row], steps: Sequence[float], bends: Sequence[float], begin: int, end: int
) -> dict[str, float]:
    here = [at for at, row in enumerate(good) if begin <= row.ts < end]
    if not here:
        return {}
    known = [steps[at] for at in here if not math.isnan(steps[at])]
    sizes = [abs(step) for step in known]
    bent = [bends[at] for at in here if not math.isnan(bends[at])]
    juts = {}
    for at in here:
        before, after = steps[at], steps[at + 1] if at + 1 < len(steps) else NAN
        if not math.isnan(before) and not math.isnan(after):
            juts[at] = min(abs(before), abs(after)) if before * after < 0 else 0.0
    found = {
        "steps": len(known),
        "same": known.count(0),
        "step_med": median(sizes) if sizes else NAN,
        "step_max": max(sizes, default=NAN),
        "step_min": min((size for size in sizes if size), default=NAN),
        "step_net": sum(known) if known else NAN,
        "bend_med": median(bent) if bent else NAN,
        "bend_max": max(bent, default=NAN),
        "jut": max(juts.values(), default=NAN),
        "run": _longest_run(steps, here),
    }
    if juts:
        largest = max(juts, key=lambda at: (juts[at], -at))
        found["jut_at"] = (good[largest].ts - begin) / 1e6
    return found


def _longest_run(steps: Sequence[float], here: Sequence[int]) -> int:
    longest = run = 1
    for at in here[1:]:
        run = run + 1 if steps[at] == 0 else 1
        longest = max(longest, run)
    return longest
