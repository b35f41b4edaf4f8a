"""TCP and TLS connections: the only door to pymodbus, of which the transport is used and nothing else.

Serial ports are opened by `serialport`, because a bus has to be listened to first by a port that cannot send.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from pymodbus.transport import CommParams, CommType, ModbusProtocol

from iiotctl.sources.modbus.channel import CLOSED

if TYPE_CHECKING:
    from iiotctl.sources.modbus.channel import Channel

_SHAKE_SHARE: Final = 0.8

logging.getLogger("pymodbus").addHandler(logging.NullHandler())  # its words never reach stderr by themselves


class Connection(ModbusProtocol):
    """A TCP or TLS connection; a `Wire` for its channel.

    Args:
        channel: takes what comes in.
        host: name or address.
        port: TCP port.
        context: TLS, or None.
        server_name: name that the server's certificate must hold, when it is not `host`.

    Attributes:
        certificate: what the server showed, DER; b"" without TLS.
    """

    def __init__(
        self,
        channel: Channel,
        host: str,
        port: int,
        *,
        context: ssl.SSLContext | None = None,
        server_name: str | None = None,
    ) -> None:
        super().__init__(
            CommParams(
                comm_name="iiotctl",
                comm_type=CommType.TCP if context is None else CommType.TLS,
                host=host,
                port=port,
                sslctx=context,
                reconnect_delay=0.0,
                reconnect_delay_max=0.0,
            ),
            is_server=False,
        )
        if context is not None:  # pymodbus takes no other name than the host's
            self.call_create = partial(
                self.loop.create_connection, lambda: self, host, port, ssl=context, server_hostname=server_name or host
            )
        self._is_tls = context is not None
        self._channel = channel
        self.certificate = b""
        self._ended = False
        self._lost: Exception | None = None

    async def dial(self, seconds: float) -> None:
        """Connect, or raise OSError (of which TLS errors are a kind), TimeoutError or UnicodeError.

        A ConnectionAbortedError says that TLS was not answered: the handshake has most of the time.
        """
        shake = {"ssl_handshake_timeout": _SHAKE_SHARE * seconds} if self._is_tls else {}
        await asyncio.wait_for(self.call_create(**shake), seconds)
        if self._ended:  # a server at its limit of connections accepts and closes
            raise self._lost or ConnectionResetError(CLOSED)

    def write(self, data: bytes) -> None:
        """Send."""
        cast("asyncio.Transport", self.transport).write(data)

    def end(self) -> None:
        """Drop the connection without another callback."""
        self._ended = True
        if self.transport is not None:
            cast("asyncio.Transport", self.transport).abort()

    # callbacks of the event loop; the base class's own are not used

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The event loop connected."""
        self.transport = transport
        found = transport.get_extra_info("ssl_object")
        if found is not None:
            self.certificate = found.getpeercert(binary_form=True) or b""

    def connection_lost(self, exc: Exception | None) -> None:
        """The event loop lost the connection."""
        if not self._ended:
            self._ended, self._lost = True, exc
            self._channel.lost(exc)

    def eof_received(self) -> None:
        """The server closed; the loop closes our side."""

    def data_received(self, data: bytes) -> None:
        """Bytes came in."""
        self._channel.received(data)

    def callback_new_connection(self) -> ModbusProtocol:
        """Not used: servers only."""
        raise NotImplementedError

    def callback_connected(self) -> None:
        """Not used: `connection_made` is ours."""

    def callback_disconnected(self, exc: Exception | None) -> None:
        """Not used: `connection_lost` is ours."""

    def callback_data(self, data: bytes, addr: tuple[object, ...] | None = None) -> int:  # noqa: ARG002 - the base class's signature
        """Not used: `data_received` is ours."""
        return len(data)
