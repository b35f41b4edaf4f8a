"""Modbus TCP, also inside TLS: a header with a transaction identifier before each request and answer.

Modbus Messaging on TCP/IP V1.0b §3.1.3. Answers are matched by their transaction, so several requests may be
on their way at once and answers may come in any order; one that comes too late, twice or with a foreign
identifier belongs to nothing and is dropped. A header that no server sends ends the connection, because
nobody knows where the next one begins.
"""

from __future__ import annotations

import random
import struct
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, NamedTuple

from iiotctl.sources.modbus.frame import Answer
from iiotctl.sources.modbus.framing.dialogue import Asked, Broken, Done, Expired, Heard, Late, Stray
from iiotctl.sources.modbus.outage import late_answer

_PREFIX: Final = struct.Struct(">HHHB")
_HEADER: Final = struct.Struct(">HHHBB")
_START: Final = struct.Struct(">HHH")
_SHORTEST: Final = 3
_LONGEST: Final = 254
_REMEMBERED: Final = 64
_STRIDE: Final = 40503
"""Between transaction identifiers: odd, so that each comes once in 65536, and 65536 by the golden ratio, so that those in
use at the same time lie far apart. A server that miscounts or spoils a bit then hits none of them."""


def misfit(data: bytes) -> str:
    """What is wrong with a header, in the user's words: protocol text, protocol identifier or length."""
    if data[:1].isalpha() and data.isascii():
        return f"not Modbus TCP: the answer begins with the text {data[:8].decode()!r}"
    _, protocol, length = _START.unpack_from(data)
    if protocol:
        return f"not Modbus TCP: protocol identifier {protocol} instead of 0 ({data[:8].hex(' ')})"
    return (
        f"the answer announces {length} bytes, and Modbus TCP allows {_SHORTEST} to {_LONGEST}: "
        f"the device is faulty, or speaks another protocol here ({data[:8].hex(' ')})"
    )


class StreamError(Exception):
    """The bytes are no Modbus TCP; where the next frame starts is unknown, so the connection is of no more use."""


class Framer:
    """Cuts a stream into answers."""

    def __init__(self) -> None:
        self._rest = b""

    @property
    def incomplete(self) -> bool:
        """True when part of a frame is waiting for its rest."""
        return bool(self._rest)

    @property
    def missing(self) -> str:
        """What an answer announced that has not come whole, in words; "" when nothing is waiting."""
        if len(self._rest) < _HEADER.size:
            return f"an answer ended after {len(self._rest)} bytes" if self._rest else ""
        length = _START.unpack_from(self._rest)[2]
        return f"an answer announced {length} bytes in its header and only {len(self._rest) - 6} came"

    def feed(self, data: bytes) -> list[Answer]:
        """The frames completed by `data`.

        Raises:
            StreamError: a header that no server sends.
        """
        if self._rest:
            data = self._rest + data
            self._rest = b""
        answers = []
        at = 0
        size = len(data)
        while size - at >= _HEADER.size:
            transaction, protocol, length, unit, function = _HEADER.unpack_from(data, at)
            if protocol or not _SHORTEST <= length <= _LONGEST:
                raise StreamError(misfit(data[at : at + _HEADER.size]))
            end = at + 6 + length
            if end > size:
                break
            answers.append(Answer(transaction, unit, function, data[at + 8 : end]))
            at = end
        self._rest = data[at:]
        return answers


class _Waiting(NamedTuple):
    asked: Asked
    sent: float
    until: float


class MbapDialogue:
    """A conversation of up to `window` requests at once; see `Dialogue`.

    Args:
        window: most requests on their way at once.
        transaction: where identifiers begin; random, so that answers from before a reconnect match nothing.
    """

    function_at = 7
    tail = 0

    def __init__(self, window: int = 1, transaction: int | None = None) -> None:
        self.not_before = float("-inf")
        self._window = window
        self._transaction = random.randrange(0x10000) if transaction is None else transaction  # noqa: S311 - no secret
        self._framer = Framer()
        self._waiting: dict[int, _Waiting] = {}
        self._abandoned: OrderedDict[int, tuple[int, float]] = OrderedDict()
        self._stranger: int | None = None
        """Transaction of an answer to nothing we asked that came while a request waits."""

    @property
    def deadline(self) -> float:
        """When the first of the waiting requests runs out of time."""
        return min((waiting.until for waiting in self._waiting.values()), default=float("inf"))

    @property
    def has_room(self) -> bool:
        """Fewer requests are on their way than may be."""
        return len(self._waiting) < self._window

    @property
    def has_turn(self) -> bool:
        """Never: transactions tell answers apart, nothing has to be asked twice."""
        return False

    @property
    def broke_off(self) -> bool:
        """Part of an answer has come."""
        return self._framer.incomplete

    def admit(self, window: int) -> None:
        """So many requests may be on their way at once."""
        self._window = window

    def ask(self, asked: Asked, now: float) -> bytes:
        """The frame of a request."""
        transaction = self._transaction = (self._transaction + _STRIDE) & 0xFFFF
        self._stranger = None
        request = asked.scan.requests[asked.number]
        pdu = request.pdu
        self._waiting[transaction] = _Waiting(asked, now, now + asked.timeout)
        return _PREFIX.pack(transaction, 0, len(pdu) + 1, request.unit) + pdu

    def turn(self, now: float) -> bytes:
        """Nothing; see `has_turn`."""
        raise NotImplementedError

    def hear(self, data: bytes, now: float) -> Sequence[Heard]:
        """Results of the answers that `data` completes."""
        try:
            answers = self._framer.feed(data)
        except StreamError as error:
            return [Broken(str(error))]
        heard: list[Heard] = []
        for answer in answers:
            waiting = self._waiting.pop(answer.transaction, None)
            if waiting is None:
                heard.append(self._unasked(answer, now))
                continue
            asked = waiting.asked
            result = asked.scan.requests[asked.number].judge(answer)
            done = Done(asked, result, now - waiting.sent)
            heard.append(done)
            if done.garbled:
                heard.append(Broken(str(result)))
                break
        return heard

    def _unasked(self, answer: Answer, now: float) -> Late | Stray:
        late = self._abandoned.pop(answer.transaction, None)
        if late is not None:
            return Late(late[0], now - late[1])
        self._stranger = answer.transaction
        return Stray(answer.unit)

    def expire(self, now: float) -> Sequence[Heard]:
        """The requests whose time is over."""
        over = [number for number, waiting in self._waiting.items() if waiting.until <= now]
        heard: list[Heard] = []
        for number in over:
            asked, sent, _ = self._waiting.pop(number)
            self._abandoned[number] = (asked.scan.unit.number, sent)
            if len(self._abandoned) > _REMEMBERED:
                self._abandoned.popitem(last=False)
            took = now - sent
            heard.append(Expired(asked, late_answer(took, number, self._stranger, self._framer.missing), took))
        return heard

    def end(self, now: float) -> Sequence[tuple[Asked, float]]:
        """The requests that will not be answered."""
        gone = [(waiting.asked, now - waiting.sent) for waiting in self._waiting.values()]
        self._waiting.clear()
        return gone
