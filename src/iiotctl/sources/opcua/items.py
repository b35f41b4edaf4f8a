"""The monitored items of a subscription: asked for in batches that the server takes, every result checked."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

from asyncua import ua

from iiotctl import quality
from iiotctl.events import Event
from iiotctl.site.sources import OpcUaSource
from iiotctl.sources.opcua.book import Book
from iiotctl.sources.opcua.failures import ServiceError, SessionLostError
from iiotctl.sources.opcua.limits import Family
from iiotctl.sources.opcua.monitored import Watched, item_request, raw_deadband, relax, revised
from iiotctl.sources.opcua.planning import queue_of, sampling_of
from iiotctl.sources.opcua.resolve import Item, Refused
from iiotctl.sources.opcua.session import Session, batches


class Items:
    """Creates and deletes items; what is created stands in `book`.

    Attributes:
        session: carries the requests; replaced when the subscription moves.
        subscription: its id.
        publish_s: publishing interval.
    """

    def __init__(
        self, session: Session, config: OpcUaSource, family: Family, book: Book, tell: Callable[[Event], None]
    ) -> None:
        self.session = session
        self.subscription = 0
        self.publish_s = config.publish
        self._config = config
        self._family = family
        self._book = book
        self._tell = tell

    async def add(self, items: Sequence[Item]) -> list[Refused]:
        """Watch more items; returns those that the server refuses.

        Raises:
            ServiceError, SessionLostError: see `Session.call`.
        """
        publish_s = max(self.publish_s, self._config.publish)
        watched = []
        for item in items:
            period = sampling_of(item.captured, self._config, self._family)
            queue = queue_of(publish_s, period, self._config, self._family)
            deadband = raw_deadband(item.captured) if item.numeric and self._family.has_deadband else None
            watched.append(Watched(item, item.rule, period, queue, deadband, self._config.trigger))
        refused: list[Refused] = []
        for batch in batches(watched, self.session.limits.monitored_items):
            refused += await self._create(list(batch))
        return refused

    async def _create(self, watched: list[Watched]) -> list[Refused]:
        """One CreateMonitoredItems; what is refused for its filter or index range is asked for again without."""
        handles = [self._book.add(entry) for entry in watched]
        request = ua.CreateMonitoredItemsRequest()
        request.Parameters.SubscriptionId = ua.UInt32(self.subscription)
        request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
        request.Parameters.ItemsToCreate = [
            item_request(handle, entry) for handle, entry in zip(handles, watched, strict=True)
        ]
        try:
            response = await self.session.call(request, ua.CreateMonitoredItemsResponse)
            results = list(response.Results or [])
            if len(results) != len(watched):
                raise ServiceError("CreateMonitoredItems", quality.CODES["BadUnknownResponse"])  # noqa: TRY301 - as one that came
        except (ServiceError, SessionLostError):
            for handle in handles:  # whether the server has them is not known; a later session asks anew
                self._book.drop(handle)
            raise
        refused, again = [], []
        for handle, entry, result in zip(handles, watched, results, strict=True):
            status = int(result.StatusCode.value)
            if not status >> 31:
                entry.id = int(result.MonitoredItemId)
                continue
            self._book.drop(handle)
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
        for entry, result in created:
            entry.period_s = max(entry.period_s, float(result.RevisedSamplingInterval) / 1000)
        return refused + (await self._create(again) if again else [])

    async def remove(self, codes: Sequence[int]) -> None:
        """Stop watching tags by code; unknown ones are ignored."""
        ids = []
        for code in codes:
            handle = self._book.handle_of(code)
            if handle is None:
                continue
            entry = self._book.entries[handle]
            self._book.drop(handle)
            if entry.id is not None:
                ids.append(ua.UInt32(entry.id))
        for batch in batches(ids, self.session.limits.monitored_items):
            request = ua.DeleteMonitoredItemsRequest()
            request.Parameters.SubscriptionId = ua.UInt32(self.subscription)
            request.Parameters.MonitoredItemIds = list(batch)
            with contextlib.suppress(ServiceError):  # the server dropped them already
                await self.session.call(request, ua.DeleteMonitoredItemsResponse)
