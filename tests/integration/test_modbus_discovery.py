"""`browse` and `guess` against servers of other codebases: libmodbus, pyModbusTCP, and pymodbus for the identification."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pyModbusTCP.server import ModbusServer as PyModbusServer

from iiotctl.cli.app import run
from iiotctl.errors import IncompleteError, SourceError
from iiotctl.ops import guess, modbus_browse
from iiotctl.ops.site import open_settings
from iiotctl.sources.modbus.probe import State
from tests.integration.modbus_server import READING, ModbusServer
from tests.integration.proxy import TcpProxy

pytestmark = pytest.mark.integration


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextmanager
def _identified(framer: str = "socket", **texts: str) -> Iterator[int]:
    """A pymodbus server that says who it is, with Modbus TCP or RTU frames."""
    from pymodbus import FramerType
    from pymodbus.pdu.device import ModbusDeviceIdentification
    from pymodbus.server import ModbusTcpServer
    from pymodbus.simulator import DataType, SimData, SimDevice

    port = _free_port()
    ready, ended = threading.Event(), threading.Event()

    async def serve() -> None:
        device = SimDevice(1, simdata=[SimData(0, count=10, values=7, datatype=DataType.REGISTERS)])
        server = ModbusTcpServer(
            device,
            framer=FramerType(framer),
            identity=ModbusDeviceIdentification(info_name=texts),
            address=("127.0.0.1", port),
        )
        task = asyncio.create_task(server.serve_forever())
        for _ in range(500):
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", port)) == 0:
                    break
            await asyncio.sleep(0.01)
        ready.set()
        while not ended.is_set():
            await asyncio.sleep(0.02)
        await server.shutdown()
        await asyncio.gather(task, return_exceptions=True)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(20)
    try:
        yield port
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize(("scheme", "framer"), [("modbus-tcp", "socket"), ("modbus-rtu-over-tcp", "rtu")])
def test_a_device_says_who_it_is(scheme: str, framer: str) -> None:
    texts = {"VendorName": "ACME", "ProductCode": "X-1", "MajorMinorRevision": "2.0", "ProductName": "Ofen Größe 3"}
    with _identified(framer, **texts) as port:
        planned = modbus_browse.plan(f"{scheme}://127.0.0.1:{port}/1", ["holding:0-11"], delay_s=0.001)
        found = modbus_browse.browse(planned)
    assert [str(s) for s in found.stretches if s.state is State.EXISTS] == ["holding:0-9"]
    assert found.identity.objects["vendor"] == "ACME"
    assert found.identity.objects["revision"] == "2.0"
    assert found.identity.objects["product name"] == "Ofen Größe 3"
    assert not found.identity.silence


def test_an_identification_in_pieces() -> None:
    long = "x" * 200
    with _identified(VendorName=long, ProductCode=long, MajorMinorRevision="2.0") as port:
        found = modbus_browse.browse(modbus_browse.plan(f"modbus-tcp://127.0.0.1:{port}/1"))
    assert found.identity.objects["vendor"] == long
    assert found.identity.objects["product code"] == long
    assert found.identity.objects["revision"] == "2.0"


def test_a_device_that_does_not_know_the_function_is_told_so() -> None:
    with ModbusServer() as server:
        server.reading = READING | {"43"}
        planned = modbus_browse.plan(f"modbus-tcp://127.0.0.1:{server.port}/1")
        with pytest.raises(IncompleteError) as caught:
            modbus_browse.browse(planned)
        assert "illegal function" in str(caught.value.cause)
        assert server.stats()["functions"] == {"43": 1}


def test_a_probe_finds_the_holes_and_stays_in_its_ranges(tmp_path: Path) -> None:
    with ModbusServer() as server:
        server.reading = READING | {"43"}
        for address in (7, 8, 40):
            server.tell(f"illegal {address}")
        site = tmp_path / "site.toml"
        site.write_text(
            f'schema = 1\n[sources.a]\ntype = "modbus-tcp"\nhost = "127.0.0.1"\nport = {server.port}\n'
            'never_read = ["holding:20-22"]\n'
        )
        planned = modbus_browse.plan(
            f"modbus-tcp://127.0.0.1:{server.port}",
            ["holding:0-45", "coil:0-9"],
            unit=1,
            opened=open_settings(site),
            delay_s=0.001,
        )
        found = modbus_browse.browse(planned)
        told = {f"{s.table}:{at}": s.state for s in found.stretches for at in range(s.first, s.last + 1)}
        assert len(told) == 56
        illegal = {address for address, state in told.items() if state is State.ILLEGAL}
        assert illegal == {"holding:7", "holding:8", "holding:40"}
        assert {a for a, s in told.items() if s is State.NOT_ASKED} == {"holding:20", "holding:21", "holding:22"}
        assert found.is_whole
        assert found.requests <= planned.most
        values = {place.address: place.raw for place in modbus_browse.places(found.stretches)}
        assert values["holding:12"] == 1012
        assert values["coil:3"] == 1
        assert [row.address for row in modbus_browse.tag_rows(found.stretches, "a")][:2] == ["coil:0", "coil:1"]


def test_a_probe_of_a_dead_unit_gives_up_at_once() -> None:
    with ModbusServer() as server:
        server.reading = READING | {"43"}
        server.tell("dead 5")
        planned = modbus_browse.plan(
            f"modbus-tcp://127.0.0.1:{server.port}/5", ["holding:0-999"], delay_s=0.001, timeout_s=0.2
        )
        with pytest.raises(SourceError) as caught:
            modbus_browse.browse(planned)
        assert caught.value.slug == "source-silent"
        assert server.stats()["requests"] <= 4


def test_a_dry_run_opens_no_connection(capsys: pytest.CaptureFixture[str]) -> None:
    with ModbusServer() as server:
        url = f"modbus-tcp://127.0.0.1:{server.port}/1"
        assert run(["browse", url, "--range", "holding:0-99", "--dry-run", "--format", "json"]) == 0
        shown = capsys.readouterr()
        requests = [row["request"] for row in json.loads(shown.out)["rows"]]
        assert requests[2] == "unit 1 FC 3 holding:0-31"
        assert "nothing was sent" in shown.err
        assert "at most 196" in shown.err
        assert server.stats()["accepts"] == 0


def test_rows_of_a_probe_can_be_captured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ModbusServer() as server:
        server.reading = READING | {"43"}
        url = f"modbus-tcp://127.0.0.1:{server.port}"
        tags = tmp_path / "tags.csv"
        words = ["--unit", "1", "--range", "holding:0-3", "--delay", "1ms", "--source", "a", "--tags-csv", str(tags)]
        assert run(["browse", url, *words]) == 0
        (tmp_path / "site.toml").write_text(
            f'schema = 1\ntags_file = "tags.csv"\n[sources.a]\ntype = "modbus-tcp"\nhost = "127.0.0.1"\nport = {server.port}\n'
        )
        capsys.readouterr()
        assert run(["tags", "check", "--live", "--site", str(tmp_path / "site.toml"), "--format", "json"]) == 0
        rows = json.loads(capsys.readouterr().out)["rows"]
        assert [row["value"] for row in rows] == [1000, 1001, 1002, 1003]


@contextmanager
def _moving() -> Iterator[int]:
    """A float32 in the order CDAB at holding:11 that moves a little, served by pyModbusTCP."""
    server = PyModbusServer("127.0.0.1", _free_port(), no_block=True)
    server.start()
    ended = threading.Event()

    def move() -> None:
        step = 0
        while not ended.is_set():
            high, low = struct.unpack(">HH", struct.pack(">f", 120 + 0.1 * (step % 20)))
            server.data_bank.set_holding_registers(11, [low, high])
            step += 1
            time.sleep(0.01)

    thread = threading.Thread(target=move)
    thread.start()
    try:
        yield server.port
    finally:
        ended.set()
        thread.join()
        server.stop()


def test_guess_finds_type_and_order(capsys: pytest.CaptureFixture[str]) -> None:
    with _moving() as port:
        words = ["guess", f"modbus-tcp://127.0.0.1:{port}", "40012", "--every", "50ms", "--for", "300ms"]
        assert run([*words, "--format", "json"]) == 0
        shown = capsys.readouterr()
        best = json.loads(shown.out)["rows"][0]
        assert (best["type"], best["order"]) == ("float32", "CDAB")
        assert best["value"] == pytest.approx(121, abs=1.5)
        assert 'address = "holding:11", type = "float32", order = "CDAB"' in shown.err


def test_guess_reads_what_was_asked_and_nothing_else() -> None:
    with ModbusServer() as server:
        wanted = guess.prepare(f"modbus-tcp://127.0.0.1:{server.port}/1", "holding:5", registers=4)
        rounds = list(guess.rounds(wanted, every_s=0.02, count=3))
        assert [each.readings for each in rounds] == [1, 2, 3]
        stats = server.stats()
        assert stats["requests"] == 3
        assert stats["functions"] == {"3": 3}
        assert rounds[-1].raw == b"".join((1000 + at).to_bytes(2, "big") for at in range(5, 9))


def test_guess_says_what_a_device_refuses() -> None:
    with ModbusServer() as server:
        server.tell("illegal 6")
        wanted = guess.prepare(f"modbus-tcp://127.0.0.1:{server.port}/1", "holding:5")
        with pytest.raises(SourceError) as caught:
            next(guess.rounds(wanted))
        assert caught.value.slug == "read-failed"
        assert "illegal data address" in str(caught.value.cause)


def test_guess_lives_through_a_lost_connection() -> None:
    with ModbusServer() as server, TcpProxy(("127.0.0.1", server.port)) as proxy:
        wanted = guess.prepare(f"modbus-tcp://127.0.0.1:{proxy.port}/1", "holding:5", timeout_s=0.3)
        seen = []
        for each in guess.rounds(wanted, every_s=0.05, count=200):
            seen.append(each)
            if len(seen) == 3:
                proxy.reset()
            if len(seen) > 3 and seen[-1].readings > seen[2].readings:
                break
        assert seen[-1].readings > 3
