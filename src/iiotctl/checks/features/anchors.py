"""Winnowed hashes of consecutive values, by which a replayed stretch is found again (`Anchors`).

The hash of 32 values v is sum(bits(v[i]) * B**i) in 64-bit arithmetic that wraps around (a polynomial hash; Karp and
Rabin 1987), made by cumulative sums. Of the hashes those whose five highest bits are 0 are kept, one in 32: the same values give the same choice
wherever they stand (winnowing; Schleimer et al. 2003).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from iiotctl.checks.features.samples import Samples, joined, usable
from iiotctl.checks.features.spill import Spill
from iiotctl.checks.tagdata import Anchors

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

LENGTH: Final = 32
"""Values in a hash."""
LEAST_VALUES: Final = 8
"""Different values among the 32: what rests or toggles repeats itself without any replay."""
_BASE: Final = 0x9E3779B97F4A7C15
_MIX: Final = 0xBF58476D1CE4E5B9
_TOP: Final = 59
"""The five highest bits choose; the lower ones depend on too few bits of the values."""


def anchors_of(samples: Samples) -> Anchors:
    """Of one tag. Rows without a usable number and rows at the time of the row before them are skipped.

    Args:
        samples: in the order of time.
    """
    kept = _counting(samples)
    return _anchors(kept.ts, kept.value)


def _counting(samples: Samples) -> Samples:
    import numpy as np

    good = usable(samples)
    if not good.all():
        samples = samples[good]
    new = np.ones(len(samples), np.bool_)
    np.not_equal(samples.ts[1:], samples.ts[:-1], out=new[1:])
    return samples if new.all() else samples[new]


def _anchors(ts: npt.NDArray[np.int64], value: npt.NDArray[np.float64]) -> Anchors:
    import numpy as np

    count = len(value) - LENGTH + 1
    if count <= 0:
        return Anchors(np.empty(0, np.int64), np.empty(0, np.uint64))
    bits = (value + 0.0).view(np.uint64) * np.uint64(_MIX)  # + 0.0: the two zeros are one value
    bits ^= bits >> np.uint64(32)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(bits * _powers(_BASE, len(bits)), dtype=np.uint64)])
    hashes = (sums[LENGTH:] - sums[:-LENGTH]) * _powers(pow(_BASE, -1, 1 << 64), count)
    changes = np.concatenate([[0], np.cumsum(value[1:] != value[:-1])])
    chosen = (hashes >> np.uint64(_TOP) == 0) & (changes[LENGTH - 1 :] - changes[:count] >= LEAST_VALUES - 1)
    at = np.flatnonzero(chosen)
    ordered = np.sort(value[at[:, None] + np.arange(LENGTH)], axis=1)
    at = at[np.count_nonzero(np.diff(ordered, axis=1), axis=1) >= LEAST_VALUES - 1]
    return Anchors(ts[at + LENGTH - 1], hashes[at])


def _powers(base: int, count: int) -> npt.NDArray[np.uint64]:
    """1, base, base squared, … in 64 bits."""
    import numpy as np

    factors = np.full(count, base, np.uint64)
    factors[0] = 1
    return np.cumprod(factors, dtype=np.uint64)


class AnchorSpill:
    """Anchors of many tags whose rows come in batches. Threads may add at the same time, each its own tags."""

    def __init__(self, folder: Path | None) -> None:
        import numpy as np

        self._spill = Spill(np.dtype([("ts", np.int64), ("hash", np.uint64)]), folder)
        self._tails: dict[str, Samples] = {}

    def close(self) -> None:
        """Give the temporary file back."""
        self._spill.close()

    def take(self, batch: Mapping[str, Samples]) -> None:
        """Rows that come after those so far."""
        import numpy as np

        parts = []
        for tag, new in batch.items():
            rows = _counting(joined([self._tails[tag], new]) if tag in self._tails else new)
            self._tails[tag] = rows[max(0, len(rows) - LENGTH + 1) :].copy()
            made = _anchors(rows.ts, rows.value)
            records = np.empty(len(made.ts), self._spill.dtype)
            records["ts"], records["hash"] = made.ts, made.hash
            parts.append(records)
        self._spill.append(batch, [len(part) for part in parts], np.concatenate(parts))

    def read(self, tag: str) -> Anchors:
        """All of a tag."""
        records = self._spill.read(tag)
        return Anchors(records["ts"].copy(), records["hash"].copy())
