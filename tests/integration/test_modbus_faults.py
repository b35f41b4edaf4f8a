"""A link that delays, splits, garbles, resets, half-opens: an error or nothing, never a wrong value."""

from __future__ import annotations

import asyncio
import itertools
import random
import socket

import pytest

from iiotctl import quality
from iiotctl.errors import SourceError
from iiotctl.samples import GapReason
from iiotctl.sources.base import SourceState
from iiotctl.sources.modbus.source import ModbusSource
from tests.integration.modbus_harness import Recorder, Running, config, context, tags, until
from tests.integration.modbus_server import ModbusServer
from tests.integration.proxy import TcpProxy

pytestmark = pytest.mark.integration

ADDRESSES = [f"holding:{at}" for at in (*range(10), *range(20, 30))]


def _right(sink: Recorder) -> None:
    """Every Good sample is what the server holds: 1000 + address; code n < 10 is address n, else n + 10."""
    for code, _, value, status in sink.rows():
        assert quality.is_good(status)
        assert value == 1000 + (code if code < 10 else code + 10)


def _source(port: int, **rest: object) -> ModbusSource:
    return ModbusSource("s", config(port, **rest), tags(ADDRESSES), context())


@pytest.mark.parametrize("size", [1, 3, 7, 11])
def test_answers_in_pieces(size: int) -> None:
    with ModbusServer() as server, TcpProxy(("127.0.0.1", server.port)) as proxy:
        proxy.split, proxy.split_pause = size, 0.0005
        source = _source(proxy.port, period="200ms")

        async def main() -> None:
            async with Running(source) as sink:
                await until(lambda: len(sink.batches) >= 3)
            assert not sink.failures
            _right(sink)

        asyncio.run(main())
        assert proxy.accepts == 1


def test_a_late_answer_is_never_taken_for_the_next_one_and_the_connection_stays() -> None:
    """Each answer comes after its timeout, while the next request waits: exactly what misleads other clients."""
    with ModbusServer() as server, TcpProxy(("127.0.0.1", server.port)) as proxy:
        source = _source(proxy.port, timeout="100ms")

        async def main() -> None:
            async with Running(source) as sink:
                await until(lambda: len(sink.batches) >= 3)
                proxy.delay = 0.15
                await until(lambda: bool(sink.failures))
                await asyncio.sleep(1.0)
                proxy.delay = 0.0
                mark = len(sink.batches)
                await until(lambda: len(sink.batches) > mark + 3)
            _right(sink)
            assert {reason for _, reason, _ in sink.failures} == {GapReason.TIMEOUT}

        asyncio.run(main())
        assert proxy.accepts == 1
    assert source.status.state is SourceState.RUNNING


def _flip(seed: int):
    rng = random.Random(seed)

    def garble(chunk: bytes) -> bytes:
        data = bytearray(chunk)
        if rng.random() < 0.3:
            # anything but the values themselves, which no field of Modbus TCP protects
            at = rng.choice(range(min(9, len(data))))
            data[at] ^= 1 << rng.randrange(8)
        return bytes(data)

    return garble


def _cut(seed: int):
    rng = random.Random(seed)
    return lambda chunk: chunk if rng.random() > 0.3 else chunk[: rng.randrange(len(chunk))]


def _extra(seed: int):
    rng = random.Random(seed)
    return lambda chunk: chunk if rng.random() > 0.3 else chunk + rng.randbytes(rng.randrange(1, 40))


def _twice(seed: int):
    return lambda chunk: chunk + chunk


def _noise(seed: int):
    rng = random.Random(seed)
    return lambda chunk: chunk if rng.random() > 0.3 else rng.randbytes(len(chunk))


@pytest.mark.parametrize("damage", [_flip, _cut, _extra, _twice, _noise])
def test_damaged_answers_give_errors_but_no_wrong_value(damage) -> None:
    with ModbusServer() as server, TcpProxy(("127.0.0.1", server.port)) as proxy:
        source = _source(proxy.port, timeout="60ms", period="20ms")

        async def main() -> None:
            async with Running(source) as sink:
                await until(lambda: len(sink.batches) >= 2)
                proxy.garble = damage(7)
                await asyncio.sleep(1.5)
                proxy.garble = None
                mark = len(sink.batches)
                await until(lambda: len(sink.batches) > mark + 5)
            _right(sink)

        asyncio.run(main())
    assert source.status.state is SourceState.RUNNING


