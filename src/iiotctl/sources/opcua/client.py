"""asyncua's client behind our rules: only listed services leave, no secret leaves readable, no log reaches stderr.

asyncua encodes each request in `UASocketProtocol._send_request`; the guard sits right before it, so that a
Write or Call cannot be sent by any path of the library. Its supervisor, watchdog and publish loop are
not used: they retry on their own, log to nowhere, and acknowledge values that the application never saw.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from asyncua import ua
from asyncua.client.client import Client
from asyncua.client.ua_client import UaClient, UASocketProtocol, UASocketState
from asyncua.ua.uaerrors import UaStatusCodeError

from iiotctl.errors import SourceError
from iiotctl.sources.allowlist import check_opcua
from iiotctl.sources.opcua.failures import NotOpcUaError
from iiotctl.sources.opcua.security import Protection, choose_token_policy, password_exposed

DEFAULT_PORT: Final = 4840
LARGEST_CHUNK: Final = 16_000_000
"""Bytes of a message chunk; we announce 64 kB, servers that ignore it stay far below this."""
LARGEST_MESSAGE: Final = 256_000_000
"""Bytes of a message in many chunks: five million values; a server that goes on and on is hung up on."""
_HEADER: Final = 8
_SHOWN: Final = 24
_MESSAGES: Final = frozenset({b"ACK", b"ERR", b"OPN", b"MSG", b"CLO", b"RHE"})
_CLOSE_WITHIN: Final = 0.5

_logger = logging.getLogger("asyncua")
_logger.addHandler(logging.NullHandler())
_logger.propagate = False
_logger.setLevel(logging.CRITICAL + 1)  # what happened is told by our events and errors, once


class GuardedProtocol(UASocketProtocol):
    """The place where requests become bytes; refuses every service that is not on the list."""

    on_request: Callable[[str], None] | None = None
    said: UaStatusCodeError | None = None
    """The status with which the server refused us while the channel was opened; asyncua only logs it."""

    def data_received(self, data: bytes) -> None:
        """Hand bytes to asyncua; hang up on a peer whose next message cannot be one of OPC UA (10000-6 §7.1.2)."""
        super().data_received(data)
        if self._connection._incoming_size > LARGEST_MESSAGE:  # noqa: SLF001 - asyncua's own limit is the server's to set
            self._fail_all_pending(ConnectionError("the server sends a message without end"))
            if self.transport is not None:
                self.transport.abort()
            return
        waiting = self.receive_buffer
        if not waiting:
            return
        known = any(waiting[:3] == kind[: len(waiting)] for kind in _MESSAGES)
        if not known or (len(waiting) >= _HEADER and int.from_bytes(waiting[4:8], "little") > LARGEST_CHUNK):
            self.receive_buffer = None  # else a wrong length would be waited for, and memory filled, for ever
            self._fail_all_pending(NotOpcUaError(bytes(waiting[:_SHOWN])))
            if self.transport is not None:
                self.transport.abort()

    def _fail_all_pending(self, exc: Exception) -> None:
        if self.said is None and isinstance(exc, UaStatusCodeError):
            self.said = exc
        super()._fail_all_pending(exc)

    def _process_received_message(self, msg: Any) -> None:
        opening = self._open_secure_channel_exchange is not None and self.authentication_token.is_null()
        if opening and isinstance(msg, ua.Message):
            try:  # a ServiceFault in place of the channel: asyncua would fail to decode it and forget the status
                self.check_answer(msg.body(), "")  # type: ignore[no-untyped-call]
            except UaStatusCodeError as error:
                self.said = error
                raise
        super()._process_received_message(msg)

    def _send_request(
        self, request: Any, timeout: float = 1, message_type: Any = ua.MessageType.SecureMessage
    ) -> asyncio.Future[Any]:
        service = type(request).__name__
        check_opcua(service)
        if self.on_request is not None:
            self.on_request(service.removesuffix("Request"))
        return super()._send_request(request, timeout, message_type)


class GuardedClient(Client):
    """Channel and session of one connection, without asyncua's background tasks.

    Args:
        url: `opc.tcp://host[:port][/path]`; this host is dialled whatever names the server's endpoints carry.
        timeout: seconds per request.
        protection: policy and mode of the channel.
        on_request: told the service name of each request before it is encoded.
        on_lost: told when the transport is gone.
    """

    def __init__(
        self,
        url: str,
        timeout: float,
        protection: Protection,
        *,
        on_request: Callable[[str], None] | None = None,
        on_lost: Callable[[Exception | None], None] | None = None,
    ) -> None:
        super().__init__(url, timeout=timeout, auto_reconnect=False)
        self.name = self.description = "iiotctl"
        self.product_uri = "urn:iiotctl"
        self._protection = protection
        self._on_request = on_request
        self._on_lost = on_lost
        self.last_protocol: GuardedProtocol | None = None
        self.endpoint: ua.EndpointDescription | None = None
        """Chosen at discovery; stands in where CreateSession returns no endpoints (small embedded servers)."""
        self.uaclient.create_session = self._create_on_server  # type: ignore[method-assign]
        self.uaclient._make_protocol = self._make_guarded  # type: ignore[method-assign] # noqa: SLF001

    def _make_guarded(self) -> UASocketProtocol:
        low: UaClient = self.uaclient
        protocol = GuardedProtocol(low._timeout, security_policy=low.security_policy)  # noqa: SLF001
        protocol.on_request = self._on_request
        protocol.on_connection_lost = self._lost
        self.last_protocol = low.protocol = protocol
        return protocol

    async def _create_on_server(self, parameters: ua.CreateSessionParameters) -> ua.CreateSessionResult:
        result = await self.uaclient.session.create_session(parameters)
        endpoints = [each for each in result.ServerEndpoints or [] if each.EndpointUrl]
        result.ServerEndpoints = endpoints or ([] if self.endpoint is None else [self.endpoint])
        return result

    def _lost(self, error: Exception | None) -> None:
        self.uaclient.notify_transport_lost()
        if self._on_lost is not None:
            self._on_lost(error)

    def cause_of(self, error: BaseException) -> BaseException:
        """What the server said about the failure, where it said anything; else `error`."""
        said = None if self.last_protocol is None else self.last_protocol.said
        return error if said is None else said

    def server_policy(self, token_type: ua.UserTokenType) -> ua.UserTokenPolicy:
        """The token policy that protects best, not merely the first one listed."""
        found = choose_token_policy(self._policy_ids, token_type, self._protection)
        return super().server_policy(token_type) if found is None else found

    def _add_user_auth(self, params: ua.ActivateSessionParameters, username: str | None, password: str | None) -> None:
        if password and password_exposed(self.server_policy(ua.UserTokenType.UserName), self._protection):
            raise exposed_password(self.server_url.geturl())
        super()._add_user_auth(params, username, password)

    async def send_hello(self) -> None:
        """Greet; a peer that hung up already is told apart at once, asyncua would wait for its answer."""
        if self.last_protocol is None or self.last_protocol.transport is None:
            raise ConnectionError("the server closed the connection at once")
        await super().send_hello()

    async def hang_up(self) -> None:
        """Close the socket and wait until it is gone; a peer that takes nothing any more is cut off."""
        protocol = self.last_protocol
        self.uaclient.disconnect_socket()
        if protocol is None or protocol.transport is None:
            return
        transport = protocol.transport
        transport.close()
        deadline = asyncio.get_running_loop().time() + _CLOSE_WITHIN
        while protocol.state is not UASocketState.CLOSED and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - asyncua offers no event for it
            await asyncio.sleep(0.005)
        if protocol.state is not UASocketState.CLOSED:
            transport.abort()
            await asyncio.sleep(0)


def exposed_password(where: str) -> SourceError:
    """The error for a password that would travel readable."""
    return SourceError(
        "opcua-password-exposed",
        "the password would be sent readable: neither the connection nor the login is encrypted",
        where=where,
        cause="the server asks for a plain-text password on this endpoint; nothing was sent",
        hint='write `security = "Basic256Sha256-SignAndEncrypt"` in the site file',
    )


def dial_url(url: str) -> str:
    """The URL with its port spelled out and without user or password.

    Raises:
        SourceError: no host, or an impossible port.
    """
    parts = urlsplit(url)
    port: int | None = None
    with contextlib.suppress(ValueError):
        port = parts.port or DEFAULT_PORT
    if not parts.hostname or port is None:
        raise SourceError("opcua-url", f"`{url}` is not the URL of an OPC UA server", hint="write opc.tcp://HOST:4840")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"opc.tcp://{host}:{port}{parts.path}"
