"""A scripted OPC UA server: as obliging, stubborn or hostile as a test wants, and faster than any installed one.

It speaks just enough of the protocol (security None) for a client to log in, subscribe and publish; what it
publishes comes from the test as bytes. Handshakes are encoded with asyncua, notifications by hand. It runs in a
thread of its own (`with Player(...)`), or as a process for the bench.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Self

from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary

from tests.integration.opcua_frames import Connection

GOOD = 0
BAD_NODE_ID_UNKNOWN = 0x80340000
BAD_ATTRIBUTE = 0x80350000
BAD_NO_SUBSCRIPTION = 0x80790000
BAD_SUBSCRIPTION = 0x80280000
BAD_TOO_MANY_PUBLISH = 0x80780000
BAD_UNSUPPORTED = 0x800B0000
STARTED = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def ticks() -> int:
    """Now, in 100-ns ticks since 1601."""
    return time.time_ns() // 100 + 116_444_736_000_000_000


def publish_response(
    handle: int, subscription: int, available: list[int], sequence: int, parts: list[tuple[int, bytes]], *, more: bool
) -> bytes:
    """A PublishResponse; `parts` = number of the type's encoding and body of each notification."""
    head = (
        b"\x01\x00"
        + struct.pack("<HqII", 829, ticks(), handle, GOOD)
        + b"\x00"
        + struct.pack("<i", 0)
        + b"\x00\x00\x00"
    )
    numbers = struct.pack(f"<Ii{len(available)}IB", subscription, len(available), *available, more)
    return head + numbers + notification(sequence, parts) + struct.pack("<ii", 0, 0)


def notification(sequence: int, parts: list[tuple[int, bytes]]) -> bytes:
    """A NotificationMessage."""
    pieces = [struct.pack("<Iqi", sequence, ticks(), len(parts))]
    for kind, body in parts:
        pieces += [b"\x01\x00", struct.pack("<HBi", kind, 1, len(body)), body]
    return b"".join(pieces)


def data_change(values: list[tuple[int, ua.DataValue]]) -> bytes:
    """Body of a DataChangeNotification."""
    notes = [ua.MonitoredItemNotification(ClientHandle=ua.UInt32(handle), Value=value) for handle, value in values]
    return struct_to_binary(ua.DataChangeNotification(MonitoredItems=notes))


@dataclass
class Subscription:
    """A subscription of the player."""

    id: int
    interval: float
    keep_alive: int
    handles: dict[int, str] = field(default_factory=dict)
    sequence: int = 0
    sent: dict[int, bytes] = field(default_factory=dict)
    waiting: deque[bytes] = field(default_factory=deque)
    idle: int = 0


