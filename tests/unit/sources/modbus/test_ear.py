"""The shared ear of a port, on a pseudo terminal."""

from __future__ import annotations

import asyncio
import os
import time

from iiotctl.errors import SourceError
from iiotctl.sources.modbus.ear import Ear
from iiotctl.sources.modbus.sniff import Exchange
from tests.unit.sources.modbus.test_serialport import Pair, line, pair
from tests.unit.sources.modbus.test_sniff import answer, ask, words

__all__ = ["pair"]  # the fixture


class Listener:
    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self.errors: list[SourceError] = []
        self.holes: list[tuple[int, int]] = []

    def heard(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)

    def missed(self, start: int, end: int) -> None:
        self.holes.append((start, end))

    def port_lost(self, error: SourceError) -> None:
        self.errors.append(error)


async def until(condition: object) -> None:
    async with asyncio.timeout(20):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.01)


def test_what_waited_while_this_process_stood_still_is_not_believed(pair: Pair) -> None:
    skipped = 0.0
    exchange = ask(1, 3, 0, 1) + answer(1, 3, words(5))

    async def listen() -> None:
        nonlocal skipped
        ear = Ear(line(pair.path), lambda: time.time_ns() // 1000, lambda: time.monotonic() + skipped)
        listener = Listener()
        ear.attach(listener)
        await until(lambda: ear.is_open)
        os.write(pair.far, exchange)
        await until(lambda: listener.exchanges)
        os.write(pair.far, exchange)
        skipped = 60.0
        await until(lambda: listener.holes)
        assert len(listener.exchanges) == 1
        os.write(pair.far, exchange)
        await until(lambda: len(listener.exchanges) == 2)
        assert len(listener.holes) == 1
        assert await ear.detach(listener)

    asyncio.run(listen())


def test_a_port_that_comes_back_is_opened_again(pair: Pair, tmp_path: object) -> None:
    link = f"{tmp_path}/tty"

    async def listen() -> None:
        ear = Ear(line(link), lambda: time.time_ns() // 1000, time.monotonic)
        listener = Listener()
        ear.attach(listener)
        await until(lambda: listener.errors)
        assert listener.errors[0].slug == "serial-port-missing"
        os.symlink(pair.path, link)
        await until(lambda: ear.is_open)
        os.write(pair.far, ask(1, 3, 0, 1) + answer(1, 3, words(5)))
        await until(lambda: listener.exchanges)
        pair.pull_out()
        await until(lambda: listener.errors[-1].slug != "serial-port-missing")
        assert not ear.is_open
        assert await ear.detach(listener)

    asyncio.run(listen())


def test_two_listeners_share_one_ear_and_the_last_closes_it(pair: Pair) -> None:
    async def listen() -> None:
        ear = Ear(line(pair.path), lambda: time.time_ns() // 1000, time.monotonic)
        both = [Listener(), Listener()]
        for listener in both:
            ear.attach(listener)
        await until(lambda: ear.is_open)
        os.write(pair.far, ask(1, 3, 0, 1) + answer(1, 3, words(5)))
        await until(lambda: all(listener.exchanges for listener in both))
        assert not await ear.detach(both[0])
        assert ear.is_open
        assert await ear.detach(both[1])
        assert not ear.is_open

    asyncio.run(listen())
    assert pair.arrived() == b""
