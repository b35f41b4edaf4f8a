"""The serial door on pseudo terminals: what opens, what never sends, what its errors say."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import select
from collections.abc import Iterator
from pathlib import Path

import pytest

from iiotctl.errors import SourceError
from iiotctl.site.sources import ModbusRtuSource
from iiotctl.sources.modbus.serialport import Port, open_port, settings_of


def line(port: str, **rest: object) -> ModbusRtuSource:
    return ModbusRtuSource.model_validate({"type": "modbus-rtu", "port": port} | rest)


class Pair:
    """A pseudo terminal: `path` is ours, `far` the other side."""

    def __init__(self) -> None:
        self.far, self._near = pty.openpty()
        self.path = os.ttyname(self._near)

    def arrived(self) -> bytes:
        """What the other side has got."""
        return os.read(self.far, 4096) if select.select([self.far], [], [], 0.05)[0] else b""

    def pull_out(self) -> None:
        os.close(self.far)
        self.far = -1

    def close(self) -> None:
        os.close(self._near)
        if self.far >= 0:
            os.close(self.far)


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    yield made
    made.close()


async def heard(port: Port, count: int) -> tuple[bytes, list[SourceError]]:
    """Listen until `count` bytes came or the port was lost."""
    data, lost, done = bytearray(), list[SourceError](), asyncio.Event()

    def received(part: bytes) -> None:
        data.extend(part)
        if len(data) >= count:
            done.set()

    def gone(error: SourceError) -> None:
        lost.append(error)
        done.set()

    port.start(received, gone)
    await asyncio.wait_for(done.wait(), 20)
    port.stop()
    return bytes(data), lost


@pytest.mark.parametrize("parity", ["none", "even", "odd"])
@pytest.mark.parametrize("listen_only", [False, True])
def test_every_byte_arrives_whatever_the_settings(pair: Pair, parity: str, listen_only: bool) -> None:
    port = open_port(line(pair.path, parity=parity, baudrate=115200), listen_only=listen_only)
    everything = bytes(range(256))
    os.write(pair.far, everything)
    assert asyncio.run(heard(port, 256)) == (everything, [])
    port.close()


def test_what_is_sent_arrives(pair: Pair) -> None:
    port = open_port(line(pair.path))
    port.send(b"\x01\x03\x0a\x0d\x11\x13")
    assert pair.arrived() == b"\x01\x03\x0a\x0d\x11\x13"
    port.close()
    port.close()
    assert not port.is_open


def test_a_port_opened_to_listen_cannot_send(pair: Pair) -> None:
    port = open_port(line(pair.path), listen_only=True)
    assert fcntl.fcntl(port.fileno(), fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
    with pytest.raises(PermissionError):
        port.send(b"x")
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.write(port.fileno(), b"x")
    assert pair.arrived() == b""
    port.close()


@pytest.mark.parametrize("listen_only", [False, True])
@pytest.mark.parametrize("first", [False, True])
def test_a_port_has_one_user(pair: Pair, first: bool, listen_only: bool) -> None:
    held = open_port(line(pair.path), listen_only=first)
    with pytest.raises(SourceError) as error:
        open_port(line(pair.path), listen_only=listen_only)
    assert error.value.slug == "serial-port-busy"
    held.close()
    open_port(line(pair.path), listen_only=listen_only).close()


def test_an_adapter_pulled_out_is_told_once(pair: Pair) -> None:
    port = open_port(line(pair.path))
    pair.pull_out()
    data, lost = asyncio.run(heard(port, 1))
    assert (data, [error.slug for error in lost]) == (b"", ["source-lost"])
    with pytest.raises(SourceError):
        port.send(b"x")
    port.close()


def test_what_has_arrived_can_be_discarded(pair: Pair) -> None:
    port = open_port(line(pair.path))
    os.write(pair.far, b"old")
    select.select([port.fileno()], [], [], 5)
    port.discard()
    os.write(pair.far, b"new")
    assert asyncio.run(heard(port, 3))[0] == b"new"
    port.close()


@pytest.mark.parametrize(("where", "slug"), [("missing", "serial-port-missing"), ("a file", "serial-port-failed")])
def test_what_is_no_port_says_so(tmp_path: Path, where: str, slug: str) -> None:
    (tmp_path / "a file").touch()
    with pytest.raises(SourceError) as error:
        open_port(line(str(tmp_path / where)))
    assert error.value.slug == slug
    assert error.value.hint
    assert "no serial port" in error.value.what


def test_a_port_of_others_names_the_group(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: str, flags: int, *rest: object) -> int:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("serial.serialposix.os.open", refused)
    with pytest.raises(SourceError) as error:
        open_port(line(pair.path))
    assert error.value.slug == "serial-port-denied"
    assert "dialout" in str(error.value.hint)


def test_settings_in_words() -> None:
    assert settings_of(line("/dev/x")) == "19200 8E1"
    assert settings_of(line("/dev/x", parity="none", baudrate=9600)) == "9600 8N2"
    assert settings_of(line("/dev/x", parity="none", stopbits=1)) == "19200 8N1"
