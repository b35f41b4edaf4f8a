"""Acknowledgement after the commit, and subscriptions that outlive their connection: node-opcua against a real store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from iiotctl.capture.session import Session
from iiotctl.capture.summary import Summary
from iiotctl.capture.wishes import Wishes
from iiotctl.events import Event
from iiotctl.site.load import load_site
from iiotctl.site.settings import resolve
from iiotctl.sources.base import CapturedTag, SourceContext
from iiotctl.sources.opcua import session as session_module
from iiotctl.sources.opcua.source import OpcUaSource
from tests.crash import rig
from tests.integration.opcua_peer import QUICK, URI, Server, captured, config, context, running, source, until, watch
from tests.integration.proxy import TcpProxy

pytestmark = pytest.mark.integration

SITE = """
schema = 1
[capture]
commit = "{commit}"
min_free = "1MB"
[sources.plc]
type = "opcua"
url = "opc.tcp://127.0.0.1:{port}"
period = "50ms"
publish = "100ms"
queue = 100
timeout = "2s"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("transfer")) as started:
        yield started


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "KEEP_ALIVE_S", 0.3)


class Plant:
    """A capture of node-opcua variables into a store."""

    def __init__(self, folder: Path, port: int, *names: str, commit: str = "200ms") -> None:
        self.store = folder / "store"
        self.events: list[Event] = []
        self._folder = folder
        self._site = folder / "site.toml"
        tags = [f'[[tags]]\nname = "{name}"\nsource = "plc"\naddress = "nsu={URI};s={name}"\n' for name in names]
        self._site.write_text(SITE.format(port=port, commit=commit) + "".join(tags))
        self.source: OpcUaSource | None = None

    def run(self, act: Callable[[Session], Awaitable[None]]) -> Summary:
        def create(name: str, settings: Any, found: Sequence[CapturedTag], where: SourceContext) -> OpcUaSource:
            made = OpcUaSource(name, settings, found, where)
            made.timing = QUICK
            if found:
                self.source = made
            return made

        async def work() -> Summary:
            loaded = load_site(self._site)
            wishes = Wishes(lambda: time.time_ns() // 1000, time.monotonic, on_event=self.events.append, create=create)
            session = Session(loaded, resolve(loaded, cwd=self._folder, environ={}), wishes)
            await session.open()
            running_ = asyncio.create_task(session.run())
            try:
                await asyncio.wait_for(act(session), 60)
            finally:
                session.stop("test")
                summary = await running_
            return summary

        return asyncio.run(work())

    def slugs(self) -> list[str]:
        return [event.slug for event in self.events]

    def values(self, tag: str) -> dict[int, float]:
        """{source time: value} of the stored samples that are not null."""
        table = rig.samples(self.store)
        table = table.filter((table["tag"] == tag) & table["value"].is_not_null())
        times = table["ts_source"].fill_null(table["ts"]).to_list()
        return dict(zip(times, table["value"].to_list(), strict=True))

    def missing(self, server: Server, tag: str) -> list[int]:
        """Times of what the server wrote between the first and last stored sample and that is neither stored nor in a gap."""
        stored = self.values(tag)
        gaps = rig.gaps_of(rig.gaps(self.store), "plc", tag)
        first, last = min(stored), max(stored)
        return [
            ts
            for ts, value in server.truth(tag)
            if first <= ts <= last and stored.get(ts) != value and not any(start <= ts <= end for start, end, _ in gaps)
        ]

    def covered(self, tag: str) -> list[int]:
        """Times of stored Good samples inside a gap: there must be none."""
        table = rig.samples(self.store)
        good = table.filter((table["tag"] == tag) & (table["quality"] < 1 << 31))["ts"].to_list()
        return [
            ts for ts in good for start, end, _ in rig.gaps_of(rig.gaps(self.store), "plc", tag) if start <= ts <= end
        ]


def counted(session: Session, number: int) -> Callable[[], bool]:
    """True when so many more samples were delivered than now."""
    before = session.recorder.figures.delivered
    return lambda: session.recorder.figures.delivered >= before + number


def test_nothing_is_acknowledged_before_its_commit(server: Server, tmp_path: Path) -> None:
    before = len(server.command("report")["acknowledged"])
    plant = Plant(tmp_path, server.port, "Counter", commit="2s")
    commits: list[int] = []

    async def act(session: Session) -> None:
        await until(lambda: session.recorder.figures.commits >= 2)
        await until(counted(session, 10))

    plant.run(act)
    commits = [event.at for event in plant.events if event.slug == "commit"]
    acknowledged = server.command("report")["acknowledged"][before:]
    assert len(acknowledged) > 5
    assert min(entry["ts"] for entry in acknowledged) >= commits[0] - 2000
    numbers = [entry["sequence"] for entry in acknowledged]
    assert numbers == sorted(set(numbers)), "each once, in order"


def test_a_broken_connection_costs_nothing_while_the_server_keeps_the_values(server: Server, tmp_path: Path) -> None:
    republished = len(server.command("report")["republished"])
    with TcpProxy(("127.0.0.1", server.port)) as proxy:
        plant = Plant(tmp_path, proxy.port, "Counter", "Ramp", "Static")

        async def act(session: Session) -> None:
            await until(counted(session, 20))
            # answers vanish on the way, the server believes that it sent them
            proxy.blackhole = True
            await asyncio.sleep(0.4)
            await asyncio.to_thread(proxy.reset)
            await until(lambda: "source-down" in plant.slugs())
            proxy.blackhole = False
            await until(lambda: plant.slugs().count("source-up") == 2)
            await until(counted(session, 20))
            await asyncio.to_thread(proxy.reset)
            await until(lambda: plant.slugs().count("source-up") == 3)
            await until(counted(session, 20))

        summary = plant.run(act)
    assert "TransferSubscriptions" in server.services()
    assert len(server.command("report")["republished"]) > republished
    assert plant.missing(server, "Counter") == plant.missing(server, "Ramp") == []
    assert summary.gaps == [] or not list(summary.gaps), "nothing was lost, so there is no gap"
    assert rig.gaps(plant.store).is_empty()
    table = rig.samples(plant.store)
    static = table.filter(table["tag"] == "Static")
    last = static.sort("ts").row(-1, named=True)
    assert last["value"] == 3.0, "a value that did not change is told again after the outage"


def test_what_overflowed_meanwhile_is_a_gap_to_the_microsecond(server: Server, tmp_path: Path) -> None:
    with TcpProxy(("127.0.0.1", server.port)) as proxy:
        plant = Plant(tmp_path, proxy.port, "Counter", "State")
        site = tmp_path / "site.toml"
        site.write_text(site.read_text().replace("queue = 100", "queue = 5"))

        async def act(session: Session) -> None:
            await until(counted(session, 10))
            proxy.refuse = True
            await asyncio.to_thread(proxy.reset)
            await asyncio.sleep(2.0)
            proxy.refuse = False
            await until(lambda: plant.slugs().count("source-up") == 2)
            await until(counted(session, 10))

        plant.run(act)
    stored = sorted(plant.values("Counter"))
    (gap,) = rig.gaps_of(rig.gaps(plant.store), "plc", "Counter")
    before, after = max(ts for ts in stored if ts < gap[0]), min(ts for ts in stored if ts > gap[1])
    assert gap == (before + 1, after - 1, "overflow")
    assert after - before > 500_000
    assert plant.missing(server, "Counter") == []
    assert plant.covered("Counter") == []
    assert rig.gaps_of(rig.gaps(plant.store), "plc", "State") == [], "a tag that did not change lost nothing"


@pytest.mark.parametrize("why", ["refused", "restarted"])
def test_a_server_that_does_not_give_it_leaves_an_exact_gap(tmp_path: Path, why: str) -> None:
    with (
        running(tmp_path / "server", transfer=why != "refused") as server,
        TcpProxy(("127.0.0.1", server.port)) as proxy,
    ):
        plant = Plant(tmp_path, proxy.port, "Counter")

        async def act(session: Session) -> None:
            await until(counted(session, 10))
            if why == "refused":
                await asyncio.to_thread(proxy.reset)
            else:
                await asyncio.to_thread(server.kill)
                await asyncio.to_thread(server.start)
            await until(lambda: plant.slugs().count("source-up") == 2)
            await until(counted(session, 10))

        plant.run(act)
        assert ("TransferSubscriptions" in server.services()) == (why == "refused"), "another run of the server"
        assert plant.missing(server, "Counter") == []
    stored = sorted(plant.values("Counter"))
    (gap,) = rig.gaps_of(rig.gaps(plant.store), "plc", "Counter")
    assert gap[2] == "disconnected"
    assert plant.covered("Counter") == []
    assert min(ts for ts in stored if ts > gap[1]) == gap[1] + 1


def test_too_many_publish_requests_are_not_sent_again(tmp_path: Path) -> None:
    with running(tmp_path / "server", maxPublish=1) as server:
        made = source(config(server.url, period="50ms", queue=100), captured("Counter"), context(tmp_path))

        async def steps(seen: Any) -> None:
            await until(lambda: len(seen.of(0)) > 30)

        seen = asyncio.run(watch(made, steps))
        assert "source-down" not in seen.slugs()
        truth = [ts for ts, _ in server.truth("Counter")]
        stored = seen.of(0).ts.tolist()
        assert stored == [ts for ts in truth if stored[0] <= ts <= stored[-1]]
        assert server.command("report")["mostPublish"] <= 2