def _lie(changes: dict[int, int]):
    return lambda chunk: bytes(changes.get(at, byte) for at, byte in enumerate(chunk))


@pytest.mark.parametrize(
    "lies",
    [
        pytest.param({5: 40}, id="length too long"),
        pytest.param({5: 9}, id="length too short"),
        pytest.param({5: 0}, id="length zero"),
        pytest.param({4: 255}, id="length absurd"),
        pytest.param({2: 1}, id="protocol"),
        pytest.param({6: 77}, id="unit"),
        pytest.param({7: 4}, id="function"),
        pytest.param({8: 18}, id="byte count"),
        pytest.param({0: 99, 1: 99}, id="transaction"),
    ],
)
def test_a_server_that_always_lies_gives_no_sample_and_is_not_hammered(lies: dict[int, int]) -> None:
    with ModbusServer() as server, TcpProxy(("127.0.0.1", server.port)) as proxy:
        proxy.garble = _lie(lies)
        source = _source(proxy.port, timeout="60ms")

        async def main() -> None:
            async with Running(source) as sink:
                await until(lambda: bool(sink.failures))
                await asyncio.sleep(0.8)
            assert not sink.batches
            assert {reason for _, reason, _ in sink.failures} <= {GapReason.TIMEOUT, GapReason.DISCONNECTED}

        asyncio.run(main())
        assert proxy.accepts <= 8
    assert source.status.state is SourceState.DOWN


def test_bytes_that_nobody_asked_for_harm_nothing() -> None:
    with ModbusServer() as server, TcpProxy(("127.0.0.1", server.port)) as proxy:
        source = _source(proxy.port)

        async def main() -> None:
            async with Running(source) as sink:
                for junk in (b"\0\1\0\0\0\5\1\3\2\xff\xff", b"hello", bytes(300), b"\0\0\0\0\0\3\1\x83\2"):
                    mark = len(sink.batches)
                    await until(lambda mark=mark: len(sink.batches) > mark + 2)
                    proxy.inject(junk)
                mark = len(sink.batches)
                await until(lambda: len(sink.batches) > mark + 2)
            _right(sink)

        asyncio.run(main())


def test_resets_and_orderly_closes_are_survived() -> None:
    with ModbusServer() as server, TcpProxy(("127.0.0.1", server.port)) as proxy:
        source = _source(proxy.port)

        async def main() -> None:
            async with Running(source) as sink:
                for end in (proxy.reset, proxy.close_connections) * 3:
                    mark = len(sink.batches)
                    await until(lambda mark=mark: len(sink.batches) > mark + 3)
                    end()
                mark = len(sink.batches)
                await until(lambda: len(sink.batches) > mark + 3)
            _right(sink)

        asyncio.run(main())
        assert proxy.accepts == 7
    assert source.status.reconnects == 6


def test_a_connection_closed_between_scans_costs_nothing() -> None:
    """Many devices close idle connections; with a long period each scan then finds none."""
    with ModbusServer() as server, TcpProxy(("127.0.0.1", server.port)) as proxy:
        source = _source(proxy.port, period="300ms")

        async def main() -> None:
            async with Running(source) as sink:
                for count in range(1, 5):
                    await until(lambda count=count: len(sink.batches) >= count)
                    proxy.close_connections()
            assert not sink.failures

        asyncio.run(main())


def test_a_server_that_restarts_is_found_again() -> None:
    with ModbusServer() as first, TcpProxy(("127.0.0.1", first.port)) as proxy:
        source = _source(proxy.port)

        async def main() -> None:
            async with Running(source) as sink:
                await until(lambda: len(sink.batches) >= 3)
                first.kill()
                await until(lambda: bool(sink.failures))
                await asyncio.sleep(0.5)
                with ModbusServer() as second:
                    proxy.target = ("127.0.0.1", second.port)
                    mark = len(sink.batches)
                    await until(lambda: len(sink.batches) > mark + 3)
            assert sink.failures == [(None, GapReason.DISCONNECTED, quality.BAD_NO_COMMUNICATION)]
            assert len(sink.said("source-down")) == len(sink.said("source-up")) == 1
            _right(sink)

        asyncio.run(main())


