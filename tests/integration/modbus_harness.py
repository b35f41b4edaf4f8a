"""Runs Modbus sources against servers and keeps what they report."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from iiotctl.events import Event
from iiotctl.samples import GapReason, SampleBatch
from iiotctl.site.model import Tag
from iiotctl.site.sources import ModbusRtuOverTcpSource, ModbusTcpSource
from iiotctl.sources.base import CapturedTag, SourceContext
from iiotctl.sources.modbus.source import ModbusSource


@dataclass
class Recorder:
    """A sink that keeps everything."""

    batches: list[SampleBatch] = field(default_factory=list)
    failures: list[tuple[tuple[int, ...] | None, GapReason, int]] = field(default_factory=list)
    losses: list[tuple[tuple[int, ...] | None, GapReason, int, int]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def samples(self, batch: SampleBatch, on_commit: Callable[[], None] | None = None) -> None:
        self.batches.append(batch)
        if on_commit is not None:
            on_commit()

    def failed(self, tags: Sequence[int] | None, reason: GapReason, quality: int, at: int) -> None:
        self.failures.append((None if tags is None else tuple(tags), reason, quality))

    def lost(self, tags: Sequence[int] | None, reason: GapReason, start: int, end: int) -> None:
        assert start <= end
        self.losses.append((None if tags is None else tuple(tags), reason, start, end))

    def bridged(self) -> None:
        raise AssertionError

    def event(self, event: Event) -> None:
        self.events.append(event)

    async def ready(self) -> None:
        return

    def rows(self) -> list[tuple[int, int, float, int]]:
        """(tag, ts, value, quality) of all samples, in order of arrival."""
        return [
            (int(t), int(ts), float(v), int(q))
            for b in self.batches
            for t, ts, v, q in zip(b.tag, b.ts, b.value, b.quality, strict=True)
        ]

    def values(self, code: int) -> list[float]:
        """Values of one tag, in order of arrival."""
        return [float(v) for b in self.batches for v in b.value[b.tag == code]]

    def times(self, code: int) -> np.ndarray:
        """Times of one tag, seconds."""
        return np.array([int(t) for b in self.batches for t in b.ts[b.tag == code]]) / 1e6

    def said(self, slug: str) -> list[str]:
        """Texts of the events of a kind."""
        return [event.text for event in self.events if event.slug == slug]


def context(state_dir: Path | None = None) -> SourceContext:
    """The real clock, nothing else."""
    return SourceContext(now_us=lambda: time.time_ns() // 1000, monotonic=time.monotonic, state_dir=state_dir)


def config(port: int, **rest: object) -> ModbusTcpSource:
    """A source on loopback, 50 ms a scan unless told otherwise; patient, since test machines stall."""
    data = {"type": "modbus-tcp", "host": "127.0.0.1", "port": port, "period": "50ms", "timeout": "3s"} | rest
    return ModbusTcpSource.model_validate(data)


def rtu_over_tcp(port: int, **rest: object) -> ModbusRtuOverTcpSource:
    """As `config`, with RTU frames inside TCP."""
    data = {"type": "modbus-rtu-over-tcp", "host": "127.0.0.1", "port": port, "period": "50ms", "timeout": "3s"} | rest
    return ModbusRtuOverTcpSource.model_validate(data)


def tags(addresses: Sequence[str], *, first: int = 0, **rest: object) -> list[CapturedTag]:
    """Tags with codes from `first` on; an address may carry its type: `holding:2 float32`."""
    made = []
    for code, text in enumerate(addresses, first):
        address, _, type_ = text.partition(" ")
        data = {"name": f"t{code}", "source": "s", "address": address} | rest
        made.append(CapturedTag(code, Tag.model_validate(data | ({"type": type_} if type_ else {}))))
    return made


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for a condition; fail when it does not come true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(0.01)


class Running:
    """Sources that run while the `async with` lasts."""

    def __init__(self, *sources: ModbusSource) -> None:
        self.sources = sources
        self.sinks = [Recorder() for _ in sources]
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Recorder:
        self._tasks = [asyncio.create_task(s.run(sink)) for s, sink in zip(self.sources, self.sinks, strict=True)]
        return self.sinks[0]

    async def __aexit__(self, *_: object) -> None:
        ended = [task for task in self._tasks if task.done()]
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for source in self.sources:
            await source.close()
        for task in ended:
            task.result()
            raise AssertionError("a source ended by itself")
