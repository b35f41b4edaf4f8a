"""Who a device says it is: Read Device Identification, function 43 with MEI type 14.

Modbus Application Protocol V1.1b3 §6.21. The answer may come in pieces (`more follows`). Many devices do not know
this function; that is told, it is no fault. Extended objects (from 0x80, private to the maker) are not read.
"""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from iiotctl.sources.allowlist import ENCAPSULATED, READ_IDENTIFICATION
from iiotctl.sources.modbus.decode import read_text
from iiotctl.sources.modbus.failure import Failure, Kind
from iiotctl.sources.modbus.frame import Answer

BASIC: Final = 1
REGULAR: Final = 2
OBJECTS: Final[Mapping[int, str]] = {
    0: "vendor",
    1: "product code",
    2: "revision",
    3: "vendor URL",
    4: "product name",
    5: "model name",
    6: "application name",
}
"""Objects of the basic (0 to 2) and regular category, Table "Object ids" of §6.21."""

_FIRST_REGULAR: Final = 3
_FIRST_EXTENDED: Final = 0x80
_HEAD: Final = struct.Struct(">BBBBBB")
_MORE: Final = 0xFF
_CATEGORY: Final = 0x7F
_MOST_PIECES: Final = 32
"""A device that never ends has at most 125 objects of at least two bytes an answer; this many is a fault of its own."""
MOST_REQUESTS: Final = 2 * _MOST_PIECES
"""Of a whole identification: both categories in pieces."""


class IdentityRequest(NamedTuple):
    """One piece of the identification, asked for from an object on."""

    unit: int
    category: int
    first: int

    @property
    def function(self) -> int:
        """The function code."""
        return ENCAPSULATED

    @property
    def pdu(self) -> bytes:
        """The request from its function code on."""
        return bytes([ENCAPSULATED, READ_IDENTIFICATION, self.category, self.first])

    def judge(self, answer: Answer) -> bytes | Failure:
        """The body of an answer (from the MEI type on), or why it cannot be used."""
        _, unit, function, body = answer
        if unit != self.unit:
            return Failure(Kind.GARBLED, cause=f"unit {unit} answered for unit {self.unit}")
        if function == ENCAPSULATED | 0x80 and len(body) == 1:
            kind = Kind.GATEWAY if body[0] in (10, 11) else Kind.REFUSED
            return Failure(kind, code=body[0])
        if function != ENCAPSULATED:
            return Failure(Kind.GARBLED, cause=f"function {function} came back for function {ENCAPSULATED}")
        return body if parse(body) is not None else Failure(Kind.GARBLED, cause="the identification is cut or padded")


class Piece(NamedTuple):
    """What one answer holds; `more` = object to go on with, None = that was all."""

    conformity: int
    more: int | None
    objects: dict[int, bytes]


def parse(body: bytes) -> Piece | None:
    """One answer from the MEI type on; None when its lengths do not add up."""
    if len(body) < _HEAD.size:
        return None
    kind, _, conformity, more, following, count = _HEAD.unpack_from(body)
    if kind != READ_IDENTIFICATION:
        return None
    objects: dict[int, bytes] = {}
    at = _HEAD.size
    for _ in range(count):
        if at + 2 > len(body) or at + 2 + body[at + 1] > len(body):
            return None
        objects[body[at]] = body[at + 2 : at + 2 + body[at + 1]]
        at += 2 + body[at + 1]
    if at != len(body):
        return None
    return Piece(conformity, following if more == _MORE else None, objects)


@dataclass(frozen=True, slots=True)
class Identity:
    """What a device says of itself.

    Attributes:
        objects: names as in `OBJECTS` -> text, in the order of the standard; empty when it said nothing.
        conformity: level that it claims, 1 basic to 3 extended; 0 = unknown.
        silence: why there is nothing or not all, one clause; "" when complete.
        is_answered: the device reacted, if only with an exception. Some devices neither answer nor take the whole
            request off the connection, which is of no more use then.
    """

    objects: Mapping[str, str] = field(default_factory=dict)
    conformity: int = 0
    silence: str = ""
    is_answered: bool = True

    def __bool__(self) -> bool:
        return bool(self.objects)


Ask = Callable[[IdentityRequest], Awaitable[bytes | Failure]]


async def identify(unit: int, ask: Ask) -> Identity:
    """Ask a device for its basic and regular objects.

    Args:
        unit: unit identifier.
        ask: sends one request and returns the body of its answer.
    """
    found: dict[int, bytes] = {}
    answered = False

    async def noticing(request: IdentityRequest) -> bytes | Failure:
        nonlocal answered
        answer = await ask(request)
        answered = answered or not isinstance(answer, Failure) or answer.kind is Kind.REFUSED
        return answer

    conformity, silence = await _category(unit, BASIC, 0, found, noticing)
    if found and not silence and conformity & _CATEGORY >= REGULAR:
        _, silence = await _category(unit, REGULAR, _FIRST_REGULAR, found, noticing)
    texts = {OBJECTS.get(key, f"object {key}"): read_text(found[key]) for key in sorted(found) if key < _FIRST_EXTENDED}
    return Identity(texts, conformity & _CATEGORY, silence, answered)


async def _category(unit: int, category: int, first: int, found: dict[int, bytes], ask: Ask) -> tuple[int, str]:
    conformity = 0
    for _ in range(_MOST_PIECES):
        answer = await ask(IdentityRequest(unit, category, first))
        if isinstance(answer, Failure):
            return conformity, str(answer)
        piece = parse(answer)
        assert piece is not None  # judged when the answer came
        conformity = piece.conformity
        found.update(piece.objects)
        if piece.more is None:
            return conformity, ""
        if piece.more <= first:
            return conformity, f"it wants to go on with object {piece.more} after object {first}"
        first = piece.more
    return conformity, f"it has not ended after {_MOST_PIECES} answers"
