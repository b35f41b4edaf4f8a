"""Modbus/TCP Security against OpenSSL (socat) in front of libmodbus: what is accepted, and every way of refusing."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from iiotctl.errors import SourceError
from iiotctl.samples import GapReason
from iiotctl.site.sources import ModbusTlsSource
from iiotctl.sources.base import SourceContext
from iiotctl.sources.modbus.source import ModbusSource
from tests.integration.modbus_harness import Running, context, tags, until
from tests.integration.modbus_server import ModbusServer
from tests.integration.tls_front import NOW, Pair, TlsFront, make

pytestmark = pytest.mark.integration


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pki").mkdir()
    return tmp_path


def world(folder: Path, *, trust_first: bool = False) -> SourceContext:
    made = context()
    made.folder, made.pki_dir, made.trust_first = folder, folder / "pki", trust_first
    return made


def source(port: int, where: SourceContext, **rest: object) -> ModbusSource:
    data = {"type": "modbus-tls", "host": "127.0.0.1", "port": port, "period": "50ms", "timeout": "3s"} | rest
    return ModbusSource("s", ModbusTlsSource.model_validate(data), tags(["holding:5"]), where)


def once(made: ModbusSource) -> object:
    async def main() -> object:
        try:
            return (await made.read_once(tags(["holding:5"])))[0].value
        finally:
            await made.close()

    return asyncio.run(main())


@contextmanager
def plain(
    *, says: bytes = b"HTTP/1.1 400 Bad Request\r\n\r\n", resets: bool = False, holds: bool = False
) -> Iterator[int]:
    """A server that speaks something else, resets the connection, or holds it without a word."""

    def serve() -> None:
        held = []
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                if holds:
                    held.append(connection)
                    continue
                with connection:
                    connection.recv(4096)
                    if resets:
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        continue
                    connection.sendall(says)
        for connection in held:
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def refusal(made: ModbusSource) -> SourceError:
    with pytest.raises(SourceError) as caught:
        once(made)
    assert caught.value.where
    assert caught.value.cause
    assert caught.value.hint
    return caught.value


def test_both_sides_know_each_other(folder: Path) -> None:
    authority = make(folder, "authority")
    device, client = make(folder, "device", signer=authority), make(folder, "client", signer=authority)
    keys = {"ca": "authority.pem", "certificate": "client.pem", "private_key": "client.key.pem"}
    with ModbusServer() as server, TlsFront(server.port, device, clients=authority.pem) as front:
        assert once(source(front.port, world(folder), **keys)) == 1005
        before = server.stats()["requests"]
        # the device does not know this pair, which was made on first use
        error = refusal(source(front.port, world(folder), ca="authority.pem"))
        assert error.slug == "modbus-tls-client-refused"
        assert server.stats()["requests"] == before
    assert client.pem.exists()


@pytest.mark.parametrize("version", ["TLS1.2", "TLS1.3"])
def test_a_pinned_certificate_needs_no_authority(folder: Path, version: str) -> None:
    device = make(folder, "device", names=["plc.example"])
    where = world(folder)
    with (
        ModbusServer() as server,
        TlsFront(server.port, device, versions=f"openssl-max-proto-version={version}") as front,
    ):
        assert once(source(front.port, where, server_certificate="device.pem", window=4)) == 1005
    # our pair was made, and only its owner can read the key
    assert (folder / "pki" / "own" / "iiotctl.key.pem").stat().st_mode & 0o077 == 0


def test_nothing_named_is_refused_unless_the_first_is_trusted(folder: Path) -> None:
    device = make(folder, "device")
    with ModbusServer() as server, TlsFront(server.port, device) as front:
        error = refusal(source(front.port, world(folder)))
        assert error.slug == "modbus-tls-certificate-unknown"
        assert "--trust-first" in str(error.hint)
        assert server.stats()["requests"] == 0
        assert once(source(front.port, world(folder, trust_first=True))) == 1005
        assert once(source(front.port, world(folder))) == 1005, "it is remembered"
        front.restart(make(folder, "other"))
        assert refusal(source(front.port, world(folder, trust_first=True))).slug == "modbus-tls-certificate-changed"


@pytest.mark.parametrize(
    ("days", "names", "slug"),
    [
        ((-30, -1), ["127.0.0.1"], "modbus-tls-certificate-expired"),
        ((1, 30), ["127.0.0.1"], "modbus-tls-certificate-not-yet-valid"),
        ((-1, 30), ["plc.example"], "modbus-tls-certificate-host"),
    ],
)
@pytest.mark.parametrize("pinned", [False, True])
def test_certificates_that_are_not_accepted(
    folder: Path, days: tuple[int, int], names: list[str], slug: str, pinned: bool
) -> None:
    authority = make(folder, "authority")
    starts, ends = (NOW + dt.timedelta(days=n) for n in days)
    device = make(folder, "device", signer=authority, names=names, starts=starts, ends=ends)
    with ModbusServer() as server, TlsFront(server.port, device) as front:
        keys = {"server_certificate": "device.pem"} if pinned else {"ca": "authority.pem"}
        made = source(front.port, world(folder), **keys)
        if pinned and slug.endswith("host"):
            assert once(made) == 1005, "a certificate that is compared as a whole needs no name"
        else:
            assert refusal(made).slug == slug
            assert server.stats()["requests"] == 0
        if slug.endswith("host"):
            assert once(source(front.port, world(folder), ca="authority.pem", server_name="plc.example")) == 1005


def test_another_authority_and_another_protocol(folder: Path) -> None:
    authority, other = make(folder, "authority"), make(folder, "other")
    device = make(folder, "device", signer=authority)
    with ModbusServer() as server, TlsFront(server.port, device) as front:
        assert refusal(source(front.port, world(folder), ca="other.pem")).slug == "modbus-tls-certificate-authority"
        assert server.stats()["requests"] == 0
    with plain() as port:
        assert refusal(source(port, world(folder), ca="authority.pem")).slug == "modbus-tls-failed"
    assert other.pem.exists()


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        ({"says": b""}, "closed during the TLS handshake"),
        ({"resets": True}, "closed during the TLS handshake"),
        ({"holds": True}, "no TLS answer came"),
    ],
    ids=["closes", "resets", "silent"],
)
def test_a_port_where_nobody_shakes_hands(folder: Path, behaviour: dict[str, Any], told: str) -> None:
    make(folder, "authority")
    with plain(**behaviour) as port:
        error = refusal(source(port, world(folder), ca="authority.pem", timeout="500ms"))
    assert error.slug == "modbus-tls-failed"
    assert told in (error.cause or "")
    assert "802" in (error.hint or "")


@pytest.mark.parametrize(
    ("keys", "slug"),
    [
        ({"ca": "missing.pem"}, "modbus-tls-server-certificate"),
        ({"server_certificate": "missing.pem"}, "modbus-tls-server-certificate"),
        (
            {"ca": "device.pem", "certificate": "device.pem", "private_key": "missing.pem"},
            "modbus-tls-client-certificate",
        ),
    ],
)
def test_files_that_cannot_be_read(folder: Path, keys: dict[str, str], slug: str) -> None:
    device = make(folder, "device")
    with ModbusServer() as server, TlsFront(server.port, device) as front:
        assert refusal(source(front.port, world(folder), **keys)).slug == slug


def test_a_certificate_changed_while_running_is_a_gap_with_a_name(folder: Path) -> None:
    first: Pair = make(folder, "first")
    with ModbusServer() as server, TlsFront(server.port, first) as front:
        made = source(front.port, world(folder), server_certificate="first.pem")

        async def main() -> None:
            async with Running(made) as sink:
                await until(lambda: len(sink.values(0)) >= 3)
                front.restart(make(folder, "second"))
                await until(lambda: bool(sink.failures))
                assert sink.failures[0][1] is GapReason.DISCONNECTED
                await until(
                    lambda: made.status.error is not None and made.status.error.slug == "modbus-tls-certificate-changed"
                )
                got = len(sink.values(0))
                front.restart(first)
                await until(lambda: len(sink.values(0)) >= got + 3)

        asyncio.run(main())
