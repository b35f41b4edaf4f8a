"""The connections to one device, gateway or bus, shared by all sources behind it.

Connecting, timeouts, manners and reconnection are ours and the same for every transport and framing: pymodbus
builds a list of Python ints per answer (seven times the cost of a bare read), holds one lock per connection, closes it
after a few silent units, and on RTU takes a late answer for the next one (`tests/integration/test_modbus_why.py` shows
all four). How to get there is a `Way`, what is said there a `Dialogue`; the link knows neither kind.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Final, Protocol

from iiotctl.errors import IiotctlError
from iiotctl.sources.modbus.channel import Channel
from iiotctl.sources.modbus.failure import Failure, Kind
from iiotctl.sources.modbus.framing.dialogue import Asked, Dialogue, Done, Expired, PutOff
from iiotctl.sources.modbus.manners import Manners, Pace, strictest
from iiotctl.sources.modbus.outage import Outage, reconnect_wait
from iiotctl.sources.modbus.queue import RequestQueue, Scan

SILENT_LINK_S: Final = 5.0
_MOST_SILENT_S: Final = 60.0
_NOW: Final = 0.0002
"""Waits shorter than this are not worth a timer."""


class Way(Protocol):
    """How to get to a device.

    Attributes:
        reopens: a connection on which nothing is heard for long is closed and opened again (half-open TCP); False
            where that could tell nothing (a serial port).
        listens: before it connects, for longer than scans can wait when there is an outage to tell them.
    """

    reopens: bool
    listens: bool

    def dialogue(self) -> Dialogue:
        """The conversation of a new connection."""

    async def dial(self, channel: Channel, seconds: float) -> None:
        """Connect `channel`, or raise OSError, TimeoutError, UnicodeError or an error of ours."""

    def explain(self, error: BaseException) -> Outage:
        """Why connecting failed or the connection was lost."""

    def overheard(self, what: str) -> Exception | None:
        """Another master was heard: why nothing may be sent any more, or None to go on."""


class Link:
    """All connections one way and the queue in front of them.

    Attributes:
        queue: scans and the health of units.
        manners: what all its sources allow.
        reconnects: connections made after the first.
        strays: answers that belonged to nothing we asked.
        outage: why there is no connection, or None.
        unreachable: true from the first failed attempt to connect until an answer comes.
        epoch: start of the grid of deadlines that all sources of the link share, monotonic seconds.
        heard_at: when the last bytes came in, monotonic seconds.
    """

    def __init__(self, way: Way, *, now_us: Callable[[], int], monotonic: Callable[[], float]) -> None:
        self.now_us = now_us
        self.monotonic = monotonic
        self.queue = RequestQueue()
        self.manners = Manners()
        self.reconnects = 0
        self.strays = 0
        self.outage: Outage | None = None
        self.unreachable = False
        self.epoch = monotonic()
        self.heard_at = float("-inf")
        self._way = way
        self._users: list[Manners] = []
        self._pace = Pace()
        self._channels: list[Channel] = []
        self._dialling: set[asyncio.Task[None]] = set()
        self._down_since: float | None = None
        self._next_dial = float("-inf")
        self._fruitless = 0
        self._made = 0
        self._silent_from: float | None = None
        self._garbled_at = float("-inf")
        self._pump_due = False
        self._wake: asyncio.TimerHandle | None = None
        self._wake_at = float("inf")
        self._closed = False

    def join(self, manners: Manners) -> None:
        """Another source uses the link."""
        self._users.append(manners)
        self._agree()

    def leave(self, manners: Manners) -> bool:
        """A source is done with the link; true when nobody is left and it has closed."""
        self._users.remove(manners)
        if self._users:
            self._agree()
            return False
        self._closed = True
        self._sleep_over()
        for task in self._dialling:
            task.cancel()
        for channel in self._channels:
            channel.end()
            channel.abandon(Failure(Kind.DISCONNECTED, cause="closed by us"))
        self._channels.clear()
        self.queue.fail_all(Failure(Kind.DISCONNECTED, cause="closed by us"), self.now_us())
        return True

    def _agree(self) -> None:
        self.manners = strictest(self._users)
        for channel in self._channels:
            channel.talk.admit(self.manners.window)

    @property
    def is_connected(self) -> bool:
        """One connection at least is open."""
        return bool(self._channels)

    async def perform(self, scan: Scan) -> None:
        """Wait until every request of a scan has a result; `scan.done` is set here."""
        loop = asyncio.get_running_loop()
        finished = loop.create_future()

        def done() -> None:
            if not finished.done():
                finished.set_result(None)

        scan.done = done
        self.queue.submit(scan)
        if not self._pump_due:
            # units that are due together submit within one turn of the loop; only then is their order known
            self._pump_due = True
            loop.call_soon(self._pump_once)
        try:
            await finished
        except asyncio.CancelledError:
            self.queue.withdraw(scan)
            raise

    def _pump_once(self) -> None:
        self._pump_due = False
        self.pump()

    def pump(self) -> None:
        """Give connections what to send, as their framing and the manners allow; connect where more could be done."""
        now = self.monotonic()
        for channel in tuple(self._channels):
            while channel.open and (channel.talk.has_turn or (self.queue and channel.talk.has_room)):
                at = max(channel.not_before, self._pace.next_at)
                if at > now + _NOW:
                    self._sleep_until(at, now)
                    break
                if channel.talk.has_turn:
                    channel.turn(now)
                else:
                    taken = self.queue.take(now)
                    if taken is None:
                        break
                    if not channel.ask(Asked(*taken), now):
                        continue
                self._pace.sent(now, self.manners.max_rate)
        if self.queue and len(self._channels) + len(self._dialling) < self.manners.connections and not self._closed:
            self._dial()
        if self._way.listens and self.unreachable and not self._channels:
            self._fail_waiting()

    def _fail_waiting(self) -> None:
        cause = str(self.outage) if self.outage else "no connection"
        self.queue.fail_all(Failure(Kind.DISCONNECTED, cause=cause), self.now_us())

    def _sleep_until(self, at: float, now: float) -> None:
        """Pump again at a time; one timer, the earliest wins."""
        if self._wake is None or at < self._wake_at:
            if self._wake is not None:
                self._wake.cancel()
            self._wake_at = at
            self._wake = asyncio.get_running_loop().call_later(at - now, self._woken)

    def _woken(self) -> None:
        self._wake = None
        self.pump()

    def _sleep_over(self) -> None:
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None

    def _dial(self) -> None:
        now = self.monotonic()
        if now < self._next_dial:
            if not self._channels and not self._dialling:
                self._fail_waiting()
            return
        task = asyncio.get_running_loop().create_task(self._connect())
        self._dialling.add(task)

    async def _connect(self) -> None:
        talk = self._way.dialogue()
        talk.admit(self.manners.window)
        channel = Channel(self, talk)
        task = asyncio.current_task()
        assert task is not None
        try:
            await self._way.dial(channel, self.manners.timeout)
        except Exception as error:  # noqa: BLE001 - scans wait for the end of this, and must not wait for ever
            channel.end()
            self.outage = self._explain(error)
            self.unreachable = not self._channels
            self._count_fruitless()
            if not self._channels:
                self._fail_waiting()
            return
        finally:
            self._dialling.discard(task)
        self._made += 1
        self.reconnects = max(0, self._made - self.manners.connections)
        self._channels.append(channel)
        self._silent_from = None
        # until the new connection has answered, the next attempt waits as if this one had failed
        self._count_fruitless()
        self.queue.connected(self.monotonic())
        self.pump()

    def _explain(self, error: Exception) -> Outage:
        if isinstance(error, OSError | UnicodeError | IiotctlError):
            return self._way.explain(error)
        cause = f"a mistake in iiotctl: {type(error).__name__}: {error}"
        return Outage("source-lost", cause, "please report it; capture tries again")

    def _count_fruitless(self) -> None:
        now = self.monotonic()
        if self._down_since is None:
            self._down_since = now
        self._next_dial = now + reconnect_wait(now - self._down_since, random.random())  # noqa: S311 - spreads attempts

    # from the channels

    def works(self) -> None:
        """A connection has answered for the first time."""
        self.outage = None
        self.unreachable = False
        self._down_since = None
        self._next_dial = float("-inf")
        self._fruitless = 0

    def answered(self, done: Done, now: float) -> None:
        """A request has its result."""
        (scan, index, _), result, took = done
        at = self.now_us()
        if done.garbled:
            scan.settle(index, result, at, took)
        elif isinstance(result, Failure) and result.silent:
            self.queue.silent(scan, index, result, now=now, at=at, took=took)
        else:
            self.queue.answered(scan, index, result, now=now, at=at, took=took)

    def put_off(self, item: PutOff) -> None:
        """A request cannot be asked now; the rest of its scan waits for the next cycle too."""
        scan, index, _ = item.asked
        self.queue.put_off(scan, index, item.failure, self.now_us())

    def lost(self, channel: Channel, failure: Failure, error: Exception | None = None) -> None:
        """A connection is gone or of no more use."""
        channel.end()
        if channel not in self._channels:
            return
        self._channels.remove(channel)
        now = self.monotonic()
        self.outage = Outage("source-lost", failure.cause)
        if error is not None:
            self.outage = self._way.explain(error)
            failure = Failure(failure.kind, cause=self.outage.cause)
        worked = channel.answers > 0
        if failure.kind is Kind.GARBLED:
            # noise now and then costs one answer; a server that garbles all the time is not dialled in a rush
            worked = worked and now - self._garbled_at > 1.0
            self._garbled_at = now
        if worked:
            # connect again at once: many devices close idle connections
            self._down_since = self._next_dial = now
        else:
            self._count_fruitless()
        channel.abandon(failure)
        self.pump()

    def overheard(self, channel: Channel, what: str) -> None:
        """Another master asks on our bus; where that counts, nothing more is sent before the way is free again."""
        error = self._way.overheard(what)
        if error is not None:
            self.unreachable = True
            self.queue.fail_all(Failure(Kind.DISCONNECTED, cause=str(error)), self.now_us())
            self.lost(channel, Failure(Kind.DISCONNECTED), error)

    def timed_out(self, channel: Channel, item: Expired) -> None:
        """A request was not answered in time. The connection stays, unless the stream itself is broken."""
        now = self.monotonic()
        (scan, index, _), failure, took, is_broken = item
        if is_broken:
            scan.settle(index, failure, self.now_us(), took)  # who answers broken is not silent
        else:
            self.queue.silent(scan, index, failure, now=now, at=self.now_us(), took=took)
        if self._silent_from is None or self.heard_at > self._silent_from:
            self._silent_from = now - took
        patience = min(_MOST_SILENT_S, max(SILENT_LINK_S, 5 * self.manners.timeout) * 2**self._fruitless)
        if channel.talk.broke_off:
            self.lost(channel, Failure(Kind.GARBLED, cause=failure.cause))
        elif self._way.reopens and now - self._silent_from > patience:
            # not one byte from anybody: a half-open connection looks like this
            self._fruitless = min(self._fruitless + 1, 10)
            self.lost(
                channel, Failure(Kind.DISCONNECTED, cause=f"nothing was heard for {now - self._silent_from:.0f} s")
            )
        else:
            self.pump()
