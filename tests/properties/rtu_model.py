"""A unit behind RTU framing that answers late, never, twice or one request behind, in virtual time.

Every answer carries the number of the request it belongs to in each of its registers, so that a value can be
traced to the request that it is the answer to. Nothing here is taken from the code under test but the dialogue itself.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from iiotctl.sources.modbus.failure import Failure
from iiotctl.sources.modbus.frame import Request
from iiotctl.sources.modbus.framing.dialogue import Asked, Done, Expired, PutOff
from iiotctl.sources.modbus.framing.rtu import RtuDialogue, Timing
from iiotctl.sources.modbus.queue import Scan, Unit

TIMEOUT = 1.0
UNIT = 7


def checksum(body: bytes) -> bytes:
    """CRC-16 bit by bit, as the standard's appendix draws it."""
    value = 0xFFFF
    for byte in body:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
    return value.to_bytes(2, "little")


@dataclass
class Behaviour:
    """How one request is answered: seconds until the answer (None = never), and the delays of its copies."""

    delay: float | None = 0.01
    copies: tuple[float, ...] = ()
    exception: int = 0


@dataclass
class Device:
    """Answers in the order of the requests.

    Attributes:
        behaviour: of request number n.
        lag: the answer to a request leaves when so many later ones have come.
        echoes: copies keep no order: each comes so many seconds after its answer, whatever came between.
        contents: of a register by request number and address.
    """

    behaviour: Callable[[int], Behaviour]
    lag: int = 0
    echoes: bool = False
    contents: Callable[[int, int], int] = lambda number, _address: number
    seen: list[tuple[bytes, float]] = field(default_factory=list)
    _held: list[tuple[bytes, Behaviour]] = field(default_factory=list)
    _last: float = 0.0

    def take(self, frame: bytes, now: float) -> list[tuple[float, bytes]]:
        """(time, bytes) that follow from a request."""
        assert checksum(frame[:-2]) == frame[-2:]
        number = len(self.seen)
        self.seen.append((frame, now))
        behaviour = self.behaviour(number)
        self._held.append((self._answer(frame, number, behaviour), behaviour))
        if len(self._held) <= self.lag:
            return []
        answer, behaviour = self._held.pop(0)
        if behaviour.delay is None:
            return []
        self._last = max(self._last, now + behaviour.delay)
        out = [(self._last, answer)]
        for extra in behaviour.copies:
            if self.echoes:
                out.append((self._last + extra, answer))
                continue
            self._last += extra
            out.append((self._last, answer))
        return out

    def _answer(self, frame: bytes, number: int, behaviour: Behaviour) -> bytes:
        if behaviour.exception:
            body = bytes([frame[0], frame[1] | 0x80, behaviour.exception])
        else:
            address, count = int.from_bytes(frame[2:4], "big"), int.from_bytes(frame[4:6], "big")
            data = b"".join((self.contents(number, address + i) & 0xFFFF).to_bytes(2, "big") for i in range(count))
            body = bytes([frame[0], frame[1], len(data)]) + data
        return body + checksum(body)


@dataclass
class Outcome:
    """What a goal ended with: the request, when it was begun, data or failure."""

    request: Request
    begun: float
    result: bytes | Failure


def converse(
    device: Device, requests: Sequence[Request], *, rounds: int, idle: Callable[[int], float]
) -> list[Outcome]:
    """Ask for each request in turn, `rounds` times round, and return what each was given."""
    talk = RtuDialogue({}, Timing())
    unit = Unit(UNIT)
    arriving: list[tuple[float, int, bytes]] = []
    outcomes: list[Outcome] = []
    now, order = 0.0, 0

    def send(frame: bytes) -> None:
        nonlocal order
        for at, data in device.take(frame, now):
            order += 1
            heapq.heappush(arriving, (at, order, data))

    for goal in range(rounds * len(requests)):
        request = requests[goal % len(requests)]
        scan = Scan(unit, list(requests), now, TIMEOUT, 2.0)
        asked = Asked(scan, goal % len(requests), TIMEOUT)
        start: float | None = None
        wake = now + idle(goal)
        ended = False
        while not ended:
            if start is None and now >= max(wake, talk.not_before):
                start = now
                first = talk.ask(asked, now)
                if isinstance(first, PutOff):
                    outcomes.append(Outcome(request, start, first.failure))
                    now += TIMEOUT  # the next cycle
                    break
                send(first)
            elif talk.has_turn and now >= talk.not_before:
                send(talk.turn(now))
            nexts = [talk.deadline]
            nexts += [arriving[0][0]] if arriving else []
            nexts += [max(wake, talk.not_before)] if start is None else []
            nexts += [talk.not_before] if talk.has_turn else []
            now = max(now, min(nexts))
            heard = list(talk.expire(now))
            while arriving and arriving[0][0] <= now:
                heard += talk.hear(heapq.heappop(arriving)[2], now)
            for item in heard:
                if isinstance(item, Done):
                    outcomes.append(Outcome(request, start or 0.0, item.result))
                elif isinstance(item, Expired | PutOff):
                    outcomes.append(Outcome(request, start or 0.0, item.failure))
                ended = ended or isinstance(item, Done | Expired | PutOff)
            if any(isinstance(item, PutOff) for item in heard):
                now += TIMEOUT
    return outcomes


def wrong(outcomes: Sequence[Outcome], device: Device) -> list[Outcome]:
    """Data that are not the answer to the very request they were given for, or to one sent before it was asked."""
    found = []
    for outcome in outcomes:
        if isinstance(outcome.result, Failure):
            continue
        frame, sent = device.seen[int.from_bytes(outcome.result[:2], "big")]
        if frame[1:-2] != outcome.request.pdu or sent < outcome.begun:
            found.append(outcome)
    return found
