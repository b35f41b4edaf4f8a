"""An OPC UA server as a source: connect, resolve, subscribe or poll, and start again when any of it breaks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol, cast

from iiotctl import quality
from iiotctl.errors import IiotctlError, SiteError
from iiotctl.events import Event, Level
from iiotctl.samples import GapReason
from iiotctl.site import model
from iiotctl.site import sources as configs
from iiotctl.sources.base import (
    CapturedTag,
    PlannedRequest,
    Reading,
    Sink,
    SourceContext,
    SourceState,
    SourceStatus,
)
from iiotctl.sources.opcua.denial import probe_values
from iiotctl.sources.opcua.failures import ServiceError, SessionLostError, Stage, explain
from iiotctl.sources.opcua.namespaces import NamespaceMemory
from iiotctl.sources.opcua.once import read_tags
from iiotctl.sources.opcua.pacing import Backoff, Timing
from iiotctl.sources.opcua.planning import check_tags, planned
from iiotctl.sources.opcua.poll import Poller
from iiotctl.sources.opcua.publish import SubscriptionGoneError
from iiotctl.sources.opcua.resolve import Item, Refused, TypeBook, resolve
from iiotctl.sources.opcua.session import Session
from iiotctl.sources.opcua.subscribe import Subscription
from iiotctl.sources.opcua.vitals import SubscriptionDeadError

_REASONS: Final = {
    "source-unreachable": (GapReason.TIMEOUT, quality.BAD_TIMEOUT),
    "source-silent": (GapReason.TIMEOUT, quality.BAD_TIMEOUT),
    "source-host-unknown": (GapReason.DISCONNECTED, quality.BAD_NO_COMMUNICATION),
    "source-refused": (GapReason.DISCONNECTED, quality.BAD_NO_COMMUNICATION),
    "opcua-not-spoken": (GapReason.DISCONNECTED, quality.BAD_NO_COMMUNICATION),
    "opcua-connect-failed": (GapReason.DISCONNECTED, quality.BAD_NO_COMMUNICATION),
}
"""Gap reason and quality by the error of a failed connect; everything else is a refusal by one side."""


class Reader(Protocol):
    """What delivers samples over a session: `Subscription` or `Poller`."""

    def asks(self, code: int) -> bool: ...
    async def open(self) -> None: ...
    async def add(self, items: Sequence[Item]) -> list[Refused]: ...
    async def remove(self, codes: Sequence[int]) -> None: ...
    async def run(self) -> None: ...
    async def close(self) -> None: ...


class OpcUaSource:
    """Implements `iiotctl.sources.base.Source`; one session to one server."""

    timing = Timing()

    def __init__(
        self, name: str, config: configs.SourceConfig, tags: Sequence[CapturedTag], context: SourceContext
    ) -> None:
        self.name = name
        self.config = cast("configs.OpcUaSource", config)
        self.context = replace(context, tell=self._tell)
        self._elsewhere = context.tell
        self.status = SourceStatus(name, self.config.url)
        self._tags = {captured.code: captured for captured in tags}
        self._refused: dict[int, Refused] = {}
        self._told: set[tuple[str, str]] = set()
        self._namespaces = NamespaceMemory(name, context.state_dir)
        self._sink: Sink | None = None
        self._session: Session | None = None
        self._reader: Reader | None = None
        self._left: Subscription | None = None
        """Outlived its session; the next one may take it over."""
        self._book: TypeBook | None = None
        self._changing = asyncio.Lock()
        self._retry_now = asyncio.Event()

    @staticmethod
    def check(config: configs.SourceConfig, tags: Sequence[model.Tag]) -> list[SiteError]:
        """Problems that can be known without contact."""
        return check_tags(cast("configs.OpcUaSource", config), tags)

    def plan(self) -> list[PlannedRequest]:
        """What would be asked of the server; sends nothing."""
        return planned(self.name, self.config, list(self._tags.values()))

    # --- running ---

    async def run(self, sink: Sink) -> None:
        """Deliver until cancelled; see `Source.run`."""
        self._sink = sink
        pauses = Backoff(self.timing.reconnect_first, self.timing.reconnect_longest)
        while True:
            connected = self.context.monotonic()
            try:
                session = await Session.open(self.config, self.context, on_request=self._count)
            except IiotctlError as error:
                self._not_connected(sink, error)
                await asyncio.sleep(pauses.pause())
                continue
            try:
                await self._serve(session, sink)
            except SessionLostError as error:
                self._down(sink, str(error), error.reason, error.quality, session.last_answer_us)
            except ServiceError as error:
                text = f"the server refuses to work: {error}"
                self._down(sink, text, GapReason.REFUSED, error.code, session.last_answer_us)
            finally:
                self._session = self._reader = None
                await session.close()
            if self.context.monotonic() - connected >= self.timing.stable:
                pauses.reset()
            self.status.reconnects += 1
            await asyncio.sleep(pauses.pause())

    def _count(self, _service: str) -> None:
        self.status.requests += 1

    def _tell(self, event: Event, about: str | None = None) -> None:
        """Emit an event unless the same was told since the source last went up or down; `about` = what is the same."""
        key = (event.slug, event.text + event.tag if about is None else about)
        if key in self._told:
            return
        self._told.add(key)
        tell = self._elsewhere if self._sink is None else self._sink.event
        tell(replace(event, source=self.name, at=self.context.now_us()))

    def _not_connected(self, sink: Sink, error: IiotctlError) -> None:
        reason, code = _REASONS.get(error.slug, (GapReason.REFUSED, quality.BAD_NOT_CONNECTED))
        self.status.state, self.status.detail = SourceState.DOWN, error.what
        sink.failed(None, reason, code, self.context.now_us())
        text = error.what + (f" ({error.cause})" if error.cause else "")
        if error.hint and not error.retriable:  # nothing changes until a person does something
            text += f"; {error.hint}"
        data: dict[str, object] = {"error": error.slug, "hint": error.hint or "", "cause": error.cause or ""}
        self._tell(Event(Level.ERROR, "source-down", text, data=data), about=error.slug)

    def _down(self, sink: Sink, text: str, reason: GapReason, code: int, at: int) -> None:
        self.status.state, self.status.detail = SourceState.DOWN, text
        sink.failed(None, reason, code, at)
        self._told = {key for key in self._told if key[0] not in {"source-down", "source-up"}}
        self._tell(Event(Level.WARNING, "source-down", text))

    async def _serve(self, session: Session, sink: Sink) -> None:
        """Everything between login and loss.

        Raises:
            SessionLostError, ServiceError
        """
        self._session = session
        self._told = {key for key in self._told if key[0] not in {"source-down", "source-up"}}
        changed = self._namespaces.note(session.namespaces, self._tags.values())
        if changed is not None:
            self._tell(changed)
        pauses = Backoff(self.timing.reconnect_first, self.timing.reconnect_longest)
        self._book = TypeBook(session)
        side = [asyncio.create_task(self._watch_clock(session)), asyncio.create_task(self._retry(session))]
        try:
            while True:
                opened = self.context.monotonic()
                reader = await self._take_over(session) or self._make_reader(session, sink)
                try:
                    await self._start(session, reader, sink)
                    await _first(reader.run(), side)
                except SubscriptionGoneError as error:
                    self._gone(sink, error, getattr(reader, "last_publish_us", session.last_answer_us))
                except SessionLostError:
                    self._left = reader if isinstance(reader, Subscription) else None
                    raise
                finally:
                    self._reader = None
                    if reader is not self._left:
                        await reader.close()
                if self.context.monotonic() - opened >= self.timing.stable:
                    pauses.reset()
                await asyncio.sleep(pauses.pause())
        finally:
            for task in side:
                task.cancel()
            await asyncio.gather(*side, return_exceptions=True)

    async def _take_over(self, session: Session) -> Subscription | None:
        """The subscription of the lost session, when the server gives it to this one.

        Raises:
            SessionLostError: this session is lost as well.
        """
        left = self._left
        if left is None:
            return None
        is_moved = await left.move(session)  # when the session breaks here, the next one tries
        self._left = None
        if is_moved:
            return left
        left.abandon()
        return None

    def _gone(self, sink: Sink, error: SubscriptionGoneError, at: int) -> None:
        if isinstance(error, SubscriptionDeadError):
            self._told = {key for key in self._told if key[0] != "subscription-dead"}
            self._tell(Event(Level.WARNING, "subscription-dead", f"{error}; it is made anew"))
            at, self.status.alive_at = error.since, error.alive_at  # the keep-alives since then proved nothing
        text = f"the subscription is gone: {error}"
        self._down(sink, text, GapReason.TIMEOUT, quality.BAD_NO_COMMUNICATION, at)

    def _make_reader(self, session: Session, sink: Sink) -> Reader:
        if self.config.mode == "poll":
            return Poller(
                session,
                self.config,
                self.context,
                sink,
                status=self.status,
                on_refused=self._denied,
                on_back=self._given,
            )
        return Subscription(
            session,
            self.config,
            self.context,
            sink,
            tell=self._tell,
            on_refused=self._denied,
            status=self.status,
            timing=self.timing,
            changing=self._changing,
        )

    async def _start(self, session: Session, reader: Reader, sink: Sink) -> None:
        async with self._changing:
            self._reader = reader
            tags = list(self._tags.values())
            if isinstance(reader, Subscription) and reader.is_open:
                # taken over with its items; only what the site file changed meanwhile is new
                await reader.remove([code for code in reader.codes if code not in self._tags])
                tags = [each for each in tags if each.code not in self._refused and not reader.watches(each)]
                await reader.remove([captured.code for captured in tags])
            else:
                await reader.open()
                self._refused = {}
            await self._take_in(session, reader, tags, sink)
        self._settle()
        count = len(self._tags) - len(self._refused)
        self._tell(Event(Level.INFO, "source-up", f"connected to {session.where}, {count} tags"))

    async def _take_in(
        self, session: Session, reader: Reader, tags: Sequence[CapturedTag], sink: Sink, *, probe: bool = False
    ) -> None:
        """Resolve tags and start reading those that can be read; the others are refused one by one.

        Args:
            probe: read each once before, so that a value that is still denied is no news.
        """
        assert self._book is not None
        items, refused = await resolve(session, tags, self._book)
        if probe and items:
            items, still = await probe_values(session, items)
            refused += still
        refused += await reader.add(items)
        for entry in refused:
            self._refuse(entry, sink)

    def _refuse(self, entry: Refused, sink: Sink) -> None:
        captured = entry.captured
        self._refused[captured.code] = entry
        sink.failed([captured.code], GapReason.REFUSED, entry.status, self.context.now_us())
        text = f"left out: {entry.reason}; tried again later"
        data: dict[str, object] = {"status": quality.name(entry.status), "address": captured.tag.address}
        self._told.discard(("tag-back", captured.tag.name))
        self._tell(Event(Level.WARNING, "tag-refused", text, tag=captured.tag.name, data=data), captured.tag.name)

    def _denied(self, entry: Refused) -> None:
        """A running item whose node is gone or must not be read: leave it out until the server gives it."""
        if self._sink is not None and entry.captured.code in self._tags:
            self._refuse(entry, self._sink)
            self._settle()

    def _given(self, captured: CapturedTag) -> None:
        """A tag that had been refused has a value again."""
        if self._refused.pop(captured.code, None) is not None:
            self._tell_back(captured)
            self._settle()

    def _tell_back(self, captured: CapturedTag) -> None:
        name = captured.tag.name
        self._told.discard(("tag-refused", name))
        self._tell(Event(Level.NOTICE, "tag-back", "can be read again", tag=name), name)

    def _settle(self) -> None:
        """State and detail after tags were taken in or refused."""
        if self._refused:
            self.status.state = SourceState.DEGRADED
            self.status.detail = f"{len(self._refused)} of {len(self._tags)} tags refused"
        else:
            self.status.state, self.status.detail = SourceState.RUNNING, ""

    async def _retry(self, session: Session) -> None:
        """Ask again for refused tags, with doubling pauses."""
        pauses = Backoff(self.timing.retry_first, self.timing.retry_longest)
        while True:
            await asyncio.sleep(pauses.pause())
            async with self._changing:
                reader, sink = self._reader, self._sink
                waiting = [
                    entry.captured for code, entry in self._refused.items() if reader is None or not reader.asks(code)
                ]
                if reader is None or sink is None or not waiting:
                    if not waiting:
                        pauses.reset()
                    continue
                await reader.remove([captured.code for captured in waiting])
                for captured in waiting:
                    del self._refused[captured.code]
                await self._take_in(session, reader, waiting, sink, probe=True)
                back = [captured for captured in waiting if captured.code not in self._refused]
            for captured in back:
                self._tell_back(captured)
            if back:
                pauses.reset()
            self._settle()

    async def _watch_clock(self, session: Session) -> None:
        """Measure the server's clock now and every hour."""
        while True:
            with contextlib.suppress(ServiceError):
                clock = await session.clock()
                if clock is not None:
                    self.status.clock_offset_s = clock.offset_s
                    if self._sink is not None:
                        self._sink.event(replace(clock.event(), source=self.name, at=self.context.now_us()))
            await asyncio.sleep(self.timing.clock_every)

    # --- changes and single reads ---

    async def update(self, tags: Sequence[CapturedTag]) -> None:
        """Take a new list of tags; those that stay the same see no interruption."""
        async with self._changing:
            wanted = {captured.code: captured for captured in tags}
            dropped = [code for code, captured in self._tags.items() if wanted.get(code) != captured]
            added = [captured for code, captured in wanted.items() if self._tags.get(code) != captured]
            self._tags = wanted
            for code in dropped:
                self._refused.pop(code, None)
            session, reader, sink = self._session, self._reader, self._sink
            if session is None or reader is None or sink is None:
                return
            with contextlib.suppress(SessionLostError, ServiceError):  # then the reconnect takes the new list
                await reader.remove(dropped)
                await self._take_in(session, reader, added, sink)
            self._settle()

    async def read_once(self, tags: Sequence[CapturedTag]) -> list[Reading]:
        """Read each tag once; raises SourceError only when nothing can be reached."""
        running = self._session
        session = running or await Session.open(self.config, self.context, on_request=self._count)
        try:
            return await read_tags(session, tags)
        except (SessionLostError, ServiceError) as error:
            raise explain(error, Stage.RUNNING, session.where) from None
        finally:
            if session is not running:
                await session.close()

    async def close(self) -> None:
        """Let go of the connection; never raises."""
        session, self._session = self._session, None
        left, self._left = self._left, None
        if left is not None:
            left.abandon()
        if session is not None:
            await session.close()


async def _first(main: Coroutine[Any, Any, None], side: Sequence[asyncio.Task[None]]) -> None:
    """Run `main` until it or one of the side tasks ends; what that one raised goes on."""
    task = asyncio.create_task(main)
    try:
        done, _ = await asyncio.wait({task, *side}, return_when=asyncio.FIRST_COMPLETED)
        for finished in done:
            finished.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
