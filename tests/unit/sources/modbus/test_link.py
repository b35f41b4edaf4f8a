"""The last door: whatever a bug asks for, only reading requests are written."""

from __future__ import annotations

import asyncio
import errno
import socket
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iiotctl.sources.allowlist import ForbiddenRequestError
from iiotctl.sources.modbus.failure import Failure
from iiotctl.sources.modbus.frame import Request
from iiotctl.sources.modbus.link import Channel, Link
from iiotctl.sources.modbus.outage import FIRST_WAIT_S, LAST_WAIT_S, explain, reconnect_wait
from iiotctl.sources.modbus.queue import Scan


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(bytes(data))

    def abort(self) -> None:
        return


def _ask(function: int) -> list[bytes]:
    async def main() -> list[bytes]:
        link = Link("127.0.0.1", 502, now_us=lambda: 0, monotonic=lambda: 0.0)
        channel = Channel(link, "127.0.0.1", 502, 1.0)
        transport = Transport()
        channel.connection_made(transport)
        scan = Scan(link.queue.unit(1), [Request(1, function, 0, 1, 2)], 0.0, 1.0, 1.0)
        try:
            channel.ask(scan, 0, 0.0, 1.0)
        finally:
            channel.end()
            written.extend(transport.written)
        return written

    written: list[bytes] = []
    try:
        asyncio.run(main())
    except ForbiddenRequestError:
        assert written == []
        raise
    return written


@pytest.mark.parametrize("function", [0, *range(5, 256)])
def test_no_other_function_code_reaches_the_wire(function: int) -> None:
    with pytest.raises(ForbiddenRequestError):
        _ask(function)


@pytest.mark.parametrize("function", [1, 2, 3, 4])
def test_reading_does(function: int) -> None:
    (frame,) = _ask(function)
    assert frame[7] == function


@pytest.mark.parametrize(
    ("error", "slug"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "source-refused"),
        (
            OSError("Multiple exceptions: [Errno 111] Connect call failed ('::1', 5), [Errno 111] Connect call failed"),
            "source-refused",
        ),
        (OSError(errno.EHOSTUNREACH, "no route"), "source-unreachable"),
        (OSError(errno.ENETUNREACH, "no network"), "source-unreachable"),
        (TimeoutError(), "source-silent"),
        (OSError(errno.ETIMEDOUT, "timed out"), "source-silent"),
        (socket.gaierror(-2, "unknown"), "source-host-unknown"),
        (UnicodeError("label too long"), "source-host-unknown"),
        (ConnectionResetError("gone"), "source-lost"),
    ],
)
def test_causes_are_told_apart(error: Exception, slug: str) -> None:
    assert explain(error, "plc", 502).slug == slug


@given(outage=st.floats(0, 1e6), chance=st.floats(0, 1))
def test_the_wait_grows_with_the_outage_within_bounds(outage: float, chance: float) -> None:
    wait = reconnect_wait(outage, chance)
    assert 0.79 * FIRST_WAIT_S <= wait <= 1.21 * LAST_WAIT_S
    assert wait <= 1.2 * max(FIRST_WAIT_S, outage / 8) + 1e-9


def test_attempts_to_connect_become_exponentially_rare() -> None:
    outage, waits = 0.0, []
    while outage < 3600:
        waits.append(reconnect_wait(outage, 0.5))
        outage += waits[-1]
    assert len(waits) < 200
    assert waits[-1] == LAST_WAIT_S
    assert waits == sorted(waits)


@pytest.mark.parametrize(("part", "stays"), [(b"", True), (b"\0\1\0\0\0\x28\1\3\2\0\7", False)])
def test_a_timeout_keeps_the_connection_unless_an_answer_broke_off(part: bytes, stays: bool) -> None:
    """After half an answer nobody knows where the next one begins."""

    async def main() -> bool:
        link = Link("127.0.0.1", 502, now_us=lambda: 0, monotonic=time.monotonic)
        link.queue.connected(0.0)
        channel = Channel(link, "127.0.0.1", 502, 1.0)
        channel.connection_made(Transport())
        link._channels.append(channel)
        scan = Scan(link.queue.unit(1), [Request(1, 3, 0, 1, 2)], 0.0, 1.0, 1.0)
        channel.ask(scan, 0, time.monotonic(), 0.01)
        channel.data_received(part)
        while scan.missing:
            await asyncio.sleep(0.005)
        assert isinstance(scan.results[0], Failure)
        kept = channel.open
        link.leave()
        return kept

    assert asyncio.run(main()) is stays


@pytest.mark.parametrize(
    ("transaction", "length", "told", "hint"),
    [
        (1, 5, "identifier 1 instead of ", "transaction identifier"),
        (None, 15, "announced 15 bytes in its header and only 5 came", "wrong length"),
        (None, None, "no answer within", ""),
    ],
)
def test_what_came_instead_of_the_answer_is_told(
    transaction: int | None, length: int | None, told: str, hint: str
) -> None:
    async def main() -> Failure:
        link = Link("127.0.0.1", 502, now_us=lambda: 0, monotonic=time.monotonic)
        channel = Channel(link, "127.0.0.1", 502, 0.02)
        channel.connection_made(Transport())
        scan = Scan(link.queue.unit(1), [Request(1, 3, 0, 1, 2)], 0.0, 0.02, 1.0)
        done = asyncio.Event()
        scan.done = done.set
        channel.ask(scan, 0, time.monotonic(), 0.02)
        if length is not None:
            number = channel._transaction if transaction is None else transaction
            head = number.to_bytes(2, "big") + bytes(2) + length.to_bytes(2, "big")
            channel.data_received(head + bytes([1, 3, 2, 0, 7]))
        await asyncio.wait_for(done.wait(), 10)
        channel.end()
        (result,) = scan.results
        assert isinstance(result, Failure)
        return result

    failure = asyncio.run(main())
    assert told in failure.cause
    assert hint in failure.hint
