"""Modbus RTU, on a serial port or inside TCP: one request at a time, answers matched by `pairing`.

Modbus over Serial Line V1.02. Nothing is ever sent to unit 0 (a broadcast), and nothing before the line has been
silent for 3.5 characters. After a timeout the line is left alone until the time has passed that an answer took at most
lately.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from iiotctl.sources.allowlist import check_bus_unit
from iiotctl.sources.modbus.crc import sealed
from iiotctl.sources.modbus.failure import Failure, Kind
from iiotctl.sources.modbus.frame import Answer, AnyRequest, Request
from iiotctl.sources.modbus.framing.dialogue import Asked, Done, Expired, Foreign, Heard, Late, PutOff, Stray
from iiotctl.sources.modbus.framing.intruder import Watch
from iiotctl.sources.modbus.framing.pairing import Goal, Pairing
from iiotctl.sources.modbus.framing.rtuframer import Frame, RtuFramer

if TYPE_CHECKING:
    from iiotctl.site.sources import ModbusRtuSource

_REQUEST_FRAME: Final = 3
"""Unit and checksum, around the request."""
_ANSWER_FRAME: Final = 5
"""Unit, function, byte count and checksum, around the data."""
_QUICK_BAUD: Final = 19_200
_QUICK_SILENCE_S: Final = 0.00175
_CHARACTERS: Final = 3.5
_CHUNKS_S: Final = 0.05
"""Converters hand over bytes every 16 ms or so: shorter holes in a frame mean nothing."""
_SEGMENTS_S: Final = 0.25
"""The same for TCP, which may send a segment twice before it arrives."""
_LEAST_DRAIN_S: Final = 0.02
_QUIET_TRIPS: Final = 3
"""A broken answer has ended after so many times what answers take lately, at least `_LEAST_DRAIN_S`."""
_UNKNOWN_ANSWER: Final = 64


@dataclass(frozen=True, slots=True)
class Timing:
    """What the line takes; all zero where its speed is not known (RTU over TCP).

    Attributes:
        character: seconds a character.
        silence: seconds between frames (t3.5).
    """

    character: float = 0.0
    silence: float = 0.0

    @property
    def resync(self) -> float:
        """Seconds of silence after which a frame begins anew."""
        return max(self.silence, _CHUNKS_S) if self.character else _SEGMENTS_S

    def exchange(self, request: AnyRequest) -> float:
        """Seconds that a request and its answer are on the line, apart from the time the unit needs."""
        payload = request.payload if isinstance(request, Request) else _UNKNOWN_ANSWER
        return (len(request.pdu) + _REQUEST_FRAME + payload + _ANSWER_FRAME) * self.character + self.silence


def timing_of(config: ModbusRtuSource) -> Timing:
    """From the settings of the port: 11 bits a character as a rule; above 19200 baud t3.5 is 1.75 ms (§2.5.1.1)."""
    stop = config.stopbits or (2 if config.parity == "none" else 1)
    bits = 1 + config.databits + (config.parity != "none") + stop
    character = bits / config.baudrate
    return Timing(character, _QUICK_SILENCE_S if config.baudrate > _QUICK_BAUD else _CHARACTERS * character)


class RtuDialogue:
    """A conversation with one request on its way; see `Dialogue`.

    Args:
        pairings: what is known of the units; outlives connections, since a gateway may hand over late answers to
            the next one.
        timing: of the line.
    """

    function_at = 1
    tail = 2

    def __init__(self, pairings: dict[int, Pairing], timing: Timing) -> None:
        self.not_before = float("-inf")
        self._pairings = pairings
        self._timing = timing
        self._framer = RtuFramer(timing.resync)
        self._watch = Watch()
        self._asked: Asked | None = None
        self._next: AnyRequest | None = None
        self._sent = 0.0
        self._until = float("inf")
        self._latest = float("inf")
        """When its time is over though its answer may not have ended."""
        self._misfit = ""

    @property
    def deadline(self) -> float:
        """When the request on its way runs out of time."""
        return self._until

    @property
    def has_room(self) -> bool:
        """Nothing is on its way."""
        return self._asked is None

    @property
    def has_turn(self) -> bool:
        """A knock, a fence or a second read waits to be sent."""
        return self._next is not None

    @property
    def broke_off(self) -> bool:
        """Never: silence ends every frame."""
        return False

    def admit(self, window: int) -> None:
        """One request at a time, whatever is allowed: answers say too little of themselves."""

    def ask(self, asked: Asked, now: float) -> bytes | PutOff:
        """The first frame for a request; it may be one that proves what the answer will belong to."""
        request = asked.scan.requests[asked.number]
        pairing = self._pairings.setdefault(request.unit, Pairing())
        first = pairing.wish(Goal(request, asked.scan.requests, asked.timeout), now)
        if first is None:
            return _put_off(asked)
        self._asked = asked
        self._misfit = ""
        return self._frame(first, now)

    def turn(self, now: float) -> bytes:
        """The frame of the dialogue's own request."""
        request, self._next = self._next, None
        assert request is not None
        return self._frame(request, now)

    def _frame(self, request: AnyRequest, now: float) -> bytes:
        assert self._asked is not None
        self._sent = now
        self._until = self._latest = now + self._asked.timeout + self._timing.exchange(request)
        frame = sealed(bytes([request.unit]) + request.pdu)
        check_bus_unit(frame[0])
        self._framer.sent(frame)
        self._watch.sent(frame, now)
        self._pairings[request.unit].sent(now)
        return frame

    def hear(self, data: bytes, now: float) -> Sequence[Heard]:
        """What follows from bytes that came in."""
        self.not_before = max(self.not_before, now + self._timing.silence)
        heard: list[Heard] = []
        for frame in self._framer.feed(data, now):
            heard += self._take(frame, now)
        foreign = self._watch.hear(data, now)
        if foreign:
            heard.append(Foreign(foreign))
        if self._framer.is_broken and self._asked is not None and self._next is None:
            # nothing better comes: no reason to wait for the whole timeout
            self._until = min(self._latest, now + self._quiet(self._pairings[self._asked.scan.unit.number]))
        return heard

    def _quiet(self, pairing: Pairing) -> float:
        """Seconds of silence after which a broken answer has ended."""
        if self._timing.character:
            return self._timing.resync
        return max(_LEAST_DRAIN_S, _QUIET_TRIPS * pairing.longest)

    def _take(self, frame: Frame, now: float) -> Sequence[Heard]:
        unit = frame.answer.unit
        pairing = self._pairings.get(unit)
        if pairing is None:
            return [Stray(unit)]
        asked = self._asked
        answer, following, late = pairing.heard(frame, now)
        if late is not None or asked is None or asked.scan.unit.number != unit:
            return [Stray(unit) if late is None else Late(unit, late)]
        if answer is not None:
            return [self._done(asked, answer, now)]
        if following is not None:
            self._follow(following, pairing, asked, now)
            return []
        if pairing.is_settled:
            self._asked, self._until = None, float("inf")
            return [_put_off(asked)]
        judged = asked.scan.requests[asked.number].judge(frame.answer)
        self._misfit = judged.cause if isinstance(judged, Failure) else self._misfit
        return [Stray(unit)]

    def _follow(self, request: AnyRequest, pairing: Pairing, asked: Asked, now: float) -> None:
        """Something else is to be sent for the same goal, after the line has come to rest."""
        self._next, self._until = request, float("inf")
        if pairing.waits_long:
            self.not_before = max(self.not_before, now + self._drain(pairing, asked))

    def _done(self, asked: Asked, answer: Answer, now: float) -> Done:
        self._asked, self._until = None, float("inf")
        return Done(asked, asked.scan.requests[asked.number].judge(answer), now - self._sent)

    def _drain(self, pairing: Pairing, asked: Asked) -> float:
        return min(asked.timeout, max(_LEAST_DRAIN_S, pairing.longest))

    def expire(self, now: float) -> Sequence[Heard]:
        """The request on its way, when its time is over."""
        asked = self._asked
        if asked is None or now < self._until:
            return []
        pairing = self._pairings[asked.scan.unit.number]
        is_answered = self._framer.garbled
        pairing.give_up(is_alive=is_answered)
        self._framer.rest()
        self._asked, self._until = None, float("inf")
        self.not_before = max(self.not_before, now + self._timing.silence, self._sent + self._drain(pairing, asked))
        took = now - self._sent
        return [Expired(asked, self._silence(took), took, is_answered)]

    def _silence(self, took: float) -> Failure:
        if self._misfit:
            hint = "a device that answers so is faulty, or a second one has the same address"
            return Failure(Kind.TIMEOUT, cause=f"{self._misfit}; no other answer within {took:.3g} s", hint=hint)
        if self._framer.garbled:
            hint = "check baud rate, parity and stop bits, the termination of the bus, and that no two devices share an address"
            return Failure(Kind.TIMEOUT, cause=f"only noise or a broken answer came within {took:.3g} s", hint=hint)
        return Failure(Kind.TIMEOUT, cause=f"no answer within {took:.3g} s")

    def end(self, now: float) -> Sequence[tuple[Asked, float]]:
        """The request that will not be answered on this connection; its answer may still come on the next."""
        asked, self._asked = self._asked, None
        self._next, self._until = None, float("inf")
        if asked is None:
            return []
        self._pairings[asked.scan.unit.number].give_up()
        return [(asked, now - self._sent)]


def _put_off(asked: Asked) -> PutOff:
    cause = "not asked: answers to earlier requests may still come, and could not be told from the one to this"
    return PutOff(asked, Failure(Kind.TIMEOUT, cause=cause))
