"""The Modbus server at the level of bytes: what no client library sends, and what must be recorded."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from iiotctl.errors import SourceError
from iiotctl.simulator.plant import Plant
from iiotctl.simulator.truth import TruthLog


@asynccontextmanager
async def _plant(**more: Any) -> AsyncIterator[tuple[Plant, TruthLog]]:
    truth = TruthLog(keep=True)
    async with Plant(opcua_port=None, truth=truth, **more) as plant:
        yield plant, truth


def _run(test: Callable[[Plant, TruthLog], Coroutine[Any, Any, None]], **more: Any) -> TruthLog:
    async def main() -> TruthLog:
        async with _plant(**more) as (plant, truth):
            await asyncio.wait_for(test(plant, truth), 30)
        return truth

    return asyncio.run(main())


async def _ask(plant: Plant, frame: bytes, wait: float = 5.0) -> bytes:
    """The answer to one frame, b"" = closed, raises TimeoutError when nothing comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", plant.modbus_port)
    try:
        writer.write(frame)
        return await asyncio.wait_for(reader.read(512), wait)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


def _request(pdu: bytes, unit: int = 1, transaction: int = 0x1234) -> bytes:
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu


def _read(function: int, address: int, count: int, unit: int = 1) -> bytes:
    return _request(struct.pack(">BHH", function, address, count), unit)


WRITES = [
    pytest.param(bytes.fromhex("050000ff00"), id="single coil"),
    pytest.param(bytes.fromhex("060001002a"), id="single register"),
    pytest.param(bytes.fromhex("0800000000"), id="diagnostics"),
    pytest.param(bytes.fromhex("0f0000000801ff"), id="coils"),
    pytest.param(bytes.fromhex("100000000102002a"), id="registers"),
    pytest.param(bytes.fromhex("1600000000ffff"), id="mask"),
    pytest.param(bytes.fromhex("17000000010000000102002a"), id="read and write"),
    pytest.param(bytes.fromhex("2b0d0100"), id="encapsulated"),
    pytest.param(bytes.fromhex("5a00"), id="vendor"),
]


@pytest.mark.parametrize("pdu", WRITES)
def test_everything_but_the_four_reads_is_refused_and_recorded(pdu: bytes) -> None:
    async def test(plant: Plant, _: TruthLog) -> None:
        before = await _ask(plant, _read(3, 20, 5))
        assert (await _ask(plant, _request(pdu)))[7:] == bytes((pdu[0] | 0x80, 1))
        assert (await _ask(plant, _read(3, 20, 5)))[7:] == before[7:]

    truth = _run(test)
    refused = [record for record in truth.records if record["kind"] == "refused"]
    assert [record["data"] for record in refused] == [pdu.hex()]
    assert f"FC {pdu[0]}" in str(refused[0]["what"])


def test_the_plant_says_who_it_is() -> None:
    async def test(plant: Plant, _: TruthLog) -> None:
        answer = (await _ask(plant, _request(bytes.fromhex("2b0e0100"))))[7:]
        assert answer[:7] == bytes.fromhex("2b0e0101000003")
        assert answer[7:].startswith(b"\x00\x11iiotctl simulator\x01")
        assert (await _ask(plant, _request(bytes.fromhex("2b0e0900"))))[7:] == b"\xab\x03"

    assert not [record for record in _run(test).records if record["kind"] == "refused"]


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (_read(3, 0, 0), 3),
        (_read(3, 0, 126), 3),
        (_read(1, 0, 2001, unit=2), 3),
        (_read(3, 60_000, 1), 2),
        (_read(3, 41, 2), 2),
        (_read(3, 100, 40, unit=3), 2),
        (_request(b"\x03\x00\x00\x00"), 3),
        (_request(b"\x03"), 3),
    ],
)
def test_requests_that_cannot_be_served_get_the_right_exception(frame: bytes, code: int) -> None:
    async def test(plant: Plant, _: TruthLog) -> None:
        answer = await _ask(plant, frame)
        assert answer[:2] == b"\x12\x34"
        assert answer[7:] == bytes((frame[7] | 0x80, code))

    assert any(record.get("answer") == f"exception {code}" for record in _run(test).records)


