"""A read request and the judgement of its answer, whatever carries them.

Everything an answer claims is checked: unit, function and byte count (Modbus Application Protocol V1.1b3
§6). What does not fit is a failure, never data. How requests and answers become bytes stands in `framing/`.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple, Protocol

from iiotctl.sources.modbus.failure import Failure, Kind

_PDU: Final = struct.Struct(">BHH")
_GATEWAY: Final = (10, 11)


class Answer(NamedTuple):
    """A whole frame from the server; `body` is what follows the function code, without a checksum."""

    transaction: int
    unit: int
    function: int
    body: bytes


class AnyRequest(Protocol):
    """What a link can send: it knows its bytes and judges its answer."""

    @property
    def unit(self) -> int: ...

    @property
    def function(self) -> int: ...

    @property
    def pdu(self) -> bytes:
        """The request from its function code on."""

    def judge(self, answer: Answer) -> bytes | Failure:
        """The data of an answer, or why it cannot be used."""


class Request(NamedTuple):
    """A read request."""

    unit: int
    function: int
    address: int
    quantity: int
    payload: int
    """Bytes of data in a right answer."""

    @property
    def pdu(self) -> bytes:
        """The request from its function code on."""
        return _PDU.pack(self.function, self.address, self.quantity)

    def judge(self, answer: Answer) -> bytes | Failure:
        """The data of an answer that was matched with this request, or why it cannot be used."""
        _, unit, function, body = answer
        if unit != self.unit:
            return Failure(Kind.GARBLED, cause=f"unit {unit} answered for unit {self.unit}")
        if function == self.function:
            if len(body) == self.payload + 1 and body[0] == self.payload:
                return body[1:]
            told = (
                f"the answer announces {body[0]} bytes of data and holds {len(body) - 1}, asked for were {self.payload}"
            )
            return Failure(Kind.GARBLED, cause=told)
        if function == self.function | 0x80 and len(body) == 1:
            kind = Kind.GATEWAY if body[0] in _GATEWAY else Kind.REFUSED
            return Failure(kind, code=body[0])
        return Failure(Kind.GARBLED, cause=f"function {function} came back for function {self.function}")
