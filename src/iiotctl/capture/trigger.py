"""When a trigger fires, sample by sample. Pure; times come in as arguments.

Every trigger is a state that a sample may enter or leave:

- `> N` is entered by a value above N and left by one at or below N - hysteresis; `>=`, `<`, `<=` likewise;
  `= N` is left by a value further than the hysteresis away;
- `rises` is entered by a value other than 0 that comes after a 0 and left by a 0; `falls` the other way round;
- `bad` is entered by a Bad quality and left by any other;
- it fires once each time it is entered, or with `for` once it has lasted that long. A value holds until the
  next sample;
- `changes` fires at each value further than the hysteresis from the one it fired at last (at first: from the
  first value).

A comparison (and `bad`) that is true at the first sample fires; `rises`, `falls` and `changes` need a value before.
Samples without a value (Bad quality, text) change nothing, but what must last begins to count anew after them. A
sample that is older than the latest of its tag is not looked at.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import numpy as np

from iiotctl.quality import BAD
from iiotctl.samples import NULL_TIME, SampleBatch
from iiotctl.site.condition import Condition
from iiotctl.site.trigger import Trigger

_EDGES: Final = (Condition.RISES, Condition.FALLS)


class Watch:
    """State of one trigger.

    Attributes:
        trigger: what is watched.
        fired: how often it has fired.
        fired_at: µs UTC in the clock of the tag, the last time; 0 = never.
    """

    def __init__(self, trigger: Trigger) -> None:
        self.trigger = trigger
        self.fired = 0
        self.fired_at = 0
        self._hold_us = round(trigger.hold_s * 1e6)
        self._is_on = False
        self._is_spent = False
        """It has fired since it was entered."""
        self._since: tuple[int, int] | None = None
        """Since when it is on without a doubt: in the tag's clock, in our steady clock."""
        self._value = math.nan
        self._last = NULL_TIME

    @property
    def is_armed(self) -> bool:
        """False between firing and leaving."""
        return not self._is_spent

    def forget_order(self) -> None:
        """The clock that stamps this tag has stepped: its times begin anew."""
        self._last = NULL_TIME
        self._since = None

    def feed(self, ts: int, value: float, quality: int, steady: int) -> int | None:
        """The next sample of the tag.

        Args:
            ts: µs UTC.
            value: engineering units; NaN = none.
            quality: status code.
            steady: µs of our steady clock at its receipt.

        Returns:
            µs UTC at which the trigger fired, not after `ts`; None = it did not.
        """
        if ts < self._last:
            return None
        self._last = ts
        fired = self._lasted(ts)
        is_bad = quality >= BAD
        if self.trigger.condition is Condition.BAD:
            return self._move(ts, steady, enters=is_bad, leaves=not is_bad) or fired
        if is_bad or math.isnan(value):
            self._since = None
            return fired
        if self.trigger.condition is Condition.CHANGES:
            return self._change(ts, value)
        enters, leaves = self._judge(value)
        if self.trigger.condition in _EDGES and math.isnan(self._value):
            # on already when it was first seen: no edge
            self._is_on = self._is_spent = enters
            enters = False
        self._value = value
        return self._move(ts, steady, enters=enters, leaves=leaves) or fired

    def tick(self, steady: int) -> int | None:
        """Time has passed without a sample; as `feed`.

        Args:
            steady: µs of our steady clock.
        """
        if self._since is None or self._is_spent or steady - self._since[1] < self._hold_us:
            return None
        return self._fire(self._since[0] + self._hold_us)

    def _judge(self, value: float) -> tuple[bool, bool]:
        """Whether a value enters the state, and whether it leaves it."""
        trigger = self.trigger
        if trigger.condition in _EDGES:
            is_zero = value == 0
            return (is_zero, not is_zero) if trigger.condition is Condition.FALLS else (not is_zero, is_zero)
        if trigger.condition is Condition.EQUAL:
            return value == trigger.threshold, abs(value - trigger.threshold) > trigger.hysteresis
        # below is above in the mirror
        sign = -1 if trigger.condition in (Condition.BELOW, Condition.AT_MOST) else 1
        beyond, back = sign * (value - trigger.threshold), -trigger.hysteresis
        if trigger.condition in (Condition.ABOVE, Condition.BELOW):
            return beyond > 0, beyond <= back
        return beyond >= 0, beyond < back

    def _change(self, ts: int, value: float) -> int | None:
        if math.isnan(self._value):
            self._value = value
            return None
        if abs(value - self._value) <= self.trigger.hysteresis:
            return None
        self._value = value
        self._fire(ts)
        self._is_spent = False
        return ts

    def _move(self, ts: int, steady: int, *, enters: bool, leaves: bool) -> int | None:
        if self._is_on and leaves:
            self._is_on = self._is_spent = False
            self._since = None
        elif enters and not self._is_on:
            self._is_on = True
        if not self._is_on or self._is_spent or self._since is not None:
            return None
        self._since = (ts, steady)
        return self._fire(ts) if not self._hold_us else None

    def _lasted(self, ts: int) -> int | None:
        if self._since is None or self._is_spent or ts - self._since[0] < self._hold_us:
            return None
        return self._fire(self._since[0] + self._hold_us)

    def _fire(self, at: int) -> int:
        self._is_spent = True
        self.fired += 1
        self.fired_at = at
        return at


class Watches:
    """All triggers of a run; a batch at a time.

    Args:
        triggers: as the user wrote them.

    Attributes:
        all: one each, in their order.
        deaf: names of tags that are watched and deliver text, which no trigger understands.
    """

    def __init__(self, triggers: Iterable[Trigger]) -> None:
        self.all = [Watch(trigger) for trigger in triggers]
        self.deaf: set[str] = set()
        self._by_code: dict[int, list[int]] = {}
        self._is_watched = np.zeros(64, np.bool_)

    def define(self, code: int, name: str) -> None:
        """A tag gets its code."""
        if code >= self._is_watched.shape[0]:
            more = max(code + 1, 2 * self._is_watched.shape[0]) - self._is_watched.shape[0]
            self._is_watched = np.append(self._is_watched, np.zeros(more, np.bool_))
        places = [place for place, watch in enumerate(self.all) if watch.trigger.tag == name]
        if places:
            self._by_code[code] = places
            self._is_watched[code] = True

    def feed(self, batch: SampleBatch, steady: int) -> list[tuple[int, int, int]]:
        """Samples came.

        Returns:
            (place of the trigger in `all`, code of its tag, µs UTC at which it fired), in the order of firing.
        """
        places = np.flatnonzero(self._is_watched[batch.tag])
        if not places.size:
            return []
        fired = []
        for place in places[np.argsort(batch.ts[places], kind="stable")].tolist():
            code = int(batch.tag[place])
            if batch.text is not None and batch.text[place] is not None and math.isnan(batch.value[place]):
                self.deaf.add(self.all[self._by_code[code][0]].trigger.tag)
            for number in self._by_code[code]:
                at = self.all[number].feed(
                    int(batch.ts[place]), float(batch.value[place]), int(batch.quality[place]), steady
                )
                if at is not None:
                    fired.append((number, code, at))
        return fired

    def tick(self, steady: int) -> list[tuple[int, int, int]]:
        """Time has passed; as `feed`."""
        return [
            (number, code, at)
            for code, numbers in self._by_code.items()
            for number in numbers
            if (at := self.all[number].tick(steady)) is not None
        ]

    def forget_order(self, codes: Iterable[int]) -> None:
        """The clock that stamps these tags has stepped."""
        for code in codes:
            for number in self._by_code.get(code, ()):
                self.all[number].forget_order()
