"""Modbus TCP framing, pure: requests to bytes, a stream of bytes to frames, an answer against its request.

Everything an answer claims is checked: transaction, protocol, length, unit, function and byte count
(Modbus Messaging on TCP/IP V1.0b §3.1.3). What does not fit is an error or nothing, never data. Other
framings (serial, RTU over TCP) will stand beside this file; the queue knows none of them.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from iiotctl.sources.modbus.failure import Failure, Kind

_REQUEST: Final = struct.Struct(">HHHBBHH")
_HEADER: Final = struct.Struct(">HHHBB")
_START: Final = struct.Struct(">HHH")
_SHORTEST: Final = 3
_LONGEST: Final = 254
FUNCTION_AT: Final = 7
"""Index of the function code in a frame."""


class Request(NamedTuple):
    """A read request."""

    unit: int
    function: int
    address: int
    quantity: int
    payload: int
    """Bytes of data in a right answer."""

    def frame(self, transaction: int) -> bytes:
        """The request as it goes on the wire."""
        return _REQUEST.pack(transaction, 0, 6, self.unit, self.function, self.address, self.quantity)

    def judge(self, answer: Answer) -> bytes | Failure:
        """The data of an answer whose transaction is the request's, or why it cannot be used."""
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
            kind = Kind.GATEWAY if body[0] in (10, 11) else Kind.REFUSED
            return Failure(kind, code=body[0])
        return Failure(Kind.GARBLED, cause=f"function {function} came back for function {self.function}")


class Answer(NamedTuple):
    """A whole frame from the server; `body` is what follows the function code."""

    transaction: int
    unit: int
    function: int
    body: bytes


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
