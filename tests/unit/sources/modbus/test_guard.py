"""The guard of a bus: nothing is sent before it is sure that nobody else speaks."""

from __future__ import annotations

import asyncio
import os

import pytest

from iiotctl.errors import SourceError
from iiotctl.events import Event
from iiotctl.sources.modbus.guard import guard_bus
from tests.unit.sources.modbus.test_serialport import Pair, line, pair
from tests.unit.sources.modbus.test_sniff import answer, ask, words

__all__ = ["pair"]  # the fixture


def guard(path: str, *, confirmed_by: str | None = None, talk: bytes = b"", far: int = -1) -> list[Event]:
    told: list[Event] = []

    async def listen() -> None:
        # the model asks for 5 s at least; what is tested does not depend on it
        config = line(path).model_copy(update={"listen": 0.4})
        task = asyncio.create_task(guard_bus(config, confirmed_by=confirmed_by, tell=told.append))
        await asyncio.sleep(0.1)
        if talk:
            os.write(far, talk)
        await task

    asyncio.run(listen())
    return told


def test_a_silent_bus_may_be_used(pair: Pair) -> None:
    assert guard(pair.path) == []
    assert pair.arrived() == b""


def test_a_bus_with_traffic_is_refused_and_says_what_was_heard(pair: Pair) -> None:
    talk = ask(7, 3, 100, 10) + answer(7, 3, words(*range(10)))
    with pytest.raises(SourceError) as error:
        guard(pair.path, talk=talk, far=pair.far)
    assert error.value.slug == "bus-has-master"
    assert "33 bytes" in str(error.value.cause)
    assert "`unit 7 FC 3 100-109`" in str(error.value.cause)
    assert "modbus-rtu-listen" in str(error.value.hint)
    assert "--sole-master-confirmed-by" in str(error.value.hint)
    assert pair.arrived() == b""


def test_one_byte_is_traffic(pair: Pair) -> None:
    with pytest.raises(SourceError, match="somebody speaks"):
        guard(pair.path, talk=b"\x55", far=pair.far)


def test_a_person_who_vouches_is_recorded_with_what_was_heard(pair: Pair) -> None:
    [event] = guard(pair.path, confirmed_by="M. Weber", talk=ask(7, 3, 100, 10), far=pair.far)
    assert event.slug == "sole-master-confirmed"
    assert event.data["name"] == "M. Weber"
    assert event.data["bytes"] == 8
    assert "unit 7" in str(event.data["heard"])
    assert pair.arrived() == b""


def test_a_port_that_is_gone_is_no_silent_bus(pair: Pair) -> None:
    async def listen() -> None:
        config = line(pair.path).model_copy(update={"listen": 20.0})
        task = asyncio.create_task(guard_bus(config, confirmed_by=None, tell=lambda _: None))
        await asyncio.sleep(0.1)
        pair.pull_out()
        await task

    with pytest.raises(SourceError) as error:
        asyncio.run(listen())
    assert error.value.slug == "source-lost"
