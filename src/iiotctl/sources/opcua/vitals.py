"""A dead subscription: keep-alives come, values do not, though the values in the server change.

Silence is normal for tags that report on change. When it lasts much longer than it used to, a few values are
read (gently: `MOST_READ` nodes, once a minute at most) and compared with the last ones that were delivered. A
difference may be on its way, so it counts only if nothing was delivered meanwhile and a second read, later than
any sampling and publishing interval, still shows it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Final

from iiotctl.samples import NULL_TIME
from iiotctl.sources.base import SourceContext
from iiotctl.sources.opcua.book import Book
from iiotctl.sources.opcua.convert import to_batch
from iiotctl.sources.opcua.denial import denial
from iiotctl.sources.opcua.failures import ServiceError
from iiotctl.sources.opcua.monitored import Watched
from iiotctl.sources.opcua.pacing import Timing
from iiotctl.sources.opcua.publish import SubscriptionGoneError
from iiotctl.sources.opcua.session import Session

MOST_READ: Final = 20
_SHOWN: Final = 3
_SMOOTHING: Final = 0.2
_CODE: Final = 0xFFFF0000


class SubscriptionDeadError(SubscriptionGoneError):
    """The server keeps the subscription alive and does not tell of changes.

    Attributes:
        since: µs UTC of our clock, when it last told of one.
        alive_at: the same by the server's clock.
    """

    def __init__(self, text: str, since: int, alive_at: int) -> None:
        super().__init__(text)
        self.since = since
        self.alive_at = alive_at


class Vitals:
    """Watches one subscription.

    Args:
        book: last delivered samples.
        publish_s: publishing interval.
        timing: how long silence must last.
    """

    def __init__(self, session: Session, book: Book, context: SourceContext, publish_s: float, timing: Timing) -> None:
        self._session = session
        self._book = book
        self._context = context
        self._publish_s = publish_s
        self._timing = timing
        self._usual: float | None = None
        self._last = context.monotonic()
        self.since = context.now_us()
        """µs UTC of our clock: the last message with values."""
        self._alive_at = 0

    def delivered(self, alive_at: int) -> None:
        """A message with values came; `alive_at` as in `SourceStatus`."""
        now = self._context.monotonic()
        gap = now - self._last
        self._usual = gap if self._usual is None else self._usual + _SMOOTHING * (gap - self._usual)
        self._last, self.since, self._alive_at = now, self._context.now_us(), alive_at

    @property
    def unusual(self) -> float:
        """Seconds of silence that are unusual for this subscription."""
        return max(self._timing.silence_times * (self._usual or 0.0), self._timing.silence_least)

    async def watch(self) -> None:
        """Look now and then until it is dead.

        Raises:
            SubscriptionDeadError: it is.
            SessionLostError: the connection is gone.
        """
        while True:
            silent = self._context.monotonic() - self._last
            if silent < self.unusual:
                await asyncio.sleep(self.unusual - silent + 0.01)
                continue
            await self._examine(silent)
            await asyncio.sleep(self._timing.probe_every)

    async def _examine(self, silent: float) -> None:
        chosen = self._chosen(silent)
        before = self._last
        if not await self._changed(chosen):
            return
        longest = max(entry.period_s for _, entry in chosen)
        await asyncio.sleep(2 * (self._publish_s + longest) + self._session.round_trip)
        if self._last != before:
            return
        changed = await self._changed(chosen)
        if changed and self._last == before:
            names = ", ".join(f"`{name}`" for name in changed[:_SHOWN])
            more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
            text = f"keep-alives come, but {names}{more} changed in the server and it did not say so"
            raise SubscriptionDeadError(text, self.since, self._alive_at)

    def _chosen(self, silent: float) -> list[tuple[int, Watched]]:
        """The items that changed last; those sampled so seldom that they may still be silent do not count."""
        ripe = [
            (handle, entry)
            for handle, entry in self._book.entries.items()
            if self._book.last_ts[handle] != NULL_TIME and 2 * (entry.period_s + self._publish_s) < silent
        ]
        return sorted(ripe, key=lambda pair: -int(self._book.last_ts[pair[0]]))[:MOST_READ]

    async def _changed(self, chosen: Sequence[tuple[int, Watched]]) -> list[str]:
        """Names of tags whose value in the server is another one than was delivered."""
        if not chosen:
            return []
        ranges = [entry.item.index_range if entry.rule.ranged else None for _, entry in chosen]
        try:
            values = await self._session.read([entry.item.node for _, entry in chosen], ranges=ranges)
        except ServiceError:
            return []
        rows = [(pair, value) for pair, value in zip(chosen, values, strict=True) if not denial(value)]
        batch = to_batch([(entry.rule, value) for (_, entry), value in rows], self._context.now_us())
        if batch is None:
            return []
        texts = batch.text or [None] * len(batch)
        columns = zip(rows, batch.value.tolist(), batch.quality.tolist(), texts, strict=True)
        return [
            entry.item.captured.tag.name
            for ((handle, entry), _), value, status, text in columns
            if self._differs(handle, entry, value, status, text)
        ]

    def _differs(self, handle: int, entry: Watched, value: float, status: int, text: str | None) -> bool:
        book = self._book
        if (status ^ int(book.last_status[handle])) & _CODE:
            return True
        if entry.trigger == "status":
            return False
        known = float(book.last_value[handle])
        if math.isnan(value) or math.isnan(known):
            return math.isnan(value) != math.isnan(known) or text != book.last_text.get(handle)
        return abs(value - known) > (entry.item.captured.tag.deadband_absolute or 0.0)
