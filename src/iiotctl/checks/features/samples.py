"""Samples of a tag as arrays: what the feature pass reads, keeps back and computes on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples of one tag.

    Attributes:
        ts: (n,) int64, µs UTC, ascending; equal times may follow each other.
        value: (n,) float64; NaN where there is no number.
        quality: (n,) uint32, OPC UA status codes.
        received: (n,) int64, µs UTC, arrival; None = not asked for or not kept. Where single rows lack it,
            `NOT_RECEIVED` stands.
    """

    ts: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    quality: npt.NDArray[np.uint32]
    received: npt.NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.ts)

    def __getitem__(self, part: slice | npt.NDArray[Any]) -> Samples:
        received = None if self.received is None else self.received[part]
        return Samples(self.ts[part], self.value[part], self.quality[part], received)

    def copy(self) -> Samples:
        """The same rows, without keeping alive what they were cut from."""
        received = None if self.received is None else self.received.copy()
        return Samples(self.ts.copy(), self.value.copy(), self.quality.copy(), received)


BAD: Final = 0x80000000
"""The first Bad status code."""
NOT_RECEIVED: Final = -(2**63)
"""Stands for an arrival that was not kept."""
_NEAR: Final = 256
"""Rows among which a usable one is looked for first."""


def joined(parts: Sequence[Samples]) -> Samples:
    """Samples one after the other; of none, no rows."""
    import numpy as np

    if len(parts) == 1:
        return parts[0]
    if not parts:
        return Samples(np.empty(0, np.int64), np.empty(0), np.empty(0, np.uint32))
    received = None
    if any(part.received is not None for part in parts):
        received = np.concatenate([_arrival(part) for part in parts])
    return Samples(
        np.concatenate([part.ts for part in parts]),
        np.concatenate([part.value for part in parts]),
        np.concatenate([part.quality for part in parts]),
        received,
    )


def _arrival(samples: Samples) -> npt.NDArray[np.int64]:
    import numpy as np

    return np.full(len(samples), NOT_RECEIVED) if samples.received is None else samples.received


def by_time(samples: Samples) -> Samples:
    """The rows in the order of time; equal times keep their order."""
    import numpy as np

    if not np.any(samples.ts[1:] < samples.ts[:-1]):
        return samples
    return samples[np.argsort(samples.ts, kind="stable")]


def usable(samples: Samples) -> npt.NDArray[np.bool_]:
    """(n,) rows with a finite number that are not Bad."""
    import numpy as np

    return np.isfinite(samples.value) & (samples.quality < BAD)


def is_usable(samples: Samples, row: int) -> bool:
    """Whether a row has a finite number and is not Bad; cheaper than `usable` for one row."""
    return math.isfinite(samples.value[row]) and bool(samples.quality[row] < BAD)


def last_usable(samples: Samples, most: int = 1) -> list[int]:
    """Which rows are the last usable ones, ascending; fewer than `most` when there are no more."""
    import numpy as np

    count = len(samples)
    if count >= most and all(is_usable(samples, row) for row in range(count - most, count)):
        return list(range(count - most, count))  # mostly
    found: npt.NDArray[np.int64] = np.empty(0, np.int64)
    for size in (_NEAR, count):
        first = max(0, count - size)
        found = first + np.flatnonzero(usable(samples[first:]))
        if len(found) >= most:
            break
    return [int(row) for row in found[-most:]]


def rows_from(samples: Samples, at: int) -> Samples:
    """The rows that windows need which begin at an instant: those from then on, and before them the nearest neighbours.

    These are two usable rows and one of any quality; what lies between them is left out.
    """
    import numpy as np

    first = int(samples.ts.searchsorted(at))
    before = sorted({max(0, first - 1), *last_usable(samples[:first], 2)}) if first else []
    if not before or before[-1] - before[0] == len(before) - 1:
        return samples[first - len(before) :]
    return samples[np.concatenate([before, np.arange(first, len(samples))])]


def next_usable(samples: Samples, at: int) -> int:
    """Up to which row (exclusive) rows are needed for windows that end at an instant: one usable row behind it."""
    import numpy as np

    first = int(samples.ts.searchsorted(at))
    if first < len(samples) and is_usable(samples, first):
        return first + 1
    for stop in (first + _NEAR, len(samples)):
        found = np.flatnonzero(usable(samples[first:stop]))
        if len(found):
            return first + int(found[0]) + 1
    return len(samples)
