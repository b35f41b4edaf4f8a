"""The answer to a Publish or Republish request, decoded from its bytes (OPC 10000-4 §5.14.5, §7.26).

Header, numbers of the messages that the server still holds, and the changed values as columns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from iiotctl.sources.opcua import changes
from iiotctl.sources.opcua.changes import Changes
from iiotctl.sources.opcua.wire import MalformedError, Reader

_PUBLISH: Final = (0, 829)
_REPUBLISH: Final = (0, 835)
_FAULT: Final = (0, 397)
_DATA_CHANGE: Final = (0, 811)
_STATUS_CHANGE: Final = (0, 820)


@dataclass(slots=True)
class Message:
    """A notification message.

    Attributes:
        sequence: its number; of a keep-alive the number of the next message.
        published: 100-ns ticks since 1601 of the server's clock, when it was written; 0 = not told.
        changes: changed values, a part each.
        ended: status with which the server ends the subscription, or None.
        is_empty: a keep-alive.
    """

    sequence: int
    published: int = 0
    changes: list[Changes] = field(default_factory=list)
    ended: int | None = None
    is_empty: bool = True


@dataclass(slots=True)
class Published:
    """A publish response.

    Attributes:
        result: status of the service; when it is Bad, the rest is empty.
        subscription: id.
        available: numbers of the messages that the server can still send again.
        more: the server has more to send than this.
        message: what it says.
        results: status of each acknowledgement of the request.
    """

    result: int
    subscription: int = 0
    available: list[int] = field(default_factory=list)
    more: bool = False
    message: Message = field(default_factory=lambda: Message(0))
    results: list[int] = field(default_factory=list)


def decode_publish(data: bytes) -> Published:
    """A PublishResponse, or the ServiceFault in its place.

    Raises:
        MalformedError: it is neither, or its lengths are wrong.
    """
    reader = Reader(data)
    result, is_fault = _header(reader, _PUBLISH)
    if is_fault or result >> 31:
        return Published(result)
    subscription = reader.u4()
    available = reader.u4s()
    more = reader.u1() != 0
    message = _message(reader)
    return Published(result, subscription, available, more, message, reader.u4s())


def decode_republish(data: bytes) -> tuple[int, Message]:
    """Status and message of a RepublishResponse, or of the ServiceFault in its place.

    Raises:
        MalformedError: it is neither, or its lengths are wrong.
    """
    reader = Reader(data)
    result, is_fault = _header(reader, _REPUBLISH)
    return (result, Message(0)) if is_fault or result >> 31 else (result, _message(reader))


def _header(reader: Reader, expected: tuple[int, int]) -> tuple[int, bool]:
    """(result of the service, is a fault)."""
    kind = reader.node_id()
    if kind not in (expected, _FAULT):
        raise MalformedError("an answer to another request")
    reader.skip(8 + 4)
    result = reader.u4()
    reader.diagnostics()
    for _ in range(reader.count(4)):
        reader.blob()
    reader.extension()
    return result, kind == _FAULT


def _message(reader: Reader) -> Message:
    message = Message(reader.u4(), reader.i8())
    for _ in range(reader.count(3)):
        kind, start, end = reader.extension()
        message.is_empty = False
        if kind == _DATA_CHANGE:
            message.changes.append(changes.decode(reader.data, start, end))
        elif kind == _STATUS_CHANGE:
            message.ended = Reader(reader.data, start, end).u4()
    return message
