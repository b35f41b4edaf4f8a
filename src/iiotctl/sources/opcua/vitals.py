"""Dead subscriptions and dead items: keep-alives come, values do not, though the values in the server change.

Silence is normal for tags that report on change. When it lasts much longer than it used to, a few values are
read (gently: `MOST_READ` nodes a minute) and compared with the last ones that were delivered. A difference may be
on its way, so it counts only if nothing was delivered meanwhile and a second read, later than any sampling and
publishing interval, still shows it. When all of the subscription is silent, those that changed last are read;
items that are silent alone, or have been for long, are read in turn.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iiotctl.samples import NULL_TIME
from iiotctl.sources.base import SourceContext
from iiotctl.sources.opcua.book import Book
from iiotctl.sources.opcua.convert import to_batch
from iiotctl.sources.opcua.denial import denial
from iiotctl.sources.opcua.failures import ServiceError
from iiotctl.sources.opcua.monitored import Watched
from iiotctl.sources.opcua.pacing import Timing
from iiotctl.sources.opcua.publish import SubscriptionGoneError
from iiotctl.sources.opcua.pulses import Pulses
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
        timing: how long silence must last.
        on_dead: told of the handles of dead items.
    """

    def __init__(
        self,
        session: Session,
        book: Book,
        context: SourceContext,
        timing: Timing,
        on_dead: Callable[[Sequence[int]], Awaitable[None]],
    ) -> None:
        self._session = session
        self._book = book
        self._context = context
        self._publish_s = 0.0
        self._timing = timing
        self._on_dead = on_dead
        self._usual: float | None = None
        self._pulses = Pulses()
        self._doubts: dict[int, tuple[float, float]] = {}
        """By handle: when its last value had come at the first look that showed another one, and when to look again."""
        self._examine_at = -math.inf
        self._last = self._published = context.monotonic()
        self.since = context.now_us()
        """µs UTC of our clock: the last message with values."""
        self._alive_at = 0

    def begin(self, session: Session, publish_s: float) -> None:
        """The subscription is open, or has moved: it publishes to `session` every `publish_s` seconds."""
        self._session, self._publish_s = session, publish_s
        self._last = self._published = self._context.monotonic()
        self._pulses.restart(self._last)
        self._doubts.clear()

    def published(self) -> None:
        """A message came, with values or without."""
        self._published = self._context.monotonic()

    def delivered(self, handles: Sequence[NDArray[np.uint32]], alive_at: int) -> None:
        """A message with values of these items came; `alive_at` as in `SourceStatus`."""
        now = self._context.monotonic()
        self._pulses.beat(np.concatenate(handles), now, self._book.last_ts.shape[0])
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
            now = self._context.monotonic()
            if now - self._last >= self.unusual and now >= self._examine_at:
                await self._examine(now - self._last)
                self._examine_at = self._context.monotonic() + 2 * self._timing.probe_every  # the others have a turn
                count = MOST_READ
            else:
                count = await self._look_around(now)
            await asyncio.sleep(self._timing.probe_every * max(count, 1) / MOST_READ)

    async def _look_around(self, now: float) -> int:
        """Read items that are silent for unusually long, in turn; number of values that were read.

        Raises:
            SubscriptionDeadError: no item lives.
            SessionLostError: the connection is gone.
        """
        pulses, timing = self._pulses, self._timing
        self._doubts = {
            handle: doubt
            for handle, doubt in self._doubts.items()
            if handle in self._book.entries and pulses.came[handle] == doubt[0]
        }
        again = [handle for handle, (_, due) in self._doubts.items() if now >= due][:MOST_READ]
        silent = pulses.silent(
            self._book.entries, now, times=timing.silence_times, least=timing.silence_least, pause=timing.probe_every
        )
        others = [handle for handle in silent if handle not in self._doubts and self._is_ripe(handle)]
        chosen = [(handle, self._book.entries[handle]) for handle in (again + others)[:MOST_READ]]
        if not chosen:
            return 0
        before = {handle: float(pulses.came[handle]) for handle, _ in chosen}
        pulses.looked(before, now)
        changed = await self._changed(chosen)
        dead = []
        for handle, entry in changed:
            if pulses.came[handle] != before[handle]:
                continue
            if handle in again:
                dead.append((handle, entry))
            else:
                due = now + 2 * (self._publish_s + entry.period_s) + self._session.round_trip
                self._doubts[handle] = (before[handle], due)
        for handle in again:
            self._doubts.pop(handle, None)
        if dead and now - self._last >= self.unusual:
            raise self._death(dead)
        if dead:
            await self._on_dead([handle for handle, _ in dead])
        return len(chosen)

    def _is_ripe(self, handle: int) -> bool:
        """An item that is sampled so seldom that it may still be silent does not count.

        Its value could come until the last message, of whatever, alone.
        """
        silent = self._published - float(self._pulses.came[handle])
        return 2 * (self._book.entries[handle].period_s + self._publish_s) < silent

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
            raise self._death(changed)

    def _death(self, changed: Sequence[tuple[int, Watched]]) -> SubscriptionDeadError:
        names = ", ".join(f"`{entry.item.captured.tag.name}`" for _, entry in changed[:_SHOWN])
        more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        text = f"keep-alives come, but {names}{more} changed in the server and it did not say so"
        return SubscriptionDeadError(text, self.since, self._alive_at)

    def _chosen(self, silent: float) -> list[tuple[int, Watched]]:
        """The items that changed last; those sampled so seldom that they may still be silent do not count."""
        ripe = [
            (handle, entry)
            for handle, entry in self._book.entries.items()
            if self._book.last_ts[handle] != NULL_TIME and 2 * (entry.period_s + self._publish_s) < silent
        ]
        return sorted(ripe, key=lambda pair: -int(self._book.last_ts[pair[0]]))[:MOST_READ]

    async def _changed(self, chosen: Sequence[tuple[int, Watched]]) -> list[tuple[int, Watched]]:
        """Items whose value in the server is another one than was delivered."""
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
        return [pair for (pair, _), value, status, text in columns if self._differs(*pair, value, status, text)]

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
