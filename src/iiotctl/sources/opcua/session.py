"""One connection to an OPC UA server: discovery, trust, channel, session; and the requests that run over it.

A session does not reconnect. It notices that it is lost (socket closed, no answer in time, a keep-alive
read that stays unanswered) and says so to whoever waits on it; the source then opens a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.ua_binary import struct_from_binary
from asyncua.ua.uaerrors import UaError, UaStatusCodeError

from iiotctl import quality
from iiotctl.errors import IiotctlError
from iiotctl.events import Event, Level
from iiotctl.samples import GapReason
from iiotctl.site.sources import OpcUaSource
from iiotctl.sources.base import SourceContext
from iiotctl.sources.opcua.client import GuardedClient
from iiotctl.sources.opcua.convert import micros
from iiotctl.sources.opcua.dial import Dialled, dial, prepare
from iiotctl.sources.opcua.failures import SESSION_FATAL, ServiceError, SessionLostError, Stage, ended, explain, lost
from iiotctl.sources.opcua.limits import Family, family_of

_T = TypeVar("_T")

KEEP_ALIVE_S: Final = 5.0
"""A session that heard nothing for this long asks for the server's state."""
_RENEW_AT: Final = 0.75  # OPC 10000-4 §5.5.2: after 75 % of the lifetime

RESPONSE_TOO_LARGE: Final = 0x80B90000

NAMESPACE_ARRAY: Final = ua.NodeId(ua.Int32(2255))
SERVER_STATE: Final = ua.NodeId(ua.Int32(2259))
CURRENT_TIME: Final = ua.NodeId(ua.Int32(2258))
_MAX_READ: Final = ua.NodeId(ua.Int32(11705))
_MAX_ITEMS_PER_CALL: Final = ua.NodeId(ua.Int32(11714))
_START_TIME: Final = ua.NodeId(ua.Int32(2257))
_SMOOTHING: Final = 0.3
_DEFAULT_BATCH: Final = 500
_LARGEST_BATCH: Final = 1000


@dataclass(slots=True)
class ServerLimits:
    """Operations per request that a server takes (OPC 10000-5 §6.3.11); 0 or unknown = our own size."""

    read: int = _DEFAULT_BATCH
    monitored_items: int = _DEFAULT_BATCH


@dataclass(frozen=True, slots=True)
class Clock:
    """The server's clock against ours.

    Attributes:
        offset_s: server minus ours, seconds; positive = the server is ahead.
        error_s: half of the round trip, seconds.
    """

    offset_s: float
    error_s: float

    def event(self) -> Event:
        """What a person may want to know of it; a warning beyond a second."""
        word = "ahead of" if self.offset_s > 0 else "behind"
        text = f"the server's clock is {abs(self.offset_s):.3f} s {word} ours (± {self.error_s:.3f} s)"
        level = Level.WARNING if abs(self.offset_s) > 1 + self.error_s else Level.INFO
        return Event(level, "clock-offset", text, data={"offset_s": self.offset_s, "error_s": self.error_s})


def batches(items: Sequence[_T], size: int) -> list[Sequence[_T]]:
    """`items` in pieces of at most `size`."""
    return [items[start : start + size] for start in range(0, len(items), size)]


