"""A subscription that loses nothing silently: explicit queues, every result checked, every hole reported.

Queues in the server hold three publishing intervals of values (at least ten). Values that the server threw
away carry its overflow bit; messages that went missing show in the sequence numbers and are asked for
again (Republish). What cannot be had is reported tag by tag between the two values around the hole.
`receive` is the seam where a faster decoder takes the place of asyncua's.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from asyncua import ua

from iiotctl import quality
from iiotctl.events import Event, Level
from iiotctl.samples import GapReason
from iiotctl.site.sources import OpcUaSource
from iiotctl.site.units import format_duration
from iiotctl.sources.base import Sink, SourceContext
from iiotctl.sources.opcua.convert import OVERFLOW, Rule, to_batch
from iiotctl.sources.opcua.denial import SUSPECTS, denial, denied
from iiotctl.sources.opcua.failures import ServiceError, SessionLostError
from iiotctl.sources.opcua.monitored import (
    Watched,
    item_request,
    raw_deadband,
    relax,
    revised,
)
from iiotctl.sources.opcua.planning import period_of, queue_size
from iiotctl.sources.opcua.resolve import Item, Refused
from iiotctl.sources.opcua.session import Session, batches

OUTSTANDING: Final = 2
"""Publish requests that wait at the server, so that one is always there while an answer travels."""
_LIFETIME_S: Final = 60.0
_MOST_REPUBLISHED: Final = 100
_WRAP: Final = 0xFFFF_FFFF
_SUSPECTS: Final = np.array(sorted(SUSPECTS), np.uint32)
_TOO_MANY_PUBLISH: Final = quality.CODES["BadTooManyPublishRequests"]
_NO_SUBSCRIPTION: Final = frozenset(quality.CODES[name] for name in ("BadNoSubscription", "BadSubscriptionIdInvalid"))


class SubscriptionGoneError(Exception):
    """The server dropped the subscription, or keeps silent about it; the session may live on."""


def following(sequence: int) -> int:
    """The sequence number after `sequence`; 0 is never used (OPC 10000-4 §7.25)."""
    return 1 if sequence == _WRAP else sequence + 1


class Subscription:
    """One subscription of a session; see the module's docstring.

    Args:
        on_refused: told of items that the server gave up while running, or whose value it denies.
        tell: emits an event once per (slug, text) of the source.
    """

    def __init__(
        self,
        session: Session,
        config: OpcUaSource,
        context: SourceContext,
        sink: Sink,
        *,
        tell: Callable[[Event], None],
        on_refused: Callable[[Refused], None],
    ) -> None:
        self._session = session
        self._config = config
        self._context = context
        self._sink = sink
        self._tell = tell
        self._on_refused = on_refused
        self._id: int | None = None
        self._publish_s = config.publish
        self._keep_alive_s = config.publish
        self._watched: dict[int, Watched] = {}
        self._handle_of: dict[int, int] = {}
        self._next_handle = 1
        self._acknowledge: list[Any] = []
        self._sequence: int | None = None
        self._created_us = 0
        self.last_publish = context.monotonic()
        self.last_publish_us = context.now_us()

    def asks(self, _code: int) -> bool:
        """False: what the server denied is asked for anew, its item may never report again."""
        return False

    # --- opening and items ---

    async def open(self) -> None:
        """Create the subscription on the server.

        Raises:
            ServiceError: the server refuses it.
            SessionLostError: the connection is gone.
        """
        alive_s = max(self._config.publish, min(5.0, self._config.timeout))
        count = max(1, math.floor(alive_s / self._config.publish))
        request = ua.CreateSubscriptionRequest()
        parameters = request.Parameters
        parameters.RequestedPublishingInterval = ua.Double(self._config.publish * 1000)
        parameters.RequestedMaxKeepAliveCount = ua.UInt32(count)
        parameters.RequestedLifetimeCount = ua.UInt32(max(3 * count, math.ceil(_LIFETIME_S / self._config.publish)))
        parameters.MaxNotificationsPerPublish = ua.UInt32(0)
        parameters.PublishingEnabled = True
        parameters.Priority = ua.Byte(0)
        response = (await self._session.call(request, ua.CreateSubscriptionResponse)).Parameters
        self._id = int(response.SubscriptionId)
        self._publish_s = float(response.RevisedPublishingInterval) / 1000 or self._config.publish
        self._keep_alive_s = self._publish_s * max(1, int(response.RevisedMaxKeepAliveCount))
        self.last_publish = self._context.monotonic()
        self._created_us = self.last_publish_us = self._context.now_us()
        if self._publish_s > self._config.publish * 1.01:
            text = (
                f"the server publishes every {format_duration(self._publish_s)} "
                f"instead of {format_duration(self._config.publish)}"
            )
            self._tell(Event(Level.NOTICE, "publish-revised", text))

    async def add(self, items: Sequence[Item]) -> list[Refused]:
        """Watch more items; returns those that the server refuses.

        Raises:
            ServiceError, SessionLostError: see `Session.call`.
        """
        publish_s = max(self._publish_s, self._config.publish)
        watched = []
        for item in items:
            period = period_of(item.captured, self._config)
            queue = queue_size(publish_s, period, self._config.queue)
            deadband = raw_deadband(item.captured) if item.numeric else None
            watched.append(Watched(item, item.rule, period, queue, deadband, self._config.trigger))
        refused: list[Refused] = []
        for batch in batches(watched, self._session.limits.monitored_items):
            refused += await self._create(list(batch))
        return refused

    async def _create(self, watched: list[Watched]) -> list[Refused]:
        """One CreateMonitoredItems; what is refused for its filter or index range is asked for again without."""
        handles = []
        for entry in watched:
            handles.append(self._next_handle)
            self._watched[self._next_handle] = entry
            self._next_handle += 1
        request = ua.CreateMonitoredItemsRequest()
        request.Parameters.SubscriptionId = ua.UInt32(self._id or 0)
        request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
        request.Parameters.ItemsToCreate = [
            item_request(handle, entry) for handle, entry in zip(handles, watched, strict=True)
        ]
        response = await self._session.call(request, ua.CreateMonitoredItemsResponse)
        results = list(response.Results or [])
        if len(results) != len(watched):
            raise ServiceError("CreateMonitoredItems", quality.CODES["BadUnknownResponse"])
        refused, again = [], []
        for handle, entry, result in zip(handles, watched, results, strict=True):
            status = int(result.StatusCode.value)
            if not status >> 31:
                entry.id = int(result.MonitoredItemId)
                self._handle_of[entry.item.captured.code] = handle
                continue
            del self._watched[handle]
            relaxed = relax(entry, status)
            if relaxed:
                again.append(entry)
                if isinstance(relaxed, Event):
                    self._tell(relaxed)
            else:
                reason = f"the server refuses to watch it ({quality.name(status)})"
                refused.append(Refused(entry.item.captured, status, reason))
        created = [pair for pair in zip(watched, results, strict=True) if pair[0].id is not None]
        for event in revised(created):
            self._tell(event)
        return refused + (await self._create(again) if again else [])

    async def remove(self, codes: Sequence[int]) -> None:
        """Stop watching tags by code; unknown ones are ignored."""
        ids = []
        for code in codes:
            handle = self._handle_of.pop(code, None)
            entry = None if handle is None else self._watched.pop(handle, None)
            if entry is not None and entry.id is not None:
                ids.append(ua.UInt32(entry.id))
        for batch in batches(ids, self._session.limits.monitored_items):
            request = ua.DeleteMonitoredItemsRequest()
            request.Parameters.SubscriptionId = ua.UInt32(self._id or 0)
            request.Parameters.MonitoredItemIds = list(batch)
            with contextlib.suppress(ServiceError):  # the server dropped them already
                await self._session.call(request, ua.DeleteMonitoredItemsResponse)

    # --- receiving ---

    async def run(self) -> None:
        """Deliver until the subscription or the session is gone.

        Raises:
            SubscriptionGoneError, SessionLostError
        """
        outstanding = OUTSTANDING
        waiting: deque[asyncio.Task[Any]] = deque()
        gone = asyncio.create_task(self._session.wait_lost())
        try:
            while True:
                while len(waiting) < outstanding:
                    waiting.append(asyncio.create_task(self._publish()))
                await asyncio.wait({waiting[0], gone}, timeout=self._patience(), return_when=asyncio.FIRST_COMPLETED)
                if gone.done():
                    raise gone.result()
                if not waiting[0].done():
                    if self._patience() <= 0:
                        silent = format_duration(round(self._context.monotonic() - self.last_publish, 1))
                        raise SubscriptionGoneError(f"nothing published for {silent}")
                    continue
                try:
                    response = waiting.popleft().result()
                except ServiceError as error:
                    if error.code == _TOO_MANY_PUBLISH and outstanding > 1:
                        outstanding -= 1
                        continue
                    await self._after_error(error)
                    continue
                await self.receive(response)
        finally:
            for task in (*waiting, gone):
                task.cancel()
            await asyncio.gather(*waiting, gone, return_exceptions=True)

    def _patience(self) -> float:
        """Seconds until silence means that the subscription is dead: two keep-alives missed."""
        allowed = 2 * self._keep_alive_s + self._config.timeout
        return max(0.0, self.last_publish + allowed - self._context.monotonic())

    async def _publish(self) -> Any:
        request = ua.PublishRequest()
        request.Parameters.SubscriptionAcknowledgements, self._acknowledge = self._acknowledge, []
        return await self._session.call(request, ua.PublishResponse, wait=0)

    async def _after_error(self, error: ServiceError) -> None:
        if error.code in _NO_SUBSCRIPTION:
            raise SubscriptionGoneError(f"the server dropped it ({quality.name(error.code)})")
        if error.code == quality.BAD_DECODING_ERROR:
            self._suspect_all("a notification could not be decoded")
            return
        if error.code != quality.BAD_TIMEOUT:
            raise SubscriptionGoneError(f"publishing failed ({quality.name(error.code)})")
        await asyncio.sleep(0.05)  # a server that answers "timeout" at once must not make us spin

    def _suspect_all(self, text: str) -> None:
        for entry in self._watched.values():
            entry.suspect = True
        self._tell(Event(Level.WARNING, "notification-lost", f"{text}; the holes are marked tag by tag"))

    async def receive(self, response: Any) -> None:
        """Take one publish response: check its place in the sequence, hand its values on."""
        result = response.Parameters
        if int(result.SubscriptionId) != self._id:
            return  # of a subscription that was just given up
        self.last_publish = self._context.monotonic()
        self.last_publish_us = self._context.now_us()
        message = result.NotificationMessage
        data = message.NotificationData or []
        sequence = int(message.SequenceNumber)
        if not data and sequence == self._sequence:
            return  # some servers put the last number, not the next one, into a keep-alive
        if self._sequence is not None and sequence != following(self._sequence):
            await self._fetch_missing(following(self._sequence), sequence)
        if not data:  # keep-alive: carries the number of the next message
            self._sequence = None if sequence == 0 else sequence - 1 or _WRAP
            return
        self._sequence = sequence
        self._acknowledge.append(
            ua.SubscriptionAcknowledgement(SubscriptionId=ua.UInt32(self._id or 0), SequenceNumber=ua.UInt32(sequence))
        )
        self._take(data)

    async def _fetch_missing(self, first: int, before: int) -> None:
        """Ask again for the messages from `first` up to, not including, `before`."""
        missing = (before - first) % _WRAP
        number = first
        for _ in range(missing if missing <= _MOST_REPUBLISHED else 0):
            request = ua.RepublishRequest()
            request.Parameters.SubscriptionId = ua.UInt32(self._id or 0)
            request.Parameters.RetransmitSequenceNumber = ua.UInt32(number)
            try:
                response = await self._session.call(request, ua.RepublishResponse)
            except ServiceError:
                break
            self._take(response.NotificationMessage.NotificationData or [])
            number = following(number)
            missing -= 1
        if missing:
            self._suspect_all(f"{missing} notifications of the server never arrived")

    def _take(self, data: Sequence[Any]) -> None:
        ended: int | None = None
        rows: list[tuple[Rule, Any]] = []
        entries: list[Watched] = []
        for part in data:
            if isinstance(part, ua.DataChangeNotification):
                for value in part.MonitoredItems or []:
                    entry = self._watched.get(int(value.ClientHandle))
                    if entry is not None:
                        rows.append((entry.rule, value.Value))
                        entries.append(entry)
            elif isinstance(part, ua.StatusChangeNotification):
                ended = int(part.Status.value)
        self._deliver(rows, entries)
        if ended is not None:
            raise SubscriptionGoneError(f"the server ended it ({quality.name(ended)})")

    def _deliver(self, rows: list[tuple[Rule, Any]], entries: list[Watched]) -> None:
        batch = to_batch(rows, self.last_publish_us)
        if batch is None:
            return
        suspects = np.isin(batch.quality & np.uint32(0xFFFF0000), _SUSPECTS)
        denials = {at: status for at in np.flatnonzero(suspects).tolist() if (status := denial(rows[at][1]))}
        for entry, ts, status in zip(entries, batch.ts.tolist(), batch.quality.tolist(), strict=True):
            if entry.suspect or status & OVERFLOW == OVERFLOW:
                self._report_hole(entry, ts)
            entry.last_ts, entry.suspect = ts, False
        if not denials:
            self._sink.samples(batch)
            return
        kept = np.ones(len(batch), np.bool_)
        kept[list(denials)] = False
        if kept.any():
            self._sink.samples(batch.take(kept))
        for position, status in denials.items():
            self._on_refused(denied(entries[position].item.captured, status))

    def _report_hole(self, entry: Watched, ts: int) -> None:
        tag = entry.item.captured
        start = (self._created_us if entry.last_ts is None else entry.last_ts) + 1
        if start <= ts - 1:
            self._sink.lost([tag.code], GapReason.OVERFLOW, start, ts - 1)
        self._tell(
            Event(
                Level.WARNING,
                "queue-overflow",
                "values changed faster than the server's queue holds: raise `queue`, or `period`",
                tag=tag.tag.name,
            )
        )

    async def close(self) -> None:
        """Delete the subscription on the server; never raises."""
        if self._id is None:
            return
        request = ua.DeleteSubscriptionsRequest()
        request.Parameters.SubscriptionIds = [ua.UInt32(self._id)]
        with contextlib.suppress(ServiceError, SessionLostError):
            await self._session.call(request, ua.DeleteSubscriptionsResponse)
        self._id = None