def test_a_connection_limit_that_closes_at_once_is_no_busy_loop() -> None:
    with ModbusServer() as server, TcpProxy(("127.0.0.1", server.port)) as proxy:
        proxy.refuse = True
        source = _source(proxy.port, period="10ms")

        async def main() -> None:
            async with Running(source) as sink:
                await until(lambda: proxy.accepts >= 2)
                await asyncio.sleep(1.0)
                assert proxy.accepts <= 12
                proxy.refuse = False
                await until(lambda: bool(sink.batches))

        asyncio.run(main())


def test_a_half_open_connection_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iiotctl.sources.modbus.link.SILENT_LINK_S", 0.6)
    with ModbusServer() as server, TcpProxy(("127.0.0.1", server.port)) as proxy:
        source = _source(proxy.port, timeout="100ms")

        async def main() -> None:
            async with Running(source) as sink:
                await until(lambda: len(sink.batches) >= 3)
                proxy.half_open()
                await until(lambda: bool(sink.failures))
                mark = len(sink.batches)
                await until(lambda: len(sink.batches) > mark + 3)
            assert sink.failures[0][1] is GapReason.TIMEOUT
            _right(sink)

        asyncio.run(main())
        assert proxy.accepts == 2


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def test_refused_unknown_and_silent_hosts_are_told_apart() -> None:
    async def read(**rest: object) -> SourceError:
        source = ModbusSource("s", config(**rest), tags(["holding:0"]), context())
        with pytest.raises(SourceError) as caught:
            await source.read_once(tags(["holding:0"]))
        await source.close()
        return caught.value

    with ModbusServer() as server, TcpProxy(("127.0.0.1", server.port)) as proxy:
        proxy.blackhole = True
        errors = [
            asyncio.run(read(port=_free_port())),
            asyncio.run(read(port=502, host="no-such-host.invalid", timeout="5s")),
            asyncio.run(read(port=proxy.port, timeout="100ms")),
        ]
    assert [e.slug for e in errors] == ["source-refused", "source-host-unknown", "source-silent"]
    assert "iiotctl read" not in str(errors[2].hint)  # it is what has just been done
    assert all(e.exit_code == 4 and e.hint and e.cause and e.where for e in errors)


def test_a_refused_connection_is_a_gap_with_its_cause_and_ends_when_a_server_starts() -> None:
    port = _free_port()
    source = ModbusSource("s", config(port), tags(["holding:0"]), context())

    async def main() -> None:
        async with Running(source) as sink:
            await until(lambda: bool(sink.failures))
            await asyncio.sleep(0.3)
        assert sink.failures == [(None, GapReason.DISCONNECTED, quality.BAD_NO_COMMUNICATION)]
        assert sink.said("source-down") == [f"no data: 127.0.0.1 refuses connections on port {port}"]

    asyncio.run(main())
    assert source.status.state is SourceState.DOWN


def test_reading_once_shows_raw_words_and_refusals() -> None:
    with ModbusServer() as server:
        server.tell("illegal 5")
        source = ModbusSource("s", config(server.port), [], context())

        async def main():
            readings = await source.read_once(
                tags(["holding:4 uint32", "holding:5", "holding:6/1", "coil:1", "holding:7"])
            )
            await source.close()
            return readings

        readings = asyncio.run(main())
    assert [(r.value, r.raw) for r in readings] == [
        (None, ""),
        (None, ""),
        (1.0, "03ee"),
        (1.0, "01"),
        (1007.0, "03ef"),
    ]
    assert readings[1].note == "exception 02 (illegal data address)"
    assert quality.name(readings[1].quality) == "BadConfigurationError"
    assert all(a.ts <= b.ts for a, b in itertools.pairwise(readings))


def test_cancelling_in_the_middle_of_a_request_leaves_nothing_behind() -> None:
    with ModbusServer() as server:
        server.tell("delay 1 200")
        source = _source(server.port, timeout="1s")

        async def main() -> None:
            async with Running(source):
                await asyncio.sleep(0.1)
            assert len(asyncio.all_tasks()) == 1

        asyncio.run(main())
