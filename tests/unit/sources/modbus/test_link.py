"""The last door: whatever a bug asks for, only reading requests are written."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iiotctl.errors import SourceError
from iiotctl.sources.allowlist import ForbiddenRequestError
from iiotctl.sources.modbus.channel import Channel
from iiotctl.sources.modbus.crc import sealed
from iiotctl.sources.modbus.failure import Failure
from iiotctl.sources.modbus.frame import Request
from iiotctl.sources.modbus.framing.dialogue import Asked, Dialogue, Expired
from iiotctl.sources.modbus.framing.mbap import MbapDialogue
from iiotctl.sources.modbus.framing.rtu import RtuDialogue, Timing
from iiotctl.sources.modbus.link import Link
from iiotctl.sources.modbus.manners import Manners
from iiotctl.sources.modbus.outage import FIRST_WAIT_S, LAST_WAIT_S, Outage, explain, reconnect_wait
from iiotctl.sources.modbus.queue import Scan


class Wire:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(bytes(data))

    def end(self) -> None:
        return


class NoWay:
    """Leads nowhere; the connections are made by hand."""

    reopens = True
    listens = False

    def dialogue(self) -> Dialogue:
        return MbapDialogue()

    async def dial(self, channel: Channel, seconds: float) -> None:
        raise ConnectionRefusedError

    def explain(self, error: BaseException) -> Outage:
        return explain(error, "127.0.0.1", 502)

    def overheard(self, what: str) -> Exception | None:
        return None


def _link(monotonic: Callable[[], float] = time.monotonic) -> Link:
    return Link(NoWay(), now_us=lambda: 0, monotonic=monotonic)


def _ask(function: int, talk: Dialogue, unit: int = 1) -> list[bytes]:
    wire = Wire()

    async def main() -> None:
        link = _link(lambda: 0.0)
        channel = Channel(link, talk)
        channel.opened(wire)
        scan = Scan(link.queue.unit(unit), [Request(unit, function, 0, 1, 2)], 0.0, 1.0, 1.0)
        try:
            channel.ask(Asked(scan, 0, 1.0), 0.0)
        finally:
            channel.end()

    try:
        asyncio.run(main())
    except ForbiddenRequestError:
        assert wire.written == []
        raise
    return wire.written


def _framings() -> list[Dialogue]:
    return [MbapDialogue(), RtuDialogue({}, Timing())]


@pytest.mark.parametrize("function", [0, *range(5, 256)])
def test_no_other_function_code_reaches_the_wire(function: int) -> None:
    for talk in _framings():
        with pytest.raises(ForbiddenRequestError):
            _ask(function, talk)


@pytest.mark.parametrize("function", [1, 2, 3, 4])
def test_reading_does(function: int) -> None:
    for talk in _framings():
        (frame,) = _ask(function, talk)
        assert frame[talk.function_at] == function


@pytest.mark.parametrize("unit", [0, 248, 255])
def test_nothing_is_ever_sent_to_everybody_on_a_bus(unit: int) -> None:
    with pytest.raises(ForbiddenRequestError):
        _ask(3, RtuDialogue({}, Timing()), unit)


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
        link = _link()
        link.queue.connected(0.0)
        channel = Channel(link, MbapDialogue())
        channel.opened(Wire())
        link._channels.append(channel)
        scan = Scan(link.queue.unit(1), [Request(1, 3, 0, 1, 2)], 0.0, 1.0, 1.0)
        channel.ask(Asked(scan, 0, 0.01), time.monotonic())
        channel.received(part)
        while scan.missing:
            await asyncio.sleep(0.005)
        assert isinstance(scan.results[0], Failure)
        kept = channel.open
        manners = Manners()
        link.join(manners)
        link.leave(manners)
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
    talk = MbapDialogue(transaction=41)
    link = _link(lambda: 0.0)
    scan = Scan(link.queue.unit(1), [Request(1, 3, 0, 1, 2)], 0.0, 0.02, 1.0)
    frame = talk.ask(Asked(scan, 0, 0.02), 0.0)
    if length is not None:
        head = (
            (frame[:2] if transaction is None else transaction.to_bytes(2, "big"))
            + bytes(2)
            + length.to_bytes(2, "big")
        )
        talk.hear(head + bytes([1, 3, 2, 0, 7]), 0.01)
    (expired,) = talk.expire(0.02)
    assert isinstance(expired, Expired)
    assert told in expired.failure.cause
    assert hint in expired.failure.hint


class Broken(NoWay):
    """A mistake of ours on the way to the device."""

    async def dial(self, channel: Channel, seconds: float) -> None:
        raise KeyError("port")


def test_a_mistake_of_ours_while_connecting_is_a_failure_and_no_scan_waits_for_ever() -> None:
    async def main() -> Link:
        link = Link(Broken(), now_us=lambda: 0, monotonic=time.monotonic)
        manners = Manners()
        link.join(manners)
        scan = Scan(link.queue.unit(1), [Request(1, 3, 0, 1, 2)], 0.0, 1.0, 1.0)
        async with asyncio.timeout(5):
            await link.perform(scan)
        assert isinstance(scan.results[0], Failure)
        assert "KeyError" in scan.results[0].cause
        link.leave(manners)
        return link

    link = asyncio.run(main())
    assert link.unreachable
    assert link.outage is not None
    assert "report" in link.outage.hint


class Occupied(NoWay):
    """A bus that is listened to before anything is sent; here for ever."""

    listens = True

    async def dial(self, channel: Channel, seconds: float) -> None:
        await asyncio.Event().wait()

    def overheard(self, what: str) -> Exception:
        return SourceError("bus-has-master", "another master speaks", cause=what)


def test_whoever_waits_while_the_bus_is_listened_to_anew_is_told_why_and_so_is_the_one_just_answered() -> None:
    async def main() -> list[bytes | Failure | None]:
        link = Link(Occupied(), now_us=lambda: 0, monotonic=time.monotonic)
        manners = Manners()
        link.join(manners)
        channel = Channel(link, RtuDialogue({}, Timing()))
        channel.opened(Wire())
        link._channels.append(channel)
        scans = [Scan(link.queue.unit(1), [Request(1, 3, 0, 1, 2)], 0.0, 1.0, 1.0) for _ in range(2)]
        async with asyncio.timeout(5):
            first = asyncio.create_task(link.perform(scans[0]))
            await asyncio.sleep(0.01)
            channel.received(sealed(bytes([1, 3, 2, 0, 7])) + sealed(bytes([9, 3, 0, 0, 0, 1])))
            await first
            await link.perform(scans[1])
        link.leave(manners)
        return [scan.results[0] for scan in scans]

    answered, waited = asyncio.run(main())
    assert answered == b"\0\7"
    assert isinstance(waited, Failure)
    assert "unit 9" in waited.cause


def test_every_request_that_expires_has_a_result_though_the_first_closes_the_connection() -> None:
    async def main() -> list[Scan]:
        link = _link()
        talk = MbapDialogue(window=4)
        channel = Channel(link, talk)
        channel.opened(Wire())
        link._channels.append(channel)
        link._silent_from = time.monotonic() - 1000
        scans = [Scan(link.queue.unit(unit), [Request(unit, 3, 0, 1, 2)], 0.0, 0.01, 1.0) for unit in (1, 2)]
        now = time.monotonic()
        for scan in scans:
            channel.ask(Asked(scan, 0, 0.01), now)
        await asyncio.sleep(0.05)
        channel.end()
        link._closed = True
        return scans

    assert [scan.missing for scan in asyncio.run(main())] == [0, 0]


def test_a_broken_answer_is_over_when_the_line_falls_silent_and_is_no_silence_of_the_unit() -> None:
    async def main() -> tuple[Scan, float]:
        link = _link()
        channel = Channel(link, RtuDialogue({}, Timing()))
        channel.opened(Wire())
        link._channels.append(channel)
        scan = Scan(link.queue.unit(1), [Request(1, 3, 0, 1, 2)], 0.0, 5.0, 1.0)
        began = time.monotonic()
        channel.ask(Asked(scan, 0, 5.0), began)
        channel.received(b"\1\3\2\0\7\0\0")
        while scan.missing:
            await asyncio.sleep(0.005)
        channel.end()
        link._closed = True
        return scan, time.monotonic() - began

    scan, took = asyncio.run(main())
    assert isinstance(scan.results[0], Failure)
    assert "broken answer" in scan.results[0].cause
    assert took < 4
    assert scan.unit.silences == 0
