"""Samples of several tags as arrays side by side: what the feature pass reads, keeps back and computes on."""

from __future__ import annotations

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


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples of several tags, one tag after the other.

    Attributes:
        tags: names, each once.
        bounds: (tags + 1,) where the rows of each begin and end.
        samples: the rows.
    """

    tags: Sequence[str]
    bounds: Sequence[int]
    samples: Samples


NOT_RECEIVED: Final = -(2**63)
"""Stands for an arrival that was not kept."""


def joined(parts: Sequence[Samples]) -> Samples:
    """Samples one after the other; of none, no rows. Arrival stays only where all parts have it."""
    import numpy as np

    if len(parts) == 1:
        return parts[0]
    if not parts:
        return Samples(np.empty(0, np.int64), np.empty(0), np.empty(0, np.uint32))
    received = [part.received for part in parts if part.received is not None]
    return Samples(
        np.concatenate([part.ts for part in parts]),
        np.concatenate([part.value for part in parts]),
        np.concatenate([part.quality for part in parts]),
        np.concatenate(received) if len(received) == len(parts) else None,
    )


def by_time(samples: Samples) -> Samples:
    """The rows in the order of time; equal times keep their order."""
    import numpy as np

    if not np.any(samples.ts[1:] < samples.ts[:-1]):
        return samples
    return samples[np.argsort(samples.ts, kind="stable")]
