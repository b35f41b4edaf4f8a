"""The connections to one host:port, shared by all sources behind it; the only door to pymodbus.

pymodbus brings the transport (TCP now; serial and TLS later). Framing, transactions, timeouts and
reconnection are ours, because pymodbus builds a list of Python ints per answer (seven times the cost of a
bare read), holds one lock per connection and closes it after a few silent units
(`tests/integration/test_modbus_why.py` shows all three).

Everything runs in callbacks of the event loop: a frame arrives, its scan gets the data, the next request
goes out, without a task or a coroutine in between. Nothing leaves that is not on the list of reading
requests: the function code is looked at in the bytes right before they are written.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, cast

from pymodbus.transport import CommParams, CommType, ModbusProtocol

from iiotctl.sources.allowlist import check_modbus
from iiotctl.sources.modbus.failure import Failure, Kind
from iiotctl.sources.modbus.frame import FUNCTION_AT, Answer, Framer, StreamError
from iiotctl.sources.modbus.outage import Outage, explain, late_answer, reconnect_wait
from iiotctl.sources.modbus.queue import RequestQueue, Scan

logging.getLogger("pymodbus").addHandler(logging.NullHandler())  # its words never reach stderr by themselves

CLOSED: Final = "the server closed the connection"
SILENT_LINK_S: Final = 5.0
_MOST_SILENT_S: Final = 60.0
_REMEMBERED: Final = 64


class Channel(ModbusProtocol):
    """One connection with at most one request on its way."""

    def __init__(self, link: Link, host: str, port: int, timeout: float) -> None:
        super().__init__(
            CommParams(
                comm_name="iiotctl",
                comm_type=CommType.TCP,
                host=host,
                port=port,
                timeout_connect=timeout,
                reconnect_delay=0.0,
                reconnect_delay_max=0.0,
            ),
            is_server=False,
        )
        self.link = link
        self.open = False
        self.answers = 0
        self._framer = Framer()
        self._transaction = random.randrange(0x10000)  # noqa: S311 - not a secret: old answers must not match after a reconnect
        self._sent = 0.0
        self._scan: Scan | None = None
        self._index = 0
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._stranger: int | None = None
        """Transaction of an answer to nothing we asked that came while this request waits."""
        self._abandoned: OrderedDict[int, tuple[int, float]] = OrderedDict()
        self._write: Callable[[bytes], None]

    @property
    def incomplete(self) -> bool:
        """Part of an answer has come."""
        return self._framer.incomplete

    @property
    def idle(self) -> bool:
        """Connected, and nothing on its way."""
        return self.open and self._scan is None

    async def dial(self) -> None:
        """Connect, or raise OSError or TimeoutError."""
        await asyncio.wait_for(self.call_create(), self.comm_params.timeout_connect)

    def ask(self, scan: Scan, index: int, now: float, timeout: float) -> None:
        """Send a request. The allow-list is enforced here, on the bytes."""
        self._transaction = (self._transaction + 1) & 0xFFFF
        self._stranger = None
        frame = scan.requests[index].frame(self._transaction)
        check_modbus(frame[FUNCTION_AT:])
        self._scan, self._index, self._sent, self._deadline = scan, index, now, now + timeout
        timer = self._timer
        if timer is None or timer.when() > self.loop.time() + timeout:
            self._arm(timeout)
        self._write(frame)

    def end(self) -> None:
        """Drop the connection without another callback."""
        self.open = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.transport is not None:
            cast("asyncio.Transport", self.transport).abort()

    def abandon(self, failure: Failure) -> None:
        """Give the request on its way, if any, this result."""
        scan, self._scan = self._scan, None
        if scan is not None:
            scan.settle(self._index, failure, self.link.now_us(), self.link.monotonic() - self._sent)

    def _arm(self, timeout: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(timeout, self._expired)

    def _expired(self) -> None:
        self._timer = None
        if self._scan is None:
            return
        now = self.link.monotonic()
        if now < self._deadline:  # the timer belonged to an earlier request: one timer serves many
            self._arm(self._deadline - now)
            return
        scan, self._scan = self._scan, None
        self._abandoned[self._transaction] = (scan.unit.number, self._sent)
        if len(self._abandoned) > _REMEMBERED:
            self._abandoned.popitem(last=False)
        failure = late_answer(now - self._sent, self._transaction, self._stranger, self._framer.missing)
        self.link.timed_out(self, scan, self._index, failure, now - self._sent)

    # callbacks of the event loop; the base class's own are not used

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The event loop connected."""
        self.transport = transport
        self._write = cast("asyncio.Transport", transport).write
        self.open = True

    def connection_lost(self, exc: Exception | None) -> None:
        """The event loop lost the connection."""
        if self.open:
            self.link.lost(self, Failure(Kind.DISCONNECTED, cause=str(exc) if exc else CLOSED))

    def eof_received(self) -> None:
        """The server closed; the loop closes our side."""

    def data_received(self, data: bytes) -> None:
        """Bytes came in."""
        if not self.open:
            return
        self.link.heard_at = self.link.monotonic()
        try:
            answers = self._framer.feed(data)
        except StreamError as error:
            self.link.lost(self, Failure(Kind.GARBLED, cause=str(error)))
            return
        for answer in answers:
            self._match(answer)
            if not self.open:
                return

    def _match(self, answer: Answer) -> None:
        scan = self._scan
        now = self.link.monotonic()
        if scan is None or answer.transaction != self._transaction:
            late = self._abandoned.pop(answer.transaction, None)
            if late is None:
                self.link.strays += 1
                self._stranger = answer.transaction
            else:
                self.link.queue.late(late[0], now - late[1], now)
            return
        self._scan = None
        result = scan.requests[self._index].judge(answer)
        took = now - self._sent
        at = self.link.now_us()
        if isinstance(result, Failure) and result.kind is Kind.GARBLED:
            scan.settle(self._index, result, at, took)
            self.link.lost(self, result)
            return
        self.answers += 1
        if self.answers == 1:
            self.link.works()
        if isinstance(result, Failure) and result.silent:
            self.link.queue.silent(scan, self._index, result, now=now, at=at, took=took)
        else:
            self.link.queue.answered(scan, self._index, result, now=now, at=at, took=took)
        self.link.pump()

    # the rest of the base class's contract

    def callback_new_connection(self) -> ModbusProtocol:
        """Servers only."""
        raise NotImplementedError

    def callback_connected(self) -> None:
        """Not used: `connection_made` is ours."""

    def callback_disconnected(self, exc: Exception | None) -> None:
        """Not used: `connection_lost` is ours."""

    def callback_data(self, data: bytes, addr: tuple[object, ...] | None = None) -> int:  # noqa: ARG002 - the base class's signature
        """Not used: `data_received` is ours."""
        return len(data)