@pytest.mark.parametrize(
    "frame",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        struct.pack(">HHHB", 1, 0, 300, 1),
        struct.pack(">HHHB", 1, 0, 1, 1) + b"\0",
        b"\xff" * 64,
    ],
)
def test_a_malformed_frame_closes_the_connection_quietly(frame: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    async def test(plant: Plant, _: TruthLog) -> None:
        assert await _ask(plant, frame) == b""
        assert len(await _ask(plant, _read(3, 0, 1))) == 11  # and the next client is served

    assert _run(test).counts["malformed"] == 1
    assert capfd.readouterr() == ("", "")


def test_a_connection_cut_in_the_middle_of_a_frame(capfd: pytest.CaptureFixture[str]) -> None:
    async def test(plant: Plant, _: TruthLog) -> None:
        for cut in range(1, 12):
            _, writer = await asyncio.open_connection("127.0.0.1", plant.modbus_port)
            writer.write(_read(3, 0, 1)[:cut])
            writer.transport.abort() if cut % 2 else writer.close()
        assert len(await _ask(plant, _read(3, 0, 1))) == 11

    _run(test)
    assert capfd.readouterr() == ("", "")


def test_a_frame_in_pieces_and_many_frames_in_one() -> None:
    async def test(plant: Plant, _: TruthLog) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", plant.modbus_port)
        for byte in _read(3, 0, 2):
            writer.write(bytes((byte,)))
            await writer.drain()
            await asyncio.sleep(0)
        assert len(await reader.readexactly(13)) == 13
        writer.write(b"".join(_request(struct.pack(">BHH", 3, i, 1), transaction=i) for i in range(30)))
        answers = await reader.readexactly(30 * 11)
        assert [struct.unpack_from(">H", answers, 11 * i)[0] for i in range(30)] == list(range(30))
        writer.close()

    assert _run(test).counts["modbus"] == 31


def test_an_unknown_unit_is_answered_for_by_the_gateway_or_not_at_all() -> None:
    async def gateway(plant: Plant, _: TruthLog) -> None:
        assert (await _ask(plant, _read(3, 0, 1, unit=77)))[6:] == bytes((77, 0x83, 0x0B))

    async def silent(plant: Plant, _: TruthLog) -> None:
        with pytest.raises(TimeoutError):
            await _ask(plant, _read(3, 0, 1, unit=77), wait=0.3)

    assert _run(gateway).records[1]["answer"] == "exception 11"
    assert _run(silent, unknown_unit="silent").records[1]["answer"] == "none"


def test_link_faults_act_on_their_unit_alone() -> None:
    async def test(plant: Plant, _: TruthLog) -> None:
        with pytest.raises(TimeoutError):
            await _ask(plant, _read(4, 0, 1, unit=2), wait=0.3)
        assert (await _ask(plant, _read(3, 100, 2, unit=3)))[7:] == b"\x83\x06"
        begun = asyncio.get_running_loop().time()
        assert len(await _ask(plant, _read(3, 0, 1, unit=1))) == 11
        assert asyncio.get_running_loop().time() - begun >= 0.2

    _run(test, faults=["cooling1:silent", "meter1:exception:code=6", "press1:delay:by=200ms"])


def test_a_disconnect_resets_open_connections_and_ends() -> None:
    async def test(plant: Plant, truth: TruthLog) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", plant.modbus_port)
        writer.write(_read(3, 0, 1))
        assert len(await reader.readexactly(11)) == 11
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(1), 10)
        writer.close()
        assert await _ask(plant, _read(3, 0, 1)) == b""
        while not any(record.get("state") == "end" for record in truth.records):
            await asyncio.sleep(0.05)
        assert len(await _ask(plant, _read(3, 0, 1))) == 11

    truth = _run(test, faults=["press1:disconnect:start=2s,for=1s"])
    assert [record["state"] for record in truth.records if record["kind"] == "fault"] == ["start", "end"]


def test_a_dropout_costs_requests_that_touch_the_tag_and_a_wire_break_shows_the_sentinel() -> None:
    async def test(plant: Plant, _: TruthLog) -> None:
        assert (await _ask(plant, _read(3, 0, 5)))[7:] == b"\x83\x04"
        assert len(await _ask(plant, _read(3, 2, 3))) == 15
        assert (await _ask(plant, _read(3, 14, 1)))[9:] == b"\x7f\xff"
        assert (await _ask(plant, _read(3, 10, 2)))[9:10] in (b"\x7f", b"\xff")  # a NaN

    truth = _run(
        test,
        faults=[
            "press1.hydraulics.pressure:dropout:code=4",
            "press1.motor.winding_temperature:wire-break",
            "press1.motor.current:wire-break",
        ],
    )
    values = {name: pair for r in truth.records for name, pair in (r.get("values") or {}).items()}  # type: ignore[attr-defined]
    assert values["press1.motor.winding_temperature"] == [32767, None]
    assert values["press1.motor.current"] == [None, None]


def test_a_port_in_use_is_one_clear_error() -> None:
    async def test(plant: Plant, _: TruthLog) -> None:
        with pytest.raises(SourceError) as caught:
            async with Plant(modbus_port=plant.modbus_port, opcua_port=None):
                pass
        assert caught.value.slug == "port-unavailable"
        assert "--modbus-port" in (caught.value.hint or "")

    _run(test)
