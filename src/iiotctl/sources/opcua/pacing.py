"""How patient a source is: pauses before it dials, asks or measures again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """How patient a source is, seconds; tests shorten it.

    Attributes:
        reconnect_first: pause before another connection, doubling.
        reconnect_longest: its limit.
        stable: a connection that lasted this long starts the doubling anew.
        retry_first: pause before refused tags are asked for again, doubling.
        retry_longest: its limit.
        clock_every: pause between measurements of the server's clock.
        silence_times: so many times its usual interval without a value is unusual for a subscription or an item.
        silence_least: but never less than this.
        probe_every: time in which `vitals.MOST_READ` values are read to see whether what is silent is dead.
    """

    reconnect_first: float = 1.0
    reconnect_longest: float = 30.0
    stable: float = 30.0
    retry_first: float = 30.0
    retry_longest: float = 600.0
    clock_every: float = 3600.0
    silence_times: float = 10.0
    silence_least: float = 30.0
    probe_every: float = 60.0


class Backoff:
    """Doubling pauses with a jitter of a quarter, so that many clients do not return in step."""

    def __init__(self, first: float, longest: float, *, chance: Callable[[], float] = random.random) -> None:
        self._first = first
        self._longest = longest
        self._chance = chance
        self._next = first

    def reset(self) -> None:
        """Start anew."""
        self._next = self._first

    def pause(self) -> float:
        """The next pause, seconds."""
        pause, self._next = self._next, min(self._next * 2, self._longest)
        return pause * (0.75 + 0.5 * self._chance())
