"""A subscription that loses nothing silently: explicit queues, every result checked, every hole reported.

Queues in the server hold three publishing intervals of values (at least ten). Values that the server threw
away carry its overflow bit; messages that went missing show in the sequence numbers and are asked for again
(Republish). What cannot be had is reported tag by tag between the two values around the hole. A message is
acknowledged when its values are on disk (`receipts`). A subscription outlives its connection: a new session to
the same server takes it over with everything the server has kept meanwhile (`move`).
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import math
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from asyncua import ua

from iiotctl import quality
from iiotctl.events import Event, Level
from iiotctl.samples import MAX_AHEAD_US, concat
from iiotctl.site.sources import OpcUaSource
from iiotctl.site.units import format_duration
from iiotctl.sources.base import CapturedTag, Sink, SourceContext, SourceStatus
from iiotctl.sources.opcua.book import Book, Hole, micros_of
from iiotctl.sources.opcua.chain import Chain
from iiotctl.sources.opcua.changes import Changes
from iiotctl.sources.opcua.denial import denied
from iiotctl.sources.opcua.failures import ServiceError, SessionLostError
from iiotctl.sources.opcua.items import Items
from iiotctl.sources.opcua.limits import family_of, publish_of
from iiotctl.sources.opcua.notification import Message, Published
from iiotctl.sources.opcua.pacing import Timing
from iiotctl.sources.opcua.publish import Publisher, SubscriptionGoneError
from iiotctl.sources.opcua.receipts import Receipts
from iiotctl.sources.opcua.resolve import Item, Refused
from iiotctl.sources.opcua.session import Session
from iiotctl.sources.opcua.vitals import Vitals

_LIFETIME_S: Final = 60.0
_CALM: Final = 2.0
"""Publishing intervals after a move until a value that was not told of counts as unchanged."""


class Subscription:
    """One subscription of a session, then of the next one; see the module's docstring.

    Args:
        on_refused: told of items that the server gave up while running, or whose value it denies.
        tell: emits an event once per (slug, text) of the source.
        changing: held while items are added or removed.

    Attributes:
        last_publish: seconds of `context.monotonic`, the last answer to a publish request.
        last_publish_us: wall clock of it, µs UTC.
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
        status: SourceStatus | None = None,
        timing: Timing | None = None,
        changing: asyncio.Lock | None = None,
    ) -> None:
        self._session = session
        self._config = config
        self._context = context
        self._sink = sink
        self._tell = tell
        self._on_refused = on_refused
        self._status = status or SourceStatus("", config.url)
        self._timing = timing or Timing()
        self._family = family_of(config)
        self._book = Book()
        self._items = Items(session, config, self._family, self._book, tell)
        self._receipts = Receipts()
        self._id: int | None = None
        self._publish_s = publish_of(config, self._family)
        self._keep_alive_s = self._publish_s
        self._chain = Chain(session, self._book, tell)
        self._created_us = 0
        self._kept: list[int] | None = None
        self._held: list[Message] | None = None
        """After a move: messages that were fetched, until something is published; None = it publishes."""
        self._is_moved = False
        self._calm_at: float | None = None
        self._changing = changing or asyncio.Lock()
        self._vitals = Vitals(session, self._book, context, self._timing, self._revive)
        self.last_publish = context.monotonic()
        self.last_publish_us = context.now_us()

    @property
    def is_open(self) -> bool:
        """The server has it."""
        return self._id is not None

    def asks(self, _code: int) -> bool:
        """False: what the server denied is asked for anew, its item may never report again."""
        return False

    def watches(self, captured: CapturedTag) -> bool:
        """True when there is an item for just this tag."""
        handle = self._book.handle_of(captured.code)
        return handle is not None and self._book.entries[handle].item.captured == captured

    @property
    def codes(self) -> list[int]:
        """Tags that are watched."""
        return [entry.item.captured.code for entry in self._book.entries.values()]

    # --- opening and items ---

    async def open(self) -> None:
        """Create the subscription on the server.

        Raises:
            ServiceError: the server refuses it.
            SessionLostError: the connection is gone.
        """
        wanted_s = self._publish_s
        count = max(1, math.floor(max(wanted_s, min(5.0, self._config.timeout)) / wanted_s))
        request = ua.CreateSubscriptionRequest()
        parameters = request.Parameters
        parameters.RequestedPublishingInterval = ua.Double(wanted_s * 1000)
        parameters.RequestedMaxKeepAliveCount = ua.UInt32(count)
        parameters.RequestedLifetimeCount = ua.UInt32(max(3 * count, math.ceil(_LIFETIME_S / wanted_s)))
        parameters.MaxNotificationsPerPublish = ua.UInt32(0)
        parameters.PublishingEnabled = True
        parameters.Priority = ua.Byte(0)
        response = (await self._session.call(request, ua.CreateSubscriptionResponse)).Parameters
        self._id = self._items.subscription = self._chain.subscription = int(response.SubscriptionId)
        self._publish_s = self._items.publish_s = float(response.RevisedPublishingInterval) / 1000 or wanted_s
        self._keep_alive_s = self._publish_s * max(1, int(response.RevisedMaxKeepAliveCount))
        self.last_publish = self._context.monotonic()
        self._created_us = self.last_publish_us = self._context.now_us()
        self._vitals.begin(self._session, self._publish_s)
        if self._publish_s > wanted_s * 1.01:
            text = (
                f"the server publishes every {format_duration(self._publish_s)} instead of {format_duration(wanted_s)}"
            )
            self._tell(Event(Level.NOTICE, "publish-revised", text))

    async def add(self, items: Sequence[Item]) -> list[Refused]:
        """Watch more items; see `Items.add`."""
        return await self._items.add(items)

    async def remove(self, codes: Sequence[int]) -> None:
        """Stop watching tags by code; unknown ones are ignored."""
        await self._items.remove(codes)

    async def _revive(self, handles: Sequence[int]) -> None:
        """Make dead items anew; what they missed is a hole of their tags.

        Raises:
            SubscriptionGoneError: the server does not let us.
        """
        async with self._changing:
            dead = [self._book.silence(handle) for handle in handles if handle in self._book.entries]
            for entry, ts in dead:
                since = (
                    "from the start" if ts is None else f"since {dt.datetime.fromtimestamp(ts / 1e6, dt.UTC):%H:%M:%SZ}"
                )
                text = f"it changed in the server, which has said nothing of it {since}; it is watched anew"
                self._tell(Event(Level.WARNING, "item-dead", text, tag=entry.item.captured.tag.name))
            try:
                await self.remove([entry.item.captured.code for entry, _ in dead])
                refused = await self.add([entry.item for entry, _ in dead])
            except ServiceError as error:
                raise SubscriptionGoneError(f"dead items could not be made anew ({error})") from None
        for each in refused:
            self._on_refused(each)

    # --- moving to another session ---

    async def move(self, session: Session) -> bool:
        """Take the subscription over to a new session; False when the server does not give it.

        Ids are used again after a restart, so the server must be the same run of it; else the subscription of
        that id may be another client's.

        Raises:
            SessionLostError: the new connection is gone as well.
        """
        is_same_run = session.server_started is not None and session.server_started == self._session.server_started
        if self._id is None or not is_same_run:
            return False
        request = ua.TransferSubscriptionsRequest()
        request.Parameters.SubscriptionIds = [ua.UInt32(self._id)]
        request.Parameters.SendInitialValues = False
        try:
            response = await session.call(request, ua.TransferSubscriptionsResponse)
        except ServiceError:
            return False
        results = list(response.Parameters.Results or [])
        if len(results) != 1 or int(results[0].StatusCode.value) >> 31:
            return False
        self._session = self._items.session = self._chain.session = session
        self._is_moved = True
        self._kept, self._held = [int(number) for number in results[0].AvailableSequenceNumbers or []], []
        self._vitals.begin(session, self._publish_s)
        self.last_publish = self._context.monotonic()
        return True

    def _release(self) -> None:
        """The gap since the lost session is withdrawn, what was fetched takes its place.

        Not before something is published: some servers say that they gave the subscription and then keep silent.
        """
        held, self._held = self._held or [], None
        self._sink.bridged()
        self._book.ask_confirmation()
        self._calm_at = self._context.monotonic() + _CALM * self._publish_s
        for message in held:
            self._take(message)

    def _confirm(self) -> None:
        """After a move: what did not change while the connection was away is told again, so that it counts as known."""
        self._calm_at = None
        batch = self._book.confirm(self.last_publish_us)
        if batch is not None:
            self._sink.samples(batch)

    # --- receiving ---

    async def run(self) -> None:
        """Deliver until the subscription or the session is gone.

        Raises:
            SubscriptionGoneError, SessionLostError
        """
        sides = [asyncio.create_task(self._lost()), asyncio.create_task(self._vitals.watch())]
        publisher = Publisher(
            self._session, self._receipts, self._id or 0, self._publish_s, self._family.publish_requests
        )
        try:
            if self._kept is not None and self._held is not None:
                kept, self._kept = self._kept, None
                self._receipts.again(await self._chain.catch_up(kept, self._held.append))
                self.last_publish = self._context.monotonic()
            await publisher.run(
                self.receive, patience=self._patience, on_undecodable=self._chain.not_understood, sides=sides
            )
        except (SubscriptionGoneError, SessionLostError):
            if self._held:  # the failure that is told next begins behind these values
                self._release()
            raise
        finally:
            for task in sides:
                task.cancel()
            await asyncio.gather(*sides, return_exceptions=True)

    async def _lost(self) -> None:
        raise await self._session.wait_lost()

    def _patience(self) -> float:
        """Seconds until silence means that the subscription is dead: two keep-alives missed.

        After a move nothing more is allowed: it may be one of those that never publish again.
        """
        late = self._config.timeout if self._held is None else 2 * self._session.round_trip
        allowed = 2 * self._keep_alive_s + late
        return max(0.0, self.last_publish + allowed - self._context.monotonic())

    async def receive(self, published: Published) -> None:
        """Take one publish response: check its place in the sequence, hand its values on."""
        if published.subscription != self._id:
            return  # of a subscription that was just given up
        if self._book.is_foreign(published.message.changes):
            self._chain.not_understood()
            return
        self.last_publish = self._context.monotonic()
        self.last_publish_us = self._context.now_us()
        self._receipts.held(published.available)
        self._vitals.published()
        message = published.message
        if self._held is not None:
            self._release()
        if self._chain.is_repeated(message):
            self._receipts.again([message.sequence])
            return
        await self._chain.place(message, self._take)
        if not published.more:
            self._status.alive_at = self._written(message)
        if not message.is_empty:
            self._chain.came(message)
            self._take(message)
        self._settle(published)

    def _written(self, message: Message) -> int:
        """When a message was written, µs UTC of the server's clock: no change before it is still to come.

        Not when it came: on a slow line that is later, and what changed in between was in none of the messages.
        """
        if message.published:
            at = int(micros_of(np.array([message.published], np.int64))[0])
            if abs(at - self.last_publish_us) < MAX_AHEAD_US:
                return at
        return self.last_publish_us - round(1e6 * (self._publish_s + self._session.round_trip))

    def _settle(self, published: Published) -> None:
        if self._calm_at is not None and not published.more and self._context.monotonic() >= self._calm_at:
            self._confirm()

    def _take(self, message: Message) -> None:
        durable = self._receipts.received(message.sequence)
        if message.changes:
            self._vitals.delivered([part.handle for part in message.changes], self._status.alive_at)
        self._deliver(message.changes, durable)
        # a Good status says that it moved: to this session, or else to another client
        if message.ended is not None and (message.ended >> 30 or not self._is_moved):
            raise SubscriptionGoneError(f"the server ended it ({quality.name(message.ended)})")

    def _deliver(self, parts: Sequence[Changes], durable: Callable[[], None]) -> None:
        taken = [self._book.take(part, self.last_publish_us) for part in parts]
        for hole in (hole for each in taken for hole in each.holes):
            self._report_hole(hole)
        batch = concat([each.batch for each in taken])
        if len(batch):
            self._sink.samples(batch, durable)
        else:
            durable()
        for entry, status in (pair for each in taken for pair in each.denied):
            self._on_refused(denied(entry.item.captured, status))

    def _report_hole(self, hole: Hole) -> None:
        tag = hole.entry.item.captured
        start = (self._created_us if hole.after is None else hole.after) + 1
        if start <= hole.before - 1:
            self._sink.lost([tag.code], hole.reason, start, hole.before - 1)
        if hole.overflown:
            text = "values changed faster than the server's queue holds: raise `queue`, or `period`"
            self._tell(Event(Level.WARNING, "queue-overflow", text, tag=tag.tag.name))

    # --- the end ---

    def abandon(self) -> None:
        """No value will come any more: holes that no later value ended are reported up to the last answer."""
        for hole in self._book.end_holes(self.last_publish_us + 1):
            self._report_hole(hole)

    async def close(self) -> None:
        """Delete the subscription on the server; never raises."""
        self.abandon()
        if self._id is None:
            return
        request = ua.DeleteSubscriptionsRequest()
        request.Parameters.SubscriptionIds = [ua.UInt32(self._id)]
        with contextlib.suppress(ServiceError, SessionLostError):
            await self._session.call(request, ua.DeleteSubscriptionsResponse)
        self._id = None
