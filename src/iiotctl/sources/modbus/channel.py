"""One connection of a link: a wire, the conversation on it, and its clock.

Everything runs in callbacks of the event loop: bytes come in, their scan gets the data, the next request goes
out, without a task or a coroutine in between. Nothing leaves that is not on the list of reading requests:
`_send` is the only place that writes, and looks at the bytes right before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

from iiotctl.sources.allowlist import check_modbus
from iiotctl.sources.modbus.failure import Failure, Kind
from iiotctl.sources.modbus.framing.dialogue import Asked, Broken, Dialogue, Done, Expired, Foreign, Heard, Late, PutOff

if TYPE_CHECKING:
    from iiotctl.sources.modbus.link import Link

CLOSED: Final = "the server closed the connection"


class Wire(Protocol):
    """What carries the bytes; calls `Channel.opened`, `received` and `lost`."""

    def write(self, data: bytes) -> None:
        """Send; errors come as `lost`."""

    def end(self) -> None:
        """Let go at once, without a callback."""


class Channel:
    """A connection and what is said on it.

    Attributes:
        open: connected.
        answers: so many requests were answered.
        talk: the conversation.
        not_before: nothing may be sent before this time, monotonic seconds.
    """

    def __init__(self, link: Link, talk: Dialogue) -> None:
        self.link = link
        self.talk = talk
        self.open = False
        self.answers = 0
        self._rest_until = float("-inf")
        self._wire: Wire | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = float("inf")

    @property
    def not_before(self) -> float:
        """When the framing and the manners of the link let the next request go."""
        return max(self.talk.not_before, self._rest_until)

    # from the link

    def ask(self, asked: Asked, now: float) -> bool:
        """Send a request, or say that it was put off."""
        frame = self.talk.ask(asked, now)
        if isinstance(frame, PutOff):
            self.link.put_off(frame)
            return False
        self._send(frame, now)
        return True

    def turn(self, now: float) -> None:
        """Send what the conversation wants to send by itself."""
        self._send(self.talk.turn(now), now)

    def _send(self, frame: bytes, now: float) -> None:
        """The last door: the allow-list is enforced here, on the bytes."""
        check_modbus(frame[self.talk.function_at : len(frame) - self.talk.tail])
        assert self._wire is not None
        if self.talk.deadline < self._timer_at:
            self._arm(now)
        self._wire.write(frame)

    def end(self) -> None:
        """Drop the connection without another callback."""
        self.open = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._wire is not None:
            self._wire.end()

    def abandon(self, failure: Failure) -> None:
        """Give the requests on their way, if any, this result."""
        for asked, took in self.talk.end(self.link.monotonic()):
            asked.scan.settle(asked.number, failure, self.link.now_us(), took)

    # the clock: one timer serves many requests, most of which are answered long before it fires

    def _arm(self, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_at = self.talk.deadline
        if self._timer_at < float("inf"):
            self._timer = asyncio.get_running_loop().call_later(max(0.0, self._timer_at - now), self._expired)

    def _expired(self) -> None:
        self._timer = None
        self._timer_at = float("inf")
        now = self.link.monotonic()
        self._follow(self.talk.expire(now), now)
        if self.open and self._timer is None:
            self._arm(self.link.monotonic())

    # from the wire

    def opened(self, wire: Wire) -> None:
        """The wire is connected."""
        self._wire = wire
        self.open = True

    def received(self, data: bytes) -> None:
        """Bytes came in."""
        if not self.open:
            return
        now = self.link.heard_at = self.link.monotonic()
        self._follow(self.talk.hear(data, now), now)
        if self.open:
            if self.talk.deadline < self._timer_at:
                self._arm(now)  # what came is broken: the rest of the time is not waited for
            self.link.pump()

    def lost(self, error: Exception | None) -> None:
        """The wire is gone; None = the other side closed it."""
        if self.open:
            self.link.lost(self, Failure(Kind.DISCONNECTED, cause=CLOSED), error)

    def _follow(self, heard: Sequence[Heard], now: float) -> None:
        link = self.link
        for item in heard:
            if not self.open and not isinstance(item, Done | Expired | PutOff):
                continue  # an item before it has closed the connection; but scans wait for their results
            if isinstance(item, Done):
                self._rest_until = now + link.manners.delay
                self.answers += not item.garbled
                if self.answers == 1:
                    link.works()
                link.answered(item, now)
            elif isinstance(item, Expired):
                self._rest_until = now + link.manners.delay
                link.timed_out(self, item)
            elif isinstance(item, Late):
                link.queue.late(item.unit, item.after, now)
            elif isinstance(item, PutOff):
                link.put_off(item)
            elif isinstance(item, Foreign):
                link.overheard(self, item.what)
            elif isinstance(item, Broken):
                link.lost(self, Failure(Kind.GARBLED, cause=item.cause))
            else:
                link.strays += 1