class Session:
    """An open session.

    Attributes:
        dialled: how it was opened.
        namespaces: the server's namespace array.
        limits: operations per request.
        context: clocks and folders.
        last_answer: seconds of `context.monotonic` at the last answer of the server.
        last_answer_us: wall clock of it, µs UTC.
        round_trip: seconds that answers take, smoothed.
        server_started: when the server started, as it says; None = it does not.
    """

    def __init__(self, client: GuardedClient, dialled: Dialled, timeout: float, context: SourceContext) -> None:
        self.dialled = dialled
        self.namespaces: list[str] = []
        self.limits = ServerLimits()
        self.last_answer = context.monotonic()
        self.last_answer_us = context.now_us()
        self.round_trip = 0.0
        self.server_started: dt.datetime | None = None
        self._client = client
        self._timeout = timeout
        self.context = context
        self._lost: asyncio.Future[SessionLostError] = asyncio.get_running_loop().create_future()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def where(self) -> str:
        """Endpoint, for messages."""
        return self.dialled.url

    # --- opening ---

    @classmethod
    async def open(
        cls,
        config: OpcUaSource,
        context: SourceContext,
        *,
        on_request: Callable[[str], None] | None = None,
    ) -> Session:
        """Connect and log in; everything that fails becomes one error that says what to do.

        Raises:
            SourceError: unreachable, not trusted (either side), policy or login not offered, user refused …
            SiteError: a secret is missing.
        """
        dialled = await dial(config, context, on_request)
        client = GuardedClient(dialled.url, config.timeout, dialled.protection, on_request=on_request)
        session = cls(client, dialled, config.timeout, context)
        client._on_lost = session._transport_lost  # noqa: SLF001 - the session exists only now
        stage = Stage.SOCKET
        try:
            prepare(client, dialled)
            await client.connect_socket()
            stage = Stage.CHANNEL
            await client.send_hello()
            await client.open_secure_channel()
            stage = Stage.SESSION
            if not dialled.protection.secure:
                # a password is encrypted with this certificate, so CreateSession must show the one that is trusted
                client.security_policy.peer_certificate = dialled.server_certificate
            await client.create_session()
            stage = Stage.LOGIN
            await client.activate_session(
                username=dialled.login.user,
                password=dialled.login.password,
                certificate=None if dialled.login.identity is None else dialled.login.identity.certificate,
            )
            stage = Stage.RUNNING
            await session._learn(family_of(config))
        except BaseException as error:
            await client.hang_up()
            if isinstance(error, (asyncio.CancelledError, KeyboardInterrupt, SystemExit)):
                raise
            identity = dialled.identity
            raise explain(
                client.cause_of(error),
                stage,
                dialled.url,
                secure=dialled.protection.secure,
                certificate=None if identity is None else identity.path,
            ) from None
        session._tasks = [asyncio.create_task(session._renew()), asyncio.create_task(session._keep_alive())]
        for event in dialled.events:
            context.tell(event)
        return session

    async def _learn(self, family: Family) -> None:
        """Namespace array, start and limits; a server without limits keeps our defaults, or those of its family."""
        asked = [NAMESPACE_ARRAY, _START_TIME, _MAX_READ, _MAX_ITEMS_PER_CALL]
        namespaces, start, reads, items = await self.read(asked)
        value = None if namespaces.Value is None else namespaces.Value.Value
        self.namespaces = [str(uri) for uri in value] if isinstance(value, list) else []
        started = None if start.Value is None else start.Value.Value
        self.server_started = started if isinstance(started, dt.datetime) else None
        self.limits = ServerLimits(
            min(_limit(reads), family.nodes_per_read or _LARGEST_BATCH),
            min(_limit(items), family.items_per_call or _LARGEST_BATCH),
        )

    # --- requests ---

    async def call(
        self, request: Any, response_type: Any, *, wait: float | None = None, most: int | None = None
    ) -> Any:
        """Send a request and decode its response.

        Args:
            request: asyncua request object; its service must be on the allow-list.
            response_type: asyncua response class.
            wait: seconds; None = the source's timeout; 0 = wait for as long as the session lives.
            most: bytes of a response, which takes many times that once decoded; a larger one is a ServiceError.

        Raises:
            ServiceError: the server answered with a Bad status.
            SessionLostError: connection or session is gone.
        """
        service = type(request).__name__.removesuffix("Request")
        data = await self.ask(request, wait=wait)
        if most is not None and len(data) > most:
            raise ServiceError(service, RESPONSE_TOO_LARGE)
        try:
            response = struct_from_binary(response_type, Buffer(data))
        except Exception:  # noqa: BLE001 - a decoder fed by the network may raise anything
            raise ServiceError(service, quality.BAD_DECODING_ERROR) from None
        self.judge(service, int(response.ResponseHeader.ServiceResult.value))
        return response

    async def ask(self, request: Any, *, wait: float | None = None) -> bytes:
        """Send a request; the bytes of its response, whose header `judge` is to see.

        Args:
            request, wait: see `call`.

        Raises:
            ServiceError: the server answered with a fault.
            SessionLostError: connection or session is gone.
        """
        service = type(request).__name__.removesuffix("Request")
        started = self.context.monotonic()
        try:
            protocol = self._client.uaclient.protocol
            if protocol is None or self._lost.done():
                raise ConnectionError("the connection is closed")  # noqa: TRY301 - handled like one that breaks now
            data = bytes(await protocol.send_request(request, wait))
        except UaStatusCodeError as error:
            self.heard()
            self.judge(service, int(error.code))
            raise ServiceError(service, int(error.code)) from None
        except (OSError, TimeoutError) as error:
            raise self.give_up(lost(error)) from None
        except IiotctlError:
            raise
        except Exception:  # noqa: BLE001 - a decoder fed by the network may raise anything
            self.heard()
            raise ServiceError(service, quality.BAD_DECODING_ERROR) from None
        self.heard()
        if wait is None:  # a publish request is answered when there is news, not at once
            took = self.context.monotonic() - started
            self.round_trip = took if not self.round_trip else self.round_trip + _SMOOTHING * (took - self.round_trip)
        return data

    def judge(self, service: str, code: int) -> None:
        """Raise for the result of a service that is Bad.

        Raises:
            ServiceError: the session lives on.
            SessionLostError: it does not.
        """
        if not code >> 31:
            return
        if code in SESSION_FATAL:
            raise self.give_up(ended(code))
        raise ServiceError(service, code)

    async def read(
        self,
        nodes: Sequence[ua.NodeId],
        attribute: AttributeIds = AttributeIds.Value,
        *,
        ranges: Sequence[str | None] | None = None,
    ) -> list[ua.DataValue]:
        """One attribute of many nodes, in batches that the server takes; one data value a node.

        Raises:
            ServiceError, SessionLostError: see `call`.
        """
        wanted = [
            ua.ReadValueId(NodeId=node, AttributeId=attribute, IndexRange=None if ranges is None else ranges[i])
            for i, node in enumerate(nodes)
        ]
        values: list[ua.DataValue] = []
        for batch in batches(wanted, self.limits.read):
            request = ua.ReadRequest()
            request.Parameters.NodesToRead = list(batch)
            request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
            request.Parameters.MaxAge = 0
            response = await self.call(request, ua.ReadResponse)
            results = list(response.Results or [])
            if len(results) != len(batch):
                raise ServiceError("Read", quality.CODES["BadUnknownResponse"])
            values += results
        return values

    async def clock(self) -> Clock | None:
        """The server's clock against ours by one read; None when the server does not tell its time."""
        before, started = self.context.now_us(), self.context.monotonic()
        (answer,) = await self.read([CURRENT_TIME])
        took = self.context.monotonic() - started
        value = None if answer.Value is None else answer.Value.Value
        if not isinstance(value, dt.datetime):
            return None
        return Clock((micros(value) - before) / 1e6 - took / 2, took / 2)

    # --- loss ---

    def heard(self) -> None:
        """The server lives: note the time."""
        self.last_answer = self.context.monotonic()
        self.last_answer_us = self.context.now_us()

    def give_up(self, error: SessionLostError) -> SessionLostError:
        """Declare the session lost (the first cause counts); returns the error for raising."""
        if not self._lost.done():
            self._lost.set_result(error)
        return error

    def _transport_lost(self, error: Exception | None) -> None:
        self.give_up(lost(error or ConnectionError("the server closed the connection")))

    async def wait_lost(self) -> SessionLostError:
        """Wait until the session is lost and say why."""
        return await asyncio.shield(self._lost)

    async def _renew(self) -> None:
        """Renew the channel's token before it expires."""
        while True:
            await asyncio.sleep(self._client.secure_channel_timeout / 1000 * _RENEW_AT)
            try:
                await self._client.open_secure_channel(renew=True)
                self._client.uaclient.revolve_security_token()
            except (OSError, TimeoutError, UaError) as error:
                self.give_up(lost(error))
                return

    async def _keep_alive(self) -> None:
        """Ask when nothing was heard for a while, so that a half-open connection is noticed."""
        while True:
            quiet = self.context.monotonic() - self.last_answer
            await asyncio.sleep(max(0.05, KEEP_ALIVE_S - quiet))
            if self.context.monotonic() - self.last_answer < KEEP_ALIVE_S:
                continue
            try:
                await self.read([SERVER_STATE])
            except ServiceError:
                continue
            except SessionLostError:
                return

    async def close(self) -> None:
        """Log out and hang up; never raises."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if not self._lost.done():
            request = ua.CloseSessionRequest()
            request.DeleteSubscriptions = True
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self.call(request, ua.CloseSessionResponse), min(self._timeout, 2.0))
            with contextlib.suppress(Exception):
                await self._client.close_secure_channel()
        self.give_up(SessionLostError("closed by us", GapReason.SHUTDOWN, quality.BAD_NO_COMMUNICATION))
        with contextlib.suppress(Exception):
            await self._client.hang_up()


def _limit(value: ua.DataValue) -> int:
    number = None if value.Value is None else value.Value.Value
    return min(int(number), _LARGEST_BATCH) if isinstance(number, int) and number > 0 else _DEFAULT_BATCH
