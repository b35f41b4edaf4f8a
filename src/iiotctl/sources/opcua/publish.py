"""Publish requests that wait at the server, as many as the line needs and the server takes.

One is answered while the next one waits, so that the server never has to hold values back. On a slow line, or
when the server says that it has more, a few more are sent (OPC 10000-4 §5.14.5.1); a server that answers
BadTooManyPublishRequests gets fewer from then on. Each request carries the acknowledgements that are due.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final

from asyncua import ua

from iiotctl import quality
from iiotctl.sources.opcua.failures import ServiceError
from iiotctl.sources.opcua.notification import Published, decode_publish
from iiotctl.sources.opcua.receipts import Receipts
from iiotctl.sources.opcua.session import Session
from iiotctl.sources.opcua.wire import MalformedError

FEWEST: Final = 2
"""Publish requests that wait at the server, so that one is always there while an answer travels."""
MOST: Final = 8
_TOO_MANY: Final = quality.CODES["BadTooManyPublishRequests"]
_PAUSE_S: Final = 0.05
"""A server that answers "timeout" at once must not make us spin."""
_NO_SUBSCRIPTION: Final = frozenset(quality.CODES[name] for name in ("BadNoSubscription", "BadSubscriptionIdInvalid"))


class SubscriptionGoneError(Exception):
    """The server dropped the subscription, or keeps silent about it; the session may live on."""


class Publisher:
    """Sends publish requests of one subscription and hands over what comes back, in the order of arrival.

    Args:
        session: carries them.
        receipts: knows what may be acknowledged.
        subscription: its id.
        interval_s: publishing interval.
        most: publish requests that may wait, None = `MOST`.

    Attributes:
        wanted: publish requests that are kept waiting.
    """

    def __init__(
        self, session: Session, receipts: Receipts, subscription: int, interval_s: float, most: int | None = None
    ) -> None:
        self._session = session
        self._receipts = receipts
        self._subscription = subscription
        self._interval_s = interval_s
        self._limit = min(MOST, most or MOST)
        self.wanted = min(FEWEST, self._limit)
        self._waiting: list[asyncio.Task[Published]] = []

    async def run(
        self,
        take: Callable[[Published], Awaitable[None]],
        *,
        patience: Callable[[], float],
        on_undecodable: Callable[[], None],
        sides: Collection[asyncio.Task[Any]],
    ) -> None:
        """Publish until something raises: `take`, one of `sides`, or the subscription's end.

        Args:
            take: gets each answer.
            patience: seconds that silence may still last; 0 = the subscription counts as dead.
            on_undecodable: an answer made no sense.
            sides: tasks that end only with an error.

        Raises:
            SubscriptionGoneError: the server has no such subscription any more, or says nothing at all.
            SessionLostError: the connection is gone.
        """
        try:
            while True:
                while len(self._waiting) < self.wanted:
                    self._waiting.append(asyncio.create_task(self._publish()))
                await asyncio.wait({*self._waiting, *sides}, timeout=patience(), return_when=asyncio.FIRST_COMPLETED)
                for side in sides:
                    if side.done():
                        side.result()
                answered = [task for task in self._waiting if task.done()]
                if not answered and patience() <= 0:
                    raise SubscriptionGoneError("nothing published any more")
                for task in answered:
                    self._waiting.remove(task)
                    try:
                        published = task.result()
                    except ServiceError as error:
                        await self._after_error(error, on_undecodable)
                        continue
                    self._adapt(published)
                    await take(published)
        finally:
            for task in self._waiting:
                task.cancel()
            await asyncio.gather(*self._waiting, return_exceptions=True)
            self._waiting.clear()

    async def _publish(self) -> Published:
        request = ua.PublishRequest()
        request.Parameters.SubscriptionAcknowledgements = [
            ua.SubscriptionAcknowledgement(
                SubscriptionId=ua.UInt32(self._subscription), SequenceNumber=ua.UInt32(number)
            )
            for number in self._receipts.take()
        ]
        data = await self._session.ask(request, wait=0)
        try:
            published = decode_publish(data)
        except MalformedError:
            raise ServiceError("Publish", quality.BAD_DECODING_ERROR) from None
        self._session.judge("Publish", published.result)
        return published

    def _adapt(self, published: Published) -> None:
        """Keep more requests waiting where answers take longer than an interval, or the server cannot keep up."""
        needed = FEWEST + int(self._session.round_trip / self._interval_s)
        if published.more:
            needed = max(needed, self.wanted + 1)
        self.wanted = max(self.wanted, min(needed, self._limit))

    async def _after_error(self, error: ServiceError, on_undecodable: Callable[[], None]) -> None:
        if error.code in _NO_SUBSCRIPTION:
            raise SubscriptionGoneError(f"the server dropped it ({quality.name(error.code)})")
        if error.code == _TOO_MANY and self._limit > 1:
            # the server keeps those that still wait
            self._limit = self.wanted = max(1, len(self._waiting))
            return
        if error.code == quality.BAD_DECODING_ERROR:
            on_undecodable()
            return
        if error.code != quality.BAD_TIMEOUT:
            raise SubscriptionGoneError(f"publishing failed ({quality.name(error.code)})")
        await asyncio.sleep(_PAUSE_S)
