"""Whatever listens there instead of an OPC UA server is told apart from one that is silent."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from iiotctl.errors import IiotctlError
from iiotctl.site.sources import OpcUaSource as Config
from iiotctl.sources.base import SourceContext
from iiotctl.sources.opcua.session import Session


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "`HTTP/1.1 400 Bad Request`"),
        (b"no\r\n", "`no`"),
        (bytes.fromhex("4845 0000 0003 0083 02"), "48 45 00 00 00 03 00 83 02"),
        (b"\x9d\xff\x1b[2J" + bytes(200), "9d ff 1b 5b 32 4a 00"),
    ],
)
def test_another_protocol_is_named(tmp_path: Path, answer: bytes, told: str) -> None:
    async def main() -> IiotctlError:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(answer)
            await writer.drain()
            await reader.read()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        config = Config.model_validate({"type": "opcua", "url": f"opc.tcp://127.0.0.1:{port}", "timeout": "20s"})
        context = SourceContext(now_us=lambda: time.time_ns() // 1000, monotonic=time.monotonic, folder=tmp_path)
        with pytest.raises(IiotctlError) as failed:
            await Session.open(config, context)
        server.close()
        await server.wait_closed()
        return failed.value

    error = asyncio.run(main())
    assert error.slug == "opcua-not-spoken"
    assert told in str(error.cause)
