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
import math
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from asyncua import ua

from iiotctl import quality
from iiotctl.events import Event, Level
from iiotctl.samples import MAX_AHEAD_US, GapReason, concat
from iiotctl.site.sources import OpcUaSource
from iiotctl.site.units import format_duration
from iiotctl.sources.base import CapturedTag, Sink, SourceContext, SourceStatus
from iiotctl.sources.opcua.book import Book, Hole, micros_of
from iiotctl.sources.opcua.changes import Changes
from iiotctl.sources.opcua.denial import denied
from iiotctl.sources.opcua.failures import ServiceError, SessionLostError
from iiotctl.sources.opcua.items import Items
from iiotctl.sources.opcua.limits import family_of, publish_of
from iiotctl.sources.opcua.notification import Message, Published, decode_republish
from iiotctl.sources.opcua.pacing import Timing
from iiotctl.sources.opcua.publish import Publisher, SubscriptionGoneError
from iiotctl.sources.opcua.receipts import Receipts
from iiotctl.sources.opcua.resolve import Item, Refused
from iiotctl.sources.opcua.sequence import distance, following, is_after, oldest, preceding
from iiotctl.sources.opcua.session import Session
from iiotctl.sources.opcua.vitals import Vitals
from iiotctl.sources.opcua.wire import MalformedError

_LIFETIME_S: Final = 60.0
_MOST_REPUBLISHED: Final = 100
_CALM: Final = 2.0
"""Publishing intervals after a move until a value that was not told of counts as unchanged."""
_NOT_KEPT: Final = quality.CODES["BadMessageNotAvailable"]


class Subscription:
    """One subscription of a session, then of the next one; see the module's docstring.

    Args:
        on_refused: told of items that the server gave up while running, or whose value it denies.
        tell: emits an event once per (slug, text) of the source.

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
        self._sequence: int | None = None
        self._created_us = 0
        self._kept: list[int] | None = None
        self._calm_at: float | None = None
        self._vitals = Vitals(session, self._book, context, self._publish_s, self._timing)
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
        self._id = self._items.subscription = int(response.SubscriptionId)
        self._publish_s = self._items.publish_s = float(response.RevisedPublishingInterval) / 1000 or wanted_s
        self._keep_alive_s = self._publish_s * max(1, int(response.RevisedMaxKeepAliveCount))
        self.last_publish = self._context.monotonic()
        self._created_us = self.last_publish_us = self._context.now_us()
        self._vitals = Vitals(self._session, self._book, self._context, self._publish_s, self._timing)
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
        self._session = self._items.session = session
        self._kept = [int(number) for number in results[0].AvailableSequenceNumbers or []]
        self._vitals = Vitals(session, self._book, self._context, self._publish_s, self._timing)
        self.last_publish = self._context.monotonic()
        return True

    async def _catch_up(self, kept: list[int]) -> None:
        """Fetch what the server could not deliver to the lost session."""
        self._sink.bridged()
        self._book.ask_confirmation()
        self._calm_at = self._context.monotonic() + _CALM * self._publish_s
        if not kept:
            return
        last = preceding(oldest(kept)) if self._sequence is None else self._sequence
        self._receipts.again(number for number in kept if not is_after(number, last))
        later = [number for number in kept if is_after(number, last)]
        if later:
            newest = max(later, key=lambda number: distance(last, number))
            await self._fetch_missing(following(last), following(newest))
            self._sequence = newest

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
            if self._kept is not None:
                kept, self._kept = self._kept, None
                await self._catch_up(kept)
            await publisher.run(self.receive, patience=self._patience, on_undecodable=self._not_understood, sides=sides)
        finally:
            for task in sides:
                task.cancel()
            await asyncio.gather(*sides, return_exceptions=True)

    async def _lost(self) -> None:
        raise await self._session.wait_lost()

    def _patience(self) -> float:
        """Seconds until silence means that the subscription is dead: two keep-alives missed."""
        allowed = 2 * self._keep_alive_s + self._config.timeout
        return max(0.0, self.last_publish + allowed - self._context.monotonic())

    def _not_understood(self) -> None:
        self._book.suspect_all()
        self._tell_lost("a notification could not be decoded")

    def _tell_lost(self, text: str) -> None:
        self._tell(Event(Level.WARNING, "notification-lost", f"{text}; the holes are marked tag by tag"))

    async def receive(self, published: Published) -> None:
        """Take one publish response: check its place in the sequence, hand its values on."""
        if published.subscription != self._id:
            return  # of a subscription that was just given up
        self.last_publish = self._context.monotonic()
        self.last_publish_us = self._context.now_us()
        self._receipts.held(published.available)
        message = published.message
        if not published.more:
            self._status.alive_at = self._written(message)
        sequence = message.sequence
        # some servers put the last number, or none, into a keep-alive instead of the next one
        if not (message.is_empty and sequence in (0, self._sequence)):
            await self._fill(sequence)
            if message.is_empty:
                self._sequence = preceding(sequence)
            else:
                self._sequence = sequence
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

    async def _fill(self, sequence: int) -> None:
        """Fetch what should have come before the message of this number; the first one has number 1."""
        if self._sequence is not None:
            expected = following(self._sequence)
        else:  # a server that counts from elsewhere is believed
            expected = 1 if sequence <= _MOST_REPUBLISHED else sequence
        if sequence != expected:
            await self._fetch_missing(expected, sequence)

    def _settle(self, published: Published) -> None:
        if self._calm_at is not None and not published.more and self._context.monotonic() >= self._calm_at:
            self._confirm()

    async def _fetch_missing(self, first: int, before: int) -> None:
        """Ask again for the messages from `first` up to, not including, `before`."""
        missing = distance(first, before)
        number, lost = first, 0
        for done in range(missing if missing <= _MOST_REPUBLISHED else 0):
            try:
                message = await self._republish(number)
            except ServiceError as error:
                self._book.suspect_all()
                if error.code != _NOT_KEPT:
                    lost += missing - done
                    break
                lost += 1
            else:
                self._take(message)
            number = following(number)
        if missing > _MOST_REPUBLISHED:
            self._book.suspect_all()
            lost = missing
        if lost:
            self._tell_lost(f"{lost} notifications of the server never arrived")

    async def _republish(self, number: int) -> Message:
        request = ua.RepublishRequest()
        request.Parameters.SubscriptionId = ua.UInt32(self._id or 0)
        request.Parameters.RetransmitSequenceNumber = ua.UInt32(number)
        data = await self._session.ask(request)
        try:
            result, message = decode_republish(data)
        except MalformedError:
            raise ServiceError("Republish", quality.BAD_DECODING_ERROR) from None
        self._session.judge("Republish", result)
        return message

    def _take(self, message: Message) -> None:
        durable = self._receipts.received(message.sequence)
        if message.changes:
            self._vitals.delivered(self._status.alive_at)
        self._deliver(message.changes, durable)
        if message.ended is not None:
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
            self._sink.lost([tag.code], GapReason.OVERFLOW, start, hole.before - 1)
        if hole.overflown:
            text = "values changed faster than the server's queue holds: raise `queue`, or `period`"
            self._tell(Event(Level.WARNING, "queue-overflow", text, tag=tag.tag.name))

    # --- the end ---

    def abandon(self) -> None:
        """No value will come any more: holes that no later value ended are reported up to the last answer."""
        for entry, after in self._book.suspects():
            start = (self._created_us if after is None else after) + 1
            if start <= self.last_publish_us:
                self._sink.lost([entry.item.captured.code], GapReason.OVERFLOW, start, self.last_publish_us)
        self._book.is_suspect[:] = False

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
