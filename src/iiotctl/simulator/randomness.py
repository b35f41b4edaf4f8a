"""Random numbers that depend only on (seed, stream, index): the same whoever asks, in any order.

A counter-based generator (splitmix64) instead of a stateful one, so that a sample's noise does not
depend on how often somebody read before, and a whole history can be computed as one array.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

_GOLDEN: Final = 0x9E3779B97F4A7C15
_MIX_1: Final = 0xBF58476D1CE4E5B9
_MIX_2: Final = 0x94D049BB133111EB
_MASK: Final = (1 << 64) - 1
_TO_UNIT: Final = 2.0**-53


def _mix(word: int) -> int:
    word &= _MASK
    word = ((word ^ (word >> 30)) * _MIX_1) & _MASK
    word = ((word ^ (word >> 27)) * _MIX_2) & _MASK
    return word ^ (word >> 31)


def _key(seed: int, stream: int) -> int:
    return _mix(_mix(seed * _GOLDEN + 1) + stream * _GOLDEN + 2)


def uniform(seed: int, stream: int, index: int) -> float:
    """One number in [0, 1)."""
    return (_mix(_key(seed, stream) + (index + 1) * _GOLDEN) >> 11) * _TO_UNIT


def between(low: float, high: float, seed: int, stream: int, index: int) -> float:
    """One number in [low, high)."""
    return low + (high - low) * uniform(seed, stream, index)


def _mix_array(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    words = (words ^ (words >> np.uint64(30))) * np.uint64(_MIX_1)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(_MIX_2)
    mixed: NDArray[np.uint64] = words ^ (words >> np.uint64(31))
    return mixed


class Noise:
    """Standard normal noise for `width` streams at any index."""

    def __init__(self, seed: int, width: int, first_stream: int = 1000) -> None:
        keys = [_key(seed, first_stream + 2 * i) for i in range(width)]
        self._keys = np.array(keys, np.uint64)
        self._other = np.array([_key(seed, first_stream + 2 * i + 1) for i in range(width)], np.uint64)

    def at(self, index: int) -> NDArray[np.float64]:
        """float64[width]: the noise of every stream at one index."""
        row: NDArray[np.float64] = self.table(np.array([index], np.uint64))[0]
        return row

    def table(self, indices: NDArray[np.uint64]) -> NDArray[np.float64]:
        """float64[len(indices), width] by Box-Muller."""
        with np.errstate(over="ignore"):
            step = ((indices.astype(np.uint64) + np.uint64(1)) * np.uint64(_GOLDEN))[:, None]
            first = _mix_array(self._keys + step)
            second = _mix_array(self._other + step)
        radius = np.sqrt(-2.0 * np.log(((first >> np.uint64(11)) + np.uint64(1)) * _TO_UNIT))
        normal: NDArray[np.float64] = radius * np.cos((second >> np.uint64(11)) * (2.0 * math.pi * _TO_UNIT))
        return normal
