"""The clients of the OPC UA bench, each as a process of its own so that its CPU is its own.

`python -m bench.opcua_clients KIND URL TAGS PERIOD_S PUBLISH_S SECONDS FOLDER` with KIND `capture` (the whole way
to sealed Parquet), `receive` (receive and decode, counted and thrown away) or `asyncua` (its own subscription with
the cheapest handler there is). Prints the values so far after the warm-up and the measured time, waits for a line,
takes what is still on its way, ends in order and prints one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WARM_S = 2.0
STILL_S = 2.0
"""Without a value for so long, nothing is on its way any more."""


async def measure(count: Callable[[], int], seconds: float) -> dict[str, Any]:
    """Values and CPU of the process after warming up; then a word to the parent, and its answer."""
    await asyncio.sleep(WARM_S)
    values, cpu, loop = count(), time.process_time(), time.thread_time()
    await asyncio.sleep(seconds)
    found = {"values": count() - values, "cpu": time.process_time() - cpu, "loop": time.thread_time() - loop}
    print(count(), flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    before = -1
    while count() != before:
        before = count()
        await asyncio.sleep(STILL_S)
    return {**found, "all": count()}


@dataclass(frozen=True)
class Case:
    """What to do; intervals in seconds."""

    url: str
    tags: int
    period: float
    publish: float
    seconds: float
    folder: Path

    @property
    def settings(self) -> dict[str, Any]:
        """Keys of the source."""
        intervals = {"period": f"{self.period * 1000:g}ms", "publish": f"{self.publish * 1000:g}ms"}
        return {"type": "opcua", "url": self.url, "timeout": "20s", **intervals}


async def begun(count: Callable[[], int]) -> None:
    """Until the first value is there."""
    while not count():  # noqa: ASYNC110 - what counts has no event
        await asyncio.sleep(0.05)


async def capture(case: Case) -> dict[str, Any]:
    """The whole of `iiotctl capture`, without the terminal."""
    from iiotctl.capture.session import Session
    from iiotctl.capture.wishes import Wishes
    from iiotctl.site.load import load_site
    from iiotctl.site.settings import resolve

    keys = "".join(f'{key} = "{value}"\n' for key, value in case.settings.items())
    (case.folder / "tags.csv").write_text(
        "name,source,address\n" + "".join(f"v{number},plc,ns=1;s=v{number}\n" for number in range(case.tags))
    )
    (case.folder / "site.toml").write_text(f'schema = 1\ntags_file = "tags.csv"\n[sources.plc]\n{keys}')
    loaded = load_site(case.folder / "site.toml")
    session = Session(
        loaded,
        resolve(loaded, cwd=case.folder, environ={}),
        Wishes(lambda: time.time_ns() // 1000, time.monotonic),
    )
    await session.open()
    running = asyncio.create_task(session.run())
    await begun(lambda: session.recorder.figures.delivered)
    found = await measure(lambda: session.recorder.figures.delivered, case.seconds)
    cpu = time.process_time()
    session.stop("bench")
    summary = await running
    return {**found, "seal": time.process_time() - cpu, "stored": summary.stored, "gaps": summary.gap_count}


class Counting:
    """A sink that counts."""

    def __init__(self) -> None:
        self.values = 0

    def samples(self, batch: Any, on_commit: Callable[[], None] | None = None) -> None:
        self.values += len(batch)
        if on_commit is not None:
            on_commit()

    def __getattr__(self, _name: str) -> Callable[..., None]:
        return lambda *_args, **_more: None


async def receive(case: Case) -> dict[str, Any]:
    """Our source alone."""
    from iiotctl.site.model import Tag
    from iiotctl.site.sources import OpcUaSource as Config
    from iiotctl.sources.base import CapturedTag, SourceContext
    from iiotctl.sources.opcua.source import OpcUaSource

    made = [CapturedTag(n, Tag(name=f"v{n}", source="plc", address=f"ns=1;s=v{n}")) for n in range(case.tags)]
    context = SourceContext(now_us=lambda: time.time_ns() // 1000, monotonic=time.monotonic, folder=case.folder)
    source = OpcUaSource("plc", Config.model_validate(case.settings), made, context)
    sink = Counting()
    running = asyncio.create_task(source.run(sink))  # type: ignore[arg-type]
    await begun(lambda: sink.values)
    found = await measure(lambda: sink.values, case.seconds)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await source.close()
    return found


async def asyncua(case: Case) -> dict[str, Any]:
    """asyncua's client with its own subscription."""
    import logging

    from asyncua import Client

    logging.getLogger("asyncua").setLevel(logging.CRITICAL)

    class Handler:
        values = 0

        def datachange_notification(self, _node: Any, _value: Any, _data: Any) -> None:
            Handler.values += 1

    async with Client(case.url, timeout=30) as client:
        subscription = await client.create_subscription(case.publish * 1000, Handler())
        nodes = [client.get_node(f"ns=1;s=v{number}") for number in range(case.tags)]
        for start in range(0, case.tags, 500):
            await subscription.subscribe_data_change(
                nodes[start : start + 500], queuesize=100, sampling_interval=case.period * 1000
            )
        await begun(lambda: Handler.values)
        return await measure(lambda: Handler.values, case.seconds)


KINDS = {"capture": capture, "receive": receive, "asyncua": asyncua}


def main(arguments: Sequence[str]) -> None:
    """One client."""
    kind, url, tags, period, publish, seconds, folder = arguments
    case = Case(url, int(tags), float(period), float(publish), float(seconds), Path(folder))
    found = asyncio.run(KINDS[kind](case))
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