class Player:
    """See the module's docstring.

    Attributes:
        values: value by the identifier of a node (`s=…` in namespace 1), what a Read gives.
        is_dead: publish keep-alives only, whatever changes.
        withheld: identifiers of nodes whose items tell of nothing; an item that is created now does.
        is_mute: publish nothing at all.
        body: makes the notification body of a publishing interval from the subscription; None = keep-alive.
        most_publish: publish requests that may wait.
        retained: messages kept for Republish.
        gives: TransferSubscriptions is granted.
        spoil: changes an answer right before it is sent.
        asked: names of the services asked for.
        acknowledged: (sequence number, monotonic time).
    """

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.is_dead = False
        self.withheld: set[str] = set()
        self.is_mute = False
        self.body: Callable[[Subscription], bytes | None] = self._changes
        self.most_publish = 100
        self.retained = 100
        self.gives = True
        self.spoil: Callable[[str, bytes], bytes] = lambda _, answer: answer
        self.asked: list[str] = []
        self.acknowledged: list[tuple[int, float]] = []
        self.waited = 0
        self.subscriptions: dict[int, Subscription] = {}
        self.port = 0
        self._told: dict[tuple[int, str], Any] = {}
        self._next = 1
        self._publishing: deque[tuple[Connection, int, int]] = deque()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"opc.tcp://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.serve(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def serve(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.get_running_loop().create_server(lambda: Connection(self), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        assert self._server is not None
        self._server.close()
        for connection in list(Connection.open):
            if connection.player is self and connection.transport is not None:
                connection.transport.abort()
        await asyncio.sleep(0.05)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- services ---

    def answer(self, name: str, request: Any) -> Any:
        """The response to a request other than Publish and Republish."""
        response = getattr(ua, name + "Response")()
        make = getattr(self, f"_on_{name.lower()}", None)
        if make is None:
            response = ua.ServiceFault()
            response.ResponseHeader.ServiceResult = ua.StatusCode(ua.UInt32(BAD_UNSUPPORTED))
        else:
            make(request, response)
        return response

    def _endpoint(self) -> ua.EndpointDescription:
        policy = ua.UserTokenPolicy(PolicyId="anonymous", TokenType=ua.UserTokenType.Anonymous)
        return ua.EndpointDescription(
            EndpointUrl=self.url,
            SecurityMode=ua.MessageSecurityMode.None_,
            SecurityPolicyUri="http://opcfoundation.org/UA/SecurityPolicy#None",
            UserIdentityTokens=[policy],
            TransportProfileUri="http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary",
            Server=ua.ApplicationDescription(ApplicationUri="urn:player", ApplicationType=ua.ApplicationType.Server),
        )

    def _on_getendpoints(self, _: Any, response: Any) -> None:
        response.Endpoints = [self._endpoint()]

    def _on_createsession(self, request: Any, response: Any) -> None:
        result = response.Parameters
        result.SessionId, result.AuthenticationToken = ua.NodeId(1, 1), ua.NodeId(ua.Int32(self._number()), ua.Int16(1))
        result.RevisedSessionTimeout = request.Parameters.RequestedSessionTimeout
        result.ServerNonce, result.ServerEndpoints = b"\x01" * 32, [self._endpoint()]

    def _on_activatesession(self, _: Any, response: Any) -> None:
        response.Parameters.ServerNonce = b"\x01" * 32

    def _on_closesession(self, request: Any, _: Any) -> None:
        if request.DeleteSubscriptions:
            self.subscriptions.clear()
            self._publishing.clear()

    def _number(self) -> int:
        self._next += 1
        return self._next

    def _on_read(self, request: Any, response: Any) -> None:
        known = {
            2255: ["http://opcfoundation.org/UA/", "urn:player"],
            2257: STARTED,
            2258: dt.datetime.now(dt.UTC),
            2259: 0,
        }
        for wanted in request.Parameters.NodesToRead:
            number, attribute = wanted.NodeId.Identifier, wanted.AttributeId
            value: Any = None
            if wanted.NodeId.NamespaceIndex == 0:
                value = known.get(number)
            elif attribute == ua.AttributeIds.DataType:
                value = ua.NodeId(ua.Int32(11))
            elif attribute == ua.AttributeIds.ValueRank:
                value = ua.Variant(-1, ua.VariantType.Int32)
            elif attribute == ua.AttributeIds.Value:
                value = self.values.get(number)
            if value is None:
                bad = ua.DataValue(None, ua.StatusCode(ua.UInt32(BAD_ATTRIBUTE)))
                response.Results.append(bad)
            else:
                now = dt.datetime.now(dt.UTC)
                response.Results.append(
                    ua.DataValue(
                        ua.Variant(value) if not isinstance(value, ua.Variant) else value, ua.StatusCode(), now, now
                    )
                )

    def _on_createsubscription(self, request: Any, response: Any) -> None:
        wanted, result = request.Parameters, response.Parameters
        result.SubscriptionId = self._number()
        result.RevisedPublishingInterval = wanted.RequestedPublishingInterval
        result.RevisedLifetimeCount = wanted.RequestedLifetimeCount
        result.RevisedMaxKeepAliveCount = max(1, wanted.RequestedMaxKeepAliveCount)
        made = Subscription(
            result.SubscriptionId, wanted.RequestedPublishingInterval / 1000, result.RevisedMaxKeepAliveCount
        )
        self.subscriptions[made.id] = made
        self._spawn(self._publish(made))

    def _on_createmonitoreditems(self, request: Any, response: Any) -> None:
        subscription = self.subscriptions[request.Parameters.SubscriptionId]
        for item in request.Parameters.ItemsToCreate:
            asked = item.RequestedParameters
            name = item.ItemToMonitor.NodeId.Identifier
            subscription.handles[asked.ClientHandle] = name
            self._told.pop((subscription.id, name), None)
            self.withheld.discard(name)
            response.Results.append(
                ua.MonitoredItemCreateResult(
                    MonitoredItemId=asked.ClientHandle,
                    RevisedSamplingInterval=asked.SamplingInterval,
                    RevisedQueueSize=asked.QueueSize,
                )
            )

    def _on_deletemonitoreditems(self, request: Any, response: Any) -> None:
        for handle in request.Parameters.MonitoredItemIds:
            self.subscriptions[request.Parameters.SubscriptionId].handles.pop(handle, None)
            response.Results.append(ua.StatusCode())

    def _on_setpublishingmode(self, request: Any, response: Any) -> None:
        response.Parameters.Results = [ua.StatusCode() for _ in request.Parameters.SubscriptionIds]

    def _on_deletesubscriptions(self, request: Any, response: Any) -> None:
        for number in request.Parameters.SubscriptionIds:
            self.subscriptions.pop(number, None)
            response.Results.append(ua.StatusCode())

    def _on_transfersubscriptions(self, request: Any, response: Any) -> None:
        for number in request.Parameters.SubscriptionIds:
            found = self.subscriptions.get(number)
            is_given = found is not None and self.gives
            self._publishing.clear()
            response.Parameters.Results.append(
                ua.TransferResult(
                    StatusCode=ua.StatusCode(ua.UInt32(GOOD if is_given else BAD_SUBSCRIPTION)),
                    AvailableSequenceNumbers=list(found.sent) if is_given and found is not None else [],
                )
            )

    # --- publishing ---

    def on_publish(self, connection: Connection, request: Any, request_id: int) -> None:
        """A publish request waits, or is too many."""
        now = time.monotonic()
        for entry in request.Parameters.SubscriptionAcknowledgements or []:
            self.acknowledged.append((int(entry.SequenceNumber), now))
            if (found := self.subscriptions.get(entry.SubscriptionId)) is not None:
                found.sent.pop(int(entry.SequenceNumber), None)
        handle = int(request.RequestHeader.RequestHandle)
        if not self.subscriptions:
            connection.fault(handle, request_id, BAD_NO_SUBSCRIPTION)
            return
        self._publishing.append((connection, handle, request_id))
        self.waited = max(self.waited, len(self._publishing))
        if len(self._publishing) > self.most_publish:
            old, old_handle, old_id = self._publishing.popleft()
            old.fault(old_handle, old_id, BAD_TOO_MANY_PUBLISH)
        for subscription in self.subscriptions.values():
            self._flush(subscription)

    def on_republish(self, request: Any) -> bytes | None:
        """The answer to a Republish, None = no longer kept."""
        found = self.subscriptions.get(request.Parameters.SubscriptionId)
        number = int(request.Parameters.RetransmitSequenceNumber)
        message = None if found is None else found.sent.get(number)
        if message is None:
            return None
        head = struct.pack("<HqII", 835, ticks(), int(request.RequestHeader.RequestHandle), GOOD)
        return b"\x01\x00" + head + b"\x00" + struct.pack("<i", 0) + b"\x00\x00\x00" + message

    async def _publish(self, subscription: Subscription) -> None:
        due = time.monotonic()
        while subscription.id in self.subscriptions:
            due += subscription.interval
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            body = None if self.is_dead else self.body(subscription)
            if body is not None:
                subscription.waiting.append(body)
            self._flush(subscription)
            if body is None and not subscription.waiting:
                subscription.idle += 1
                if subscription.idle >= subscription.keep_alive:
                    self._answer(subscription, [], subscription.sequence + 1)

    def _flush(self, subscription: Subscription) -> None:
        while subscription.waiting and self._publishing:
            body = subscription.waiting.popleft()
            subscription.sequence += 1
            parts = [(811, body)]
            subscription.sent[subscription.sequence] = notification(subscription.sequence, parts)
            while len(subscription.sent) > self.retained:
                del subscription.sent[next(iter(subscription.sent))]
            self._answer(subscription, parts, subscription.sequence)

    def _answer(self, subscription: Subscription, parts: list[tuple[int, bytes]], sequence: int) -> None:
        if not self._publishing or self.is_mute:
            return
        connection, handle, request_id = self._publishing.popleft()
        more = bool(subscription.waiting)
        subscription.idle = 0
        data = publish_response(handle, subscription.id, list(subscription.sent), sequence, parts, more=more)
        connection.send(request_id, self.spoil("Publish", data))

    def _changes(self, subscription: Subscription) -> bytes | None:
        now = dt.datetime.now(dt.UTC)
        changed = []
        for handle, name in subscription.handles.items():
            value = None if name in self.withheld else self.values.get(name)
            if value is not None and self._told.get((subscription.id, name)) != value:
                self._told[subscription.id, name] = value
                changed.append((handle, ua.DataValue(ua.Variant(value), ua.StatusCode(), now, now)))
        return data_change(changed) if changed else None
