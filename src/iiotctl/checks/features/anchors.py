"""Winnowed hashes of consecutive values, by which a replayed stretch is found again (`Anchors`).

The hash of 32 values v is sum(bits(v[i]) * B**i) in 64-bit arithmetic that wraps around (a polynomial hash; Karp and
Rabin 1987), made by cumulative sums. Of the hashes those whose five highest bits are 0 are kept, one in 32: the same values give the same choice
wherever they stand (winnowing; Schleimer et al. 2003).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
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
LEAST_VALUES: Final = 3
"""Different values among the 32 …"""
LEAST_CHANGES: Final = 7
"""… and changes from one to the next: what rests or toggles repeats itself without any replay."""
_BASE: Final = 0x9E3779B97F4A7C15
_MIX: Final = 0xBF58476D1CE4E5B9
_CHOSEN: Final = 1 << 59
"""Hashes below are kept. The highest bits choose, because the lower ones depend on too few bits of the values."""
_FEW: Final = 16
_BLOCK_ROWS: Final = 1 << 16


def anchors_of(samples: Samples) -> Anchors:
    """Of one tag. Rows without a usable number and rows at the time of the row before them are skipped.

    Args:
        samples: in the order of time.
    """
    spill = AnchorSpill(None)
    try:
        spill.take({"": samples})
        return spill.read("")
    finally:
        spill.close()


def _counting(samples: Samples) -> Samples:
    import numpy as np

    good = usable(samples)
    if not good.all():
        samples = samples[good]
    new = samples.ts[1:] != samples.ts[:-1]
    return samples if new.all() else samples[np.concatenate([[True], new])]


def _chosen(value: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
    """Where the chosen stretches begin, and their hashes."""
    import numpy as np

    count = len(value) - LENGTH + 1
    if count <= 0:
        return np.empty(0, np.int64), np.empty(0, np.uint64)
    bits = (value + 0.0).view(np.uint64)  # + 0.0: the two zeros are one value
    bits *= np.uint64(_MIX)
    bits ^= bits >> np.uint64(32)
    up, down = _powers()
    sums = np.zeros(len(value) + 1, np.uint64)
    bits *= up[: len(bits)]
    np.cumsum(bits, out=sums[1:])
    hashes = sums[LENGTH:] - sums[:-LENGTH]
    hashes *= down[:count]
    at = np.flatnonzero(hashes < _CHOSEN)  # a value that rests has the same hash all the time
    changes = np.zeros(len(value), np.int32)
    np.cumsum(value[1:] != value[:-1], out=changes[1:])
    at = at[changes[at + LENGTH - 1] - changes[at] >= LEAST_CHANGES]
    ordered = np.sort(value[at[:, None] + np.arange(LENGTH)], axis=1)
    at = at[np.count_nonzero(ordered[:, 1:] != ordered[:, :-1], axis=1) >= LEAST_VALUES - 1]
    return at, hashes[at]


@cache
def _powers() -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """1, base, base squared, … in 64 bits, and their inverses."""
    import numpy as np

    found = []
    for base in (_BASE, pow(_BASE, -1, 1 << 64)):
        factors = np.full(_BLOCK_ROWS, base, np.uint64)
        factors[0] = 1
        found.append(np.cumprod(factors, dtype=np.uint64))
    return found[0], found[1]


class AnchorSpill:
    """Anchors of many tags whose rows come in batches. Threads may add at the same time, each its own tags.

    Args:
        folder: where the temporary file is made; None = the system's choice.
    """

    def __init__(self, folder: Path | None) -> None:
        import numpy as np

        self._spill = Spill(np.dtype([("ts", np.int64), ("hash", np.uint64)]), folder)
        self._tails: dict[str, Samples] = {}

    def close(self) -> None:
        """Give the temporary file back."""
        self._spill.close()

    def take(self, batch: Mapping[str, Samples]) -> None:
        """Rows that come after those so far."""
        waiting: dict[str, Samples] = {}
        size = 0
        for tag, rows in batch.items():
            for low in range(0, len(rows), _BLOCK_ROWS // 2):
                new = rows[low : low + _BLOCK_ROWS // 2]
                if tag in waiting or size + len(new) + LENGTH > _BLOCK_ROWS:
                    self._add(waiting)
                    waiting, size = {}, 0
                waiting[tag] = new
                size += len(new) + LENGTH
        self._add(waiting)

    def _add(self, batch: Mapping[str, Samples]) -> None:
        import numpy as np

        if not batch:
            return
        rows = [joined([self._tails[tag], new]) if tag in self._tails else new for tag, new in batch.items()]
        rows = [_counting(one) for one in rows]
        for tag, one in zip(batch, rows, strict=True):
            self._tails[tag] = one[max(0, len(one) - LENGTH + 1) :].copy()
        ends = np.cumsum([len(one) for one in rows])
        at, hashes = _chosen(np.concatenate([one.value for one in rows]))
        of = np.searchsorted(ends, at, side="right")
        inside = at + LENGTH <= ends[of] if len(at) else of == 0
        records = np.empty(int(np.count_nonzero(inside)), self._spill.dtype)
        records["ts"] = np.concatenate([one.ts for one in rows])[at[inside] + LENGTH - 1]
        records["hash"] = hashes[inside]
        self._spill.append(batch, np.bincount(of[inside], minlength=len(rows)).tolist(), records)

    def read(self, tag: str) -> Anchors:
        """All of a tag."""
        records = self._spill.read(tag)
        return Anchors(records["ts"].copy(), records["hash"].copy())
