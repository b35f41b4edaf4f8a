"""The 50-tag mix that size and speed are measured on: deterministic, shaped like a press line's values.

25 analogue values as an A/D converter gives them (quantised), 8 noisy float32 values of smart transmitters,
5 setpoints, 7 states, 5 counters; 1 Hz. Two kinds of time: *shared*, all tags of a poll cycle carry one time
(with the jitter that a poll has), and *own*, every sample has a time of its own in µs with 2 ms of jitter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iiotctl.samples import SampleBatch

TAGS: Final = 50
START_US: Final = 1_795_428_000_000_000
"""2026-11-23T10:00:00Z: a full hour, so that hour files hold whole hours."""


def names() -> list[str]:
    """Names of the 50 tags, in the order of their codes."""
    kinds = ["pressure"] * 25 + ["flow"] * 8 + ["setpoint"] * 5 + ["state"] * 7 + ["count"] * 5
    return [f"line{1 + code % 4}.{kind}.{code:02d}" for code, kind in enumerate(kinds)]


@dataclass(frozen=True, slots=True)
class Mix:
    """n seconds of 50 tags.

    Attributes:
        ts: int64[n, 50], µs UTC.
        value: float64[n, 50].
    """

    ts: NDArray[np.int64]
    value: NDArray[np.float64]

    def batch(self, first: int, last: int) -> SampleBatch:
        """Samples of the seconds `first` to `last` (exclusive), cycle by cycle."""
        seconds = last - first
        return SampleBatch(
            tag=np.tile(np.arange(TAGS, dtype=np.uint32), seconds),
            ts=self.ts[first:last].reshape(-1),
            value=self.value[first:last].reshape(-1),
            quality=np.zeros(seconds * TAGS, np.uint32),
        )


def _analogue(rng: np.random.Generator, seconds: int) -> NDArray[np.float64]:
    """A slow cycle of a machine plus noise of a few steps of the converter, quantised to 0.1."""
    time = np.arange(seconds)
    period = rng.uniform(600, 7200)
    slow = rng.uniform(2, 20) * np.sin(2 * np.pi * (time / period + rng.uniform()))
    noise = rng.normal(0, rng.uniform(0.05, 0.3), seconds)
    return np.asarray(np.round(rng.uniform(20, 200) + slow + noise, 1))


def _transmitter(rng: np.random.Generator, seconds: int) -> NDArray[np.float64]:
    """A float32 of full noise, as a smart transmitter sends it."""
    time = np.arange(seconds)
    slow = 5 * np.sin(2 * np.pi * time / rng.uniform(900, 5400))
    return (rng.uniform(30, 90) + slow + rng.normal(0, 0.2, seconds)).astype(np.float32).astype(np.float64)


def _steps(rng: np.random.Generator, seconds: int, mean_s: float, levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """A value that holds for `mean_s` on average."""
    changes = rng.random(seconds) < 1 / mean_s
    return levels[rng.integers(0, len(levels), seconds)][
        np.maximum.accumulate(np.where(changes, np.arange(seconds), 0))
    ]


def make(seconds: int, *, shared: bool, seed: int = 1) -> Mix:
    """The mix over a number of seconds.

    Args:
        seconds: s, one sample per tag and second.
        shared: one time per poll cycle and all its tags, else a time per sample.
        seed: the same seed gives the same values.
    """
    rng = np.random.default_rng(seed)
    columns = [_analogue(rng, seconds) for _ in range(25)]
    columns += [_transmitter(rng, seconds) for _ in range(8)]
    columns += [_steps(rng, seconds, 1800, np.array([80.0, 100.0, 120.0, 150.0])) for _ in range(5)]
    columns += [_steps(rng, seconds, 60, np.arange(4.0)) for _ in range(7)]
    columns += [1e5 + np.cumsum((rng.random(seconds) < rng.uniform(0.05, 0.5)).astype(np.float64)) for _ in range(5)]
    cycle = START_US + np.arange(seconds, dtype=np.int64)[:, None] * 1_000_000
    jitter = rng.normal(0, 2_000, (seconds, 1 if shared else TAGS)).astype(np.int64)
    ts = np.broadcast_to(cycle + np.abs(jitter), (seconds, TAGS))
    return Mix(np.ascontiguousarray(ts), np.ascontiguousarray(np.stack(columns, axis=1)))
