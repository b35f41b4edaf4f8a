"""Who is asked next on a shared connection. Pure: time comes in as an argument, nothing is sent here.

All sources on one host:port put their scans into one queue. The order keeps dead units from making live
ones late:

- *healthy* units (the last request was answered) go first, earliest deadline first;
- *suspects* (never answered yet, or silent the last time) get what time is left until the next healthy
  deadline (and their own, when it is known how fast they answer), shared among the waiting suspects, and wait when
  that is too little to be of use;
- nobody waits for ever on a link that has no time left: a suspect that has waited for `patience`, and a unit never
  asked before that was due earlier, go before healthy ones. The healthy then have the link for `_REST` times as
  long as that took in vain;
- the time given to a unit that never answered may be shorter than its timeout. While others are asked, it has the
  rest of it: its scan waits, and an answer that comes by then makes the unit healthy and is asked for again;
- three silences in a row that add up to three full timeouts *demote* a unit: it is asked again after 30 s,
  then after twice as long, up to 5 min. (The times a suspect gets are short, so that counting alone would
  turn a hiccup of a second into half a minute without values.) Demotion protects the neighbours on the link. When no unit of the link is healthy there is
  nobody to protect, and the unit that waited longest is asked every cycle; the first answer after such a
  silence brings back all units that fell silent with the link.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from iiotctl.sources.modbus.failure import Failure, Kind
from iiotctl.sources.modbus.frame import AnyRequest

DEMOTE_AFTER: Final = 3
FIRST_PROBE_S: Final = 30.0
LAST_PROBE_S: Final = 300.0
FLOOR_S: Final = 0.1
_ROUND_TRIPS: Final = 5
_REST: Final = 4
_SHARE: Final = 0.9
"""Of the slack; the rest is for what the clock and the loop add."""


@dataclass(slots=True, eq=False)
class Unit:
    """What is known of a unit on the link; times in seconds of the monotonic clock."""

    number: int
    answered: bool = False
    silences: int = 0
    """In a row."""
    round_trip: float = 0.0
    """Recent, seconds; of a suspect that answered too late, how late."""
    silent_since: float = 0.0
    last_try: float = float("-inf")
    probe_at: float | None = None
    """Not None = demoted."""
    probe_wait: float = FIRST_PROBE_S
    timeout: float = 0.0
    """What the site file gave it for the last request that was not answered."""
    rests_until: float = float("-inf")
    """The last request got less time than that; its answer may come until then."""

    @property
    def healthy(self) -> bool:
        """The last request was answered."""
        return self.answered and not self.silences


@dataclass(slots=True, eq=False)
class Scan:
    """Requests to one unit that belong together: one cycle of one period.

    Attributes:
        unit: whom to ask.
        requests: what to ask, in order.
        deadline: when it was due.
        timeout: seconds a request may take at most.
        patience: seconds that the scan may wait for its turn when its unit is a suspect.
        done: called once when every request has a result; set by the link.
        results: data or failure per request.
        arrived: µs UTC of each result.
        took: seconds of each request.
    """

    unit: Unit
    requests: Sequence[AnyRequest]
    deadline: float
    timeout: float
    patience: float
    done: Callable[[], None] = lambda: None
    results: list[bytes | Failure | None] = field(default_factory=list)
    arrived: list[int] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    next: int = 0
    tried: bool = False
    """One of its requests was sent at least."""
    missing: int = 0
    failures: int = 0

    def __post_init__(self) -> None:
        n = len(self.requests)
        self.results, self.arrived, self.took, self.missing = [None] * n, [0] * n, [0.0] * n, n

    def settle(self, index: int, result: bytes | Failure, at: int, took: float) -> None:
        """Note the result of a request."""
        if self.results[index] is not None:
            return
        self.results[index] = result
        self.arrived[index] = at
        self.took[index] = took
        self.missing -= 1
        self.failures += isinstance(result, Failure)
        if not self.missing:
            self.done()

    def give_up(self, failure: Failure, at: int) -> None:
        """The same failure for every request that has not been sent yet."""
        first, self.next = self.next, len(self.requests)
        for index in range(first, len(self.requests)):
            self.settle(index, failure, at, 0.0)


class RequestQueue:
    """The scans that wait, and the health of the units."""

    def __init__(self) -> None:
        self.units: dict[int, Unit] = {}
        self._scans: list[Scan] = []
        self._upcoming: dict[object, tuple[Unit, float]] = {}
        self._last_answer = float("-inf")
        self._turn_at = float("-inf")
        """No suspect goes before healthy units until then."""
        self._resting: dict[Scan, tuple[Failure, int]] = {}
        """Scans whose unit may still answer, and what they end with when it does not."""

    def __bool__(self) -> bool:
        return bool(self._scans)

    def unit(self, number: int) -> Unit:
        """The unit of that number."""
        return self.units.setdefault(number, Unit(number))

    def expect(self, key: object, unit: Unit, deadline: float) -> None:
        """Announce when the next scan of `key` will be due."""
        self._upcoming[key] = (unit, deadline)

    def forget(self, key: object) -> None:
        """No more scans of `key`."""
        self._upcoming.pop(key, None)

    def submit(self, scan: Scan) -> None:
        """Put a scan into the queue."""
        self._scans.append(scan)

    def withdraw(self, scan: Scan) -> None:
        """Take a scan out; a request of it that is on its way is not called back."""
        scan.done = lambda: None
        self._resting.pop(scan, None)
        if scan in self._scans:
            self._scans.remove(scan)

    def fail_all(self, failure: Failure, at: int) -> None:
        """The same failure for all that waits (no connection)."""
        scans, self._scans = self._scans, []
        self._resting.clear()
        for scan in scans:
            scan.give_up(failure, at)

    def may_ask(self, unit: Unit, now: float) -> bool:
        """False while a demoted unit waits for its probe."""
        if unit.probe_at is None or now >= unit.probe_at:
            return True
        active = [other for other, _ in self._upcoming.values()]
        if any(other.healthy for other in active):
            return False
        return all(unit.last_try <= other.last_try for other in active)

    def connected(self, now: float) -> None:
        """A new connection: what was silent on the old one deserves a try."""
        for unit in self.units.values():
            if unit.probe_at is not None:
                unit.probe_at = now

    def take(self, now: float) -> tuple[Scan, int, float] | None:
        """The request to send now: its scan, its index, and the seconds it may take."""
        self._end_rests(now)
        scans = self._scans
        if not scans:
            return None
        # equal deadlines go by unit, so that each unit has its place in the cycle and its samples even spacing
        best = min(
            (scan for scan in scans if scan.unit.healthy),
            key=lambda scan: (scan.deadline, scan.unit.number),
            default=None,
        )
        suspect = self._suspect(best, now)
        if suspect is not None:
            timeout = self._clamp(suspect, now)
            if best is not None:
                self._turn_at = now + (1 + _REST) * timeout
            best = suspect
        elif best is not None:
            timeout = best.timeout
        if best is None or not timeout:
            return None
        self._resting.pop(best, None)
        index = best.next
        best.next += 1
        if best.next == len(best.requests):
            scans.remove(best)
        best.unit.last_try = now
        best.tried = True
        return best, index, timeout

    def _end_rests(self, now: float) -> None:
        for scan in [scan for scan in self._resting if not scan.unit.healthy and now >= scan.unit.rests_until]:
            failure, at = self._resting.pop(scan)
            self._scans.remove(scan)
            scan.give_up(failure, at)

    def _suspect(self, healthy: Scan | None, now: float) -> Scan | None:
        """The suspect whose turn it is, instead of the first healthy scan when there is one."""
        if healthy is not None and now < self._turn_at:
            return None
        others = any(unit.healthy for unit, _ in self._upcoming.values())
        waiting = [
            scan
            for scan in self._scans
            if not scan.unit.healthy
            and not (others and now < scan.unit.rests_until)
            and (healthy is None or _is_overdue(scan, healthy, now))
        ]
        return min(waiting, key=lambda scan: (scan.unit.silences, scan.unit.last_try, scan.deadline), default=None)

    def _clamp(self, scan: Scan, now: float) -> float:
        """Seconds for a request to a suspect; 0 = not now."""
        unit = scan.unit
        others = [(u, at) for u, at in self._upcoming.values() if u is not unit]
        healthy = [at for u, at in others if u.healthy]
        known = healthy or [at for u, at in others if u.probe_at is None]
        # a unit that has answered before is asked once a period: a request that went into a dead link must not
        # hold up the next one after the link is back
        own = [at for u, at in self._upcoming.values() if u is unit and unit.answered]
        if not known and not own:
            return scan.timeout
        slack = min(known + own) - now
        if unit.answered:  # its own need is known, and a neighbour's slow moment says nothing about it
            floor = max(FLOOR_S, 1.5 * unit.round_trip)
        else:
            trips = [u.round_trip for u in self.units.values() if u.healthy]
            floor = max(FLOOR_S, _ROUND_TRIPS * max(trips, default=0.0), 1.5 * unit.round_trip)
        tried = unit.last_try > float("-inf")
        if healthy and tried and min(healthy) - now < floor and now - scan.deadline < scan.patience:
            return 0.0
        waiting = len({id(s.unit) for s in self._scans})
        return min(scan.timeout, max(floor, _SHARE * slack / waiting))

    def answered(self, scan: Scan, index: int, result: bytes | Failure, *, now: float, at: int, took: float) -> None:
        """A request was answered: with data, or with an exception of the unit itself."""
        unit = scan.unit
        if not unit.healthy:
            self._revive(unit, now)
            self._turn_at = now
        unit.round_trip = took if took > unit.round_trip else 0.9 * unit.round_trip + 0.1 * took
        self._last_answer = now
        scan.settle(index, result, at, took)

    def _revive(self, unit: Unit, now: float) -> None:
        if not any(other.healthy for other in self.units.values()):
            for other in self.units.values():
                if other.probe_at is not None and other.silent_since >= self._last_answer:
                    other.probe_at = now
        unit.answered = True
        unit.silences = 0
        unit.round_trip = 0.0
        unit.probe_at = None
        unit.probe_wait = FIRST_PROBE_S
        unit.rests_until = float("-inf")

    def silent(self, scan: Scan, index: int, failure: Failure, *, now: float, at: int, took: float) -> None:
        """A unit did not answer, or a gateway said so; what is left of the scan is given up at the second miss."""
        unit = scan.unit
        was_healthy = unit.healthy
        has_time = failure.kind is Kind.TIMEOUT and not unit.answered and not unit.silences and took < scan.timeout
        unit.timeout = scan.timeout
        if not unit.silences:
            unit.silent_since = now - took
        unit.silences += 1
        if unit.silences >= DEMOTE_AFTER and now - unit.silent_since >= DEMOTE_AFTER * scan.timeout:
            unit.probe_at = now + unit.probe_wait
            unit.probe_wait = min(LAST_PROBE_S, 2 * unit.probe_wait)
        if has_time and scan.next == index + 1:
            unit.rests_until = now - took + scan.timeout
            scan.next = index
            self._resting[scan] = failure, at
            if scan not in self._scans:
                self._scans.append(scan)
            return
        scan.settle(index, failure, at, took)
        if not was_healthy:
            scan.give_up(failure, at)
            if scan in self._scans:
                self._scans.remove(scan)

    def put_off(self, scan: Scan, index: int, failure: Failure, at: int) -> None:
        """A request could not be asked now, which says nothing about its unit; neither can the rest of its scan."""
        scan.settle(index, failure, at, 0.0)
        scan.give_up(failure, at)
        if scan in self._scans:
            self._scans.remove(scan)

    def late(self, number: int, after: float, now: float) -> None:
        """An answer came after its timeout: it is not used, but the unit is alive and needs that long.

        Unless the whole link was silent all the while: that tells of the link, and a unit that needs a long time is
        made to wait for its turn.
        """
        unit = self.unit(number)
        if unit.healthy or now - after > self._last_answer:
            return
        if after <= unit.timeout:
            self._revive(unit, now)
        unit.round_trip = max(unit.round_trip, after)


def _is_overdue(scan: Scan, healthy: Scan, now: float) -> bool:
    """A suspect that goes before a healthy unit."""
    if scan.unit.last_try == float("-inf"):
        return scan.deadline < healthy.deadline
    return now - scan.deadline >= scan.patience