class Link:
    """All connections to one host:port and the queue in front of them.

    Attributes:
        queue: scans and the health of units.
        reconnects: connections made after the first.
        strays: answers that belonged to nothing we asked.
        outage: why there is no connection, or None.
        unreachable: true from the first failed attempt to connect until an answer comes.
        epoch: start of the grid of deadlines that all sources of the link share, monotonic seconds.
        heard_at: when the last bytes came in, monotonic seconds.
    """

    def __init__(self, host: str, port: int, *, now_us: Callable[[], int], monotonic: Callable[[], float]) -> None:
        self.host = host
        self.port = port
        self.now_us = now_us
        self.monotonic = monotonic
        self.queue = RequestQueue()
        self.reconnects = 0
        self.strays = 0
        self.outage: Outage | None = None
        self.unreachable = False
        self.epoch = monotonic()
        self.heard_at = float("-inf")
        self.users = 0
        self._connections = 1
        self._timeout = 1.0
        self._channels: list[Channel] = []
        self._dialling: set[asyncio.Task[None]] = set()
        self._down_since: float | None = None
        self._next_dial = float("-inf")
        self._fruitless = 0
        self._made = 0
        self._silent_from: float | None = None
        self._garbled_at = float("-inf")
        self._pump_due = False
        self._closed = False

    def join(self, connections: int, timeout: float) -> None:
        """Another source uses the link."""
        self.users += 1
        self._connections = max(self._connections, connections)
        self._timeout = max(self._timeout if self.users > 1 else 0.0, timeout)

    def leave(self) -> bool:
        """A source is done with the link; true when nobody is left and it has closed."""
        self.users -= 1
        if self.users > 0:
            return False
        self._closed = True
        for task in self._dialling:
            task.cancel()
        for channel in self._channels:
            channel.end()
            channel.abandon(Failure(Kind.DISCONNECTED, cause="closed by us"))
        self._channels.clear()
        self.queue.fail_all(Failure(Kind.DISCONNECTED, cause="closed by us"), self.now_us())
        return True

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
        """Give every idle connection a request; connect where there is more to do than connections."""
        for channel in self._channels:
            if channel.idle:
                now = self.monotonic()
                taken = self.queue.take(now)
                if taken is None:
                    return
                channel.ask(taken[0], taken[1], now, taken[2])
        if self.queue and len(self._channels) + len(self._dialling) < self._connections and not self._closed:
            self._dial()

    def _dial(self) -> None:
        now = self.monotonic()
        if now < self._next_dial:
            if not self._channels and not self._dialling:
                cause = self.outage.cause if self.outage else "no connection"
                self.queue.fail_all(Failure(Kind.DISCONNECTED, cause=cause), self.now_us())
            return
        task = asyncio.get_running_loop().create_task(self._connect())
        self._dialling.add(task)

    async def _connect(self) -> None:
        channel = Channel(self, self.host, self.port, self._timeout)
        task = asyncio.current_task()
        assert task is not None
        try:
            await channel.dial()
            if not channel.open:  # a server at its limit of connections accepts and closes
                raise ConnectionResetError(CLOSED)
        except (OSError, TimeoutError, UnicodeError) as error:
            self.outage = explain(error, self.host, self.port)
            self.unreachable = not self._channels
            self._count_fruitless()
            if not self._channels:
                self.queue.fail_all(Failure(Kind.DISCONNECTED, cause=self.outage.cause), self.now_us())
            return
        finally:
            self._dialling.discard(task)
        self._made += 1
        self.reconnects = max(0, self._made - self._connections)
        self._channels.append(channel)
        self._silent_from = None
        # until the new connection has answered, the next attempt waits as if this one had failed
        self._count_fruitless()
        self.queue.connected(self.monotonic())
        self.pump()

    def _count_fruitless(self) -> None:
        now = self.monotonic()
        if self._down_since is None:
            self._down_since = now
        self._next_dial = now + reconnect_wait(now - self._down_since, random.random())  # noqa: S311 - spreads attempts

    def works(self) -> None:
        """A connection has answered for the first time."""
        self.outage = None
        self.unreachable = False
        self._down_since = None
        self._next_dial = float("-inf")
        self._fruitless = 0

    def lost(self, channel: Channel, failure: Failure) -> None:
        """A connection is gone or of no more use."""
        channel.end()
        if channel not in self._channels:
            return  # still dialling: `_connect` sees it
        self._channels.remove(channel)
        now = self.monotonic()
        self.outage = Outage("source-lost", failure.cause)
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

    def timed_out(self, channel: Channel, scan: Scan, index: int, failure: Failure, took: float) -> None:
        """A request was not answered in time. The connection stays, unless the stream itself is broken."""
        now = self.monotonic()
        self.queue.silent(scan, index, failure, now=now, at=self.now_us(), took=took)
        if self._silent_from is None or self.heard_at > self._silent_from:
            self._silent_from = now - took
        patience = min(_MOST_SILENT_S, max(SILENT_LINK_S, 5 * self._timeout) * 2**self._fruitless)
        if channel.incomplete:
            self.lost(channel, Failure(Kind.GARBLED, cause=failure.cause))
        elif now - self._silent_from > patience:
            # not one byte from anybody: a half-open connection looks like this
            self._fruitless = min(self._fruitless + 1, 10)
            self.lost(
                channel, Failure(Kind.DISCONNECTED, cause=f"nothing was heard for {now - self._silent_from:.0f} s")
            )
        else:
            self.pump()
