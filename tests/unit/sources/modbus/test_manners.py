"""Window, delay and rate: the strictest of all sources on a link, kept in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from iiotctl.site.sources import ModbusRtuSource, ModbusTcpSource
from iiotctl.sources.modbus.channel import Channel
from iiotctl.sources.modbus.estimate import ANSWER_S, exchange_s, place_of
from iiotctl.sources.modbus.frame import Request
from iiotctl.sources.modbus.framing.mbap import MbapDialogue
from iiotctl.sources.modbus.link import Link
from iiotctl.sources.modbus.manners import Manners, Pace, manners_of, strictest
from iiotctl.sources.modbus.queue import Scan
from iiotctl.sources.profiles import applied
from tests.unit.sources.modbus.framing.test_mbap import _answer
from tests.unit.sources.modbus.test_link import NoWay, Wire

READ = Request(1, 3, 0, 10, 20)


def _tcp(**keys: object) -> ModbusTcpSource:
    return ModbusTcpSource.model_validate({"type": "modbus-tcp", "host": "plc"} | keys)


def test_the_strictest_wins() -> None:
    gentle = manners_of(_tcp(delay="50ms", max_rate=5.0, window=1, connections=2))
    quick = manners_of(_tcp(window=8, max_rate=50.0, timeout="3s"))
    assert strictest([quick, gentle]) == Manners(connections=2, window=1, delay=0.05, max_rate=5.0, timeout=3.0)
    assert strictest([quick]).max_rate == 50
    assert strictest([Manners()]).max_rate is None


def test_a_profile_fills_in_what_the_site_file_leaves_open() -> None:
    config = applied(_tcp(profile="generic-gateway", timeout="500ms"))
    manners = manners_of(config)
    assert (manners.delay, manners.window, manners.timeout) == (0.02, 1, 0.5)


def test_requests_are_as_far_apart_as_the_rate_says() -> None:
    pace = Pace()
    pace.sent(10.0, 4.0)
    assert pace.next_at == 10.25
    pace.sent(11.0, None)
    assert pace.next_at == 10.25


class _Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("manners", "at_once", "after_a_moment", "after_the_delay"),
    [
        (Manners(), 1, 2, 2),
        (Manners(window=3), 3, 4, 4),
        (Manners(delay=0.5), 1, 1, 2),
        (Manners(max_rate=2.0), 1, 1, 2),
        (Manners(window=4, max_rate=2.0), 1, 1, 2),
    ],
)
def test_a_link_keeps_them(manners: Manners, at_once: int, after_a_moment: int, after_the_delay: int) -> None:
    async def main() -> list[int]:
        clock = _Clock()
        link = Link(NoWay(), now_us=lambda: 0, monotonic=clock)
        link.join(manners)
        wire, talk = Wire(), MbapDialogue()
        talk.admit(manners.window)
        channel = Channel(link, talk)
        channel.opened(wire)
        link._channels.append(channel)
        unit = link.queue.unit(1)
        unit.answered = True
        link.queue.submit(Scan(unit, [Request(1, 3, at, 1, 2) for at in range(9)], clock.now, 5.0, 2.0))
        link.pump()
        sent = [len(wire.written)]
        channel.received(_answer(wire.written[0]))
        clock.now += 0.1
        link.pump()
        sent.append(len(wire.written))
        clock.now += 0.41
        link.pump()
        sent.append(len(wire.written))
        link.leave(manners)
        return sent

    assert asyncio.run(main()) == [at_once, after_a_moment, after_the_delay]


def test_how_long_a_request_takes_is_known_beforehand() -> None:
    assert exchange_s(_tcp(), READ) == ANSWER_S
    assert exchange_s(_tcp(delay="80ms"), READ) == pytest.approx(0.1)
    assert exchange_s(_tcp(window=4), READ) == ANSWER_S / 4
    assert exchange_s(_tcp(max_rate=2.0), READ) == 0.5
    serial = ModbusRtuSource.model_validate({"type": "modbus-rtu", "port": "/dev/ttyUSB0", "baudrate": 9600})
    assert exchange_s(serial, READ) == pytest.approx(ANSWER_S + (8 + 25 + 3.5) * 11 / 9600)
    assert place_of(serial) == "/dev/ttyUSB0 9600 8E1"
