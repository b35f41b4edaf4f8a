"""The contract between a connection and a framing: requests become bytes, bytes become results.

A dialogue is pure: it holds what was asked and not yet answered, time comes in as an argument, and it
returns what follows. The link knows none of the framings; it sends what a dialogue gives it, tells it what
came in and what time it is, and hands its results to the queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from iiotctl.sources.modbus.failure import Failure, Kind

if TYPE_CHECKING:
    from iiotctl.sources.modbus.queue import Scan


class Asked(NamedTuple):
    """A request that was taken from the queue: number `number` of its scan, with the seconds it may take."""

    scan: Scan
    number: int
    timeout: float


class Done(NamedTuple):
    """A request has its result, so many seconds after it was sent."""

    asked: Asked
    result: bytes | Failure
    took: float

    @property
    def garbled(self) -> bool:
        """The answer fits nothing, and nothing of it can be used."""
        return isinstance(self.result, Failure) and self.result.kind is Kind.GARBLED


class Expired(NamedTuple):
    """A request was not answered in time, or so broken (`is_broken`) that nothing can be used."""

    asked: Asked
    failure: Failure
    took: float
    is_broken: bool = False


class PutOff(NamedTuple):
    """A request was not sent, or its answer not believed, because answers to earlier ones may still come."""

    asked: Asked
    failure: Failure


class Late(NamedTuple):
    """A unit answered after its timeout, so many seconds after the request; the answer is not used."""

    unit: int
    after: float


class Stray(NamedTuple):
    """An answer to nothing that was asked."""

    unit: int


class Foreign(NamedTuple):
    """Another master asks on our bus; `what` in words."""

    what: str


class Broken(NamedTuple):
    """Where the next answer begins is unknown: the connection is of no more use."""

    cause: str


Heard = Done | Expired | PutOff | Late | Stray | Foreign | Broken


class Dialogue(Protocol):
    """One connection's conversation.

    Attributes:
        function_at: index of the function code in the frames that `ask` and `turn` return.
        not_before: nothing may be sent before this time, monotonic seconds.
        deadline: `expire` is due then; inf when nothing waits for an answer.
        tail: bytes after the request itself (checksum).
    """

    function_at: int
    tail: int
    not_before: float

    @property
    def deadline(self) -> float: ...

    @property
    def has_room(self) -> bool:
        """Another request may be taken from the queue."""

    @property
    def has_turn(self) -> bool:
        """A request of the dialogue's own waits to be sent: `turn` comes before `ask`."""

    @property
    def broke_off(self) -> bool:
        """Part of an answer has come and the rest has not, and the stream cannot go on without it."""

    def admit(self, window: int) -> None:
        """So many requests may be on their way at once, where the framing can tell their answers apart."""

    def ask(self, asked: Asked, now: float) -> bytes | PutOff:
        """What to send for a request."""

    def turn(self, now: float) -> bytes:
        """What to send on the dialogue's own behalf."""

    def hear(self, data: bytes, now: float) -> Sequence[Heard]:
        """What follows from bytes that came in."""

    def expire(self, now: float) -> Sequence[Heard]:
        """What follows from the time."""

    def end(self, now: float) -> Sequence[tuple[Asked, float]]:
        """The connection is gone: what will not be answered any more, and for how long it was on its way, seconds."""
