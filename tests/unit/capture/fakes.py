"""Sources, clocks and disks that do as a test says."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import numpy as np

from iiotctl.capture.session import Session
from iiotctl.capture.summary import Summary
from iiotctl.capture.wishes import Wishes
from iiotctl.events import Event
from iiotctl.samples import SampleBatch
from iiotctl.site.load import load_site
from iiotctl.site.settings import resolve
from iiotctl.sources.base import CapturedTag, Sink, SourceContext, SourceState, SourceStatus
from iiotctl.store.durable import Disk

BAD = 0x80310000


class FakeSource:
    """Delivers each tag once a period of 10 ms; `script` may do something else at the k-th round."""

    script: Callable[[FakeSource, Sink, int], None] | None = None
    made: list[FakeSource]

    def __init__(self, name: str, config: object, tags: Sequence[CapturedTag], context: SourceContext) -> None:
        self.name, self.config, self.context = name, config, context
        self.tags = list(tags)
        self.status = SourceStatus(name, "fake")
        self.rounds = 0
        self.silent = False

    def plan(self) -> list[object]:
        return []

    def deliver(self, sink: Sink, ts: int | None = None) -> None:
        codes = np.array([tag.code for tag in self.tags], np.uint32)
        n = len(codes)
        at = self.context.now_us() if ts is None else ts
        value = np.full(n, float(self.rounds))
        sink.samples(SampleBatch(codes, np.full(n, at, np.int64), value, np.zeros(n, np.uint32)))

    async def run(self, sink: Sink) -> None:
        self.status.state = SourceState.RUNNING
        while True:
            self.rounds += 1
            if self.script is not None:
                self.script(self, sink, self.rounds)
            if not self.silent:
                self.deliver(sink)
            await asyncio.sleep(0.01)

    async def update(self, tags: Sequence[CapturedTag]) -> None:
        self.tags = list(tags)

    async def close(self) -> None:
        return


class FullDisk(Disk):
    """A disk that takes no more while `is_full`."""

    is_full = False

    def write(self, descriptor: int, data: bytes) -> None:
        if self.is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().write(descriptor, data)


SITE = """
schema = 1
[capture]
commit = "200ms"
min_free = "1MB"
[sources.one]
type = "modbus-tcp"
host = "127.0.0.1"
period = "10ms"
[sources.two]
type = "modbus-tcp"
host = "127.0.0.2"
period = "10ms"
"""


def tags_text(**sources: str) -> str:
    """`[[tags]]` of each source, names separated by blanks."""
    rows = [
        f'[[tags]]\nname = "{name}"\nsource = "{source}"\naddress = "holding:{number}"\n'
        for source, names in sources.items()
        for number, name in enumerate(names.split())
    ]
    return "\n".join(rows)


class Stage:
    """A session over fake sources in a folder.

    Args:
        folder: empty; gets the site file and the store.
        tags: names by source.
        now_us: wall clock.
    """

    def __init__(self, folder: Path, now_us: Callable[[], int] | None = None, **tags: str) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.store = folder / "store"
        self.site = folder / "site.toml"
        self.site.write_text(SITE + tags_text(**(tags or {"one": "a b"})))
        self.events: list[Event] = []
        self.sources: dict[str, FakeSource] = {}
        self.now_us = now_us or (lambda: time.time_ns() // 1000)
        self.monotonic = time.monotonic

    def session(self, script: Callable[[FakeSource, Sink, int], None] | None = None) -> Session:
        def create(name: str, config: object, found: Sequence[CapturedTag], context: SourceContext) -> FakeSource:
            source = FakeSource(name, config, found, context)
            source.script = script
            if found:
                self.sources[name] = source
            return source

        loaded = load_site(self.site)
        wishes = Wishes(
            self.now_us,
            self.monotonic,
            on_event=self.events.append,
            reload=lambda: load_site(self.site),
            check=lambda _config, _tags: [],
            create=create,  # type: ignore[arg-type]
        )
        return Session(loaded, resolve(loaded, cwd=self.folder, environ={}), wishes)

    def slugs(self) -> list[str]:
        return [event.slug for event in self.events]


def run_session(
    session: Session, act: Callable[[Session], Awaitable[None]] | None = None, seconds: float = 0.7
) -> Summary:
    async def work() -> Summary:
        await session.open()
        acting = asyncio.create_task(act(session)) if act is not None else None  # type: ignore[arg-type]
        summary = await session.run(duration_s=seconds)
        if acting is not None:
            await acting
        return summary

    return asyncio.run(work())


async def until(condition: Callable[[], bool], timeout: float = 20) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.01)
