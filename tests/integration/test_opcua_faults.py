"""OPC UA faults against node-opcua: restarts, dropped subscriptions, half-open links, garbage, moved namespaces."""

from __future__ import annotations

import asyncio
import itertools
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from iiotctl import quality
from iiotctl.errors import SourceError
from iiotctl.samples import GapReason
from iiotctl.sources.base import SourceState
from iiotctl.sources.opcua import session as session_module
from tests.integration.opcua_peer import Server, Watcher, captured, config, context, running, source, until, watch
from tests.integration.proxy import TcpProxy

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("faults")) as started:
        yield started


@pytest.fixture
def proxy(server: Server) -> Iterator[TcpProxy]:
    with TcpProxy(("127.0.0.1", server.port)) as made:
        yield made


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "KEEP_ALIVE_S", 0.3)


def last_ts(seen: Watcher) -> int:
    return max((int(batch.ts.max()) for batch in seen.batches if len(batch)), default=0)


@pytest.mark.parametrize("mode", ["subscribe", "poll"])
def test_server_restart(tmp_path: Path, mode: str) -> None:
    with running(tmp_path / "server") as server:
        made = source(config(server.url, mode=mode), captured("Counter"), context(tmp_path))

        async def steps(seen: Watcher) -> None:
            await until(lambda: len(seen.of(0)) > 3)
            await asyncio.to_thread(server.kill)
            await until(lambda: seen.failures)
            known = last_ts(seen)
            assert made.status.state is SourceState.DOWN
            await asyncio.sleep(0.5)
            await asyncio.to_thread(server.start)
            await until(lambda: last_ts(seen) > known)
            assert made.status.state is SourceState.RUNNING

        seen = asyncio.run(watch(made, steps))
    tags, reason, code, at = seen.failures[0]
    assert (tags, reason, code) == (None, GapReason.DISCONNECTED, quality.BAD_NO_COMMUNICATION)
    assert all(failure[0] is None for failure in seen.failures)
    before = [batch for batch in seen.batches if int(batch.ts_received[0]) <= at]  # type: ignore[index]
    assert before, "`at` is the last moment when the server was known to be well"
    assert made.status.reconnects >= 1
    assert "source-down" in seen.slugs()
    assert seen.slugs().count("source-up") == 2


def test_dropped_subscription_is_noticed_and_made_anew(server: Server, tmp_path: Path) -> None:
    made = source(config(server.url), captured("Counter"), context(tmp_path))

    async def steps(seen: Watcher) -> None:
        await until(lambda: len(seen.of(0)) > 3)
        assert server.command("drop_subscriptions")["dropped"] >= 1  # also those of sessions that tests cut off
        await until(lambda: seen.failures)
        count = len(seen.of(0))
        await until(lambda: len(seen.of(0)) > count + 3)

    seen = asyncio.run(watch(made, steps))
    assert seen.failures[0][0] is None
    assert made.status.reconnects == 0, "the session was kept"
    assert server.services() >= {"CreateSubscription", "CreateMonitoredItems"}


@pytest.mark.parametrize("fault", ["half_open", "blackhole"])
@pytest.mark.parametrize("mode", ["subscribe", "poll"])
def test_silent_link_is_noticed(proxy: TcpProxy, tmp_path: Path, impatient: None, mode: str, fault: str) -> None:
    settings = config(f"opc.tcp://127.0.0.1:{proxy.port}", mode=mode, timeout="500ms")
    made = source(settings, captured("Counter"), context(tmp_path))

    async def steps(seen: Watcher) -> None:
        await until(lambda: len(seen.of(0)) > 3)
        known = last_ts(seen)
        if fault == "half_open":
            await asyncio.to_thread(proxy.half_open)
        else:
            proxy.blackhole = True
        await until(lambda: seen.failures)
        tags, reason, code, at = seen.failures[0]
        assert (tags, reason, code) == (None, GapReason.TIMEOUT, quality.BAD_TIMEOUT)
        assert abs(at - known) < 2_000_000
        proxy.blackhole = False
        await until(lambda: last_ts(seen) > known + 1_000_000 and made.status.state is SourceState.RUNNING)

    asyncio.run(watch(made, steps))


def test_reset_delay_and_split(proxy: TcpProxy, tmp_path: Path) -> None:
    made = source(config(f"opc.tcp://127.0.0.1:{proxy.port}"), captured("Counter", "Name"), context(tmp_path))

    async def steps(seen: Watcher) -> None:
        proxy.split = 7
        proxy.split_pause = 0.0
        await until(lambda: len(seen.of(0)) > 3)
        await asyncio.to_thread(proxy.reset)
        await until(lambda: seen.failures)
        known = last_ts(seen)
        await until(lambda: last_ts(seen) > known)
        proxy.split, proxy.delay = 0, 0.15
        count = len(seen.of(0))
        await until(lambda: len(seen.of(0)) > count + 10)

    seen = asyncio.run(watch(made, steps))
    values = seen.of(0).value.tolist()
    assert all(after >= before for before, after in itertools.pairwise(values))
    assert seen.failures[0][1] is GapReason.DISCONNECTED


def test_garbage_ends_in_a_new_connection_not_in_wrong_values(proxy: TcpProxy, tmp_path: Path, server: Server) -> None:
    made = source(config(f"opc.tcp://127.0.0.1:{proxy.port}"), captured("Counter"), context(tmp_path))

    async def steps(seen: Watcher) -> None:
        await until(lambda: len(seen.of(0)) > 3)
        proxy.garble = lambda chunk: b"\xff" * len(chunk)
        await until(lambda: seen.failures)
        proxy.garble = None
        known = last_ts(seen)
        await until(lambda: last_ts(seen) > known)

    seen = asyncio.run(watch(made, steps))
    truth = dict(server.truth("Counter"))
    assert all(
        truth[ts] == value
        for ts, value in zip(seen.of(0).ts.tolist(), seen.of(0).value.tolist(), strict=True)
        if ts in truth
    )


def test_reconnects_are_paced(proxy: TcpProxy, tmp_path: Path) -> None:
    proxy.refuse = True
    made = source(config(f"opc.tcp://127.0.0.1:{proxy.port}"), captured("Counter"), context(tmp_path))

    async def steps(seen: Watcher) -> None:
        await asyncio.sleep(1.5)

    seen = asyncio.run(watch(made, steps))
    assert 2 <= proxy.accepts <= 12
    told = [event.data.get("error") for event in seen.events if event.slug == "source-down"]
    assert len(told) == len(set(told)), "the same trouble is told once"


def test_namespace_that_moves(tmp_path: Path) -> None:
    folder = tmp_path / "server"
    tags = captured("Counter", "ns=2;s=Counter")
    with running(folder) as server:
        made = source(config(server.url), tags, context(tmp_path))

        async def steps(seen: Watcher) -> None:
            await until(lambda: len(seen.of(0)) > 2 and len(seen.of(1)) > 2)
            await asyncio.to_thread(server.stop)
            server.options["namespaces"] = ["urn:another", "urn:iiotctl:test"]
            await asyncio.to_thread(server.start)
            known = last_ts(seen)
            await until(lambda: last_ts(seen) > known and "tag-refused" in seen.slugs())

        seen = asyncio.run(watch(made, steps))
    assert seen.slugs().count("namespaces-changed") == 1
    assert int(seen.batches[-1].tag[0]) == 0, "the tag named by URI goes on"
    again = Watcher()
    assert "namespaces-changed" not in again.slugs()


@pytest.mark.parametrize(
    ("url", "slug"),
    [
        ("opc.tcp://no-such-host.invalid:4840", "source-host-unknown"),
        ("opc.tcp://:4840", "opcua-url"),
    ],
)
def test_where_nobody_is(tmp_path: Path, url: str, slug: str) -> None:
    tags = captured("Counter")
    with pytest.raises(SourceError) as caught:
        asyncio.run(source(config(url), tags, context(tmp_path)).read_once(tags))
    assert caught.value.slug == slug


def test_refused_and_mute_and_not_opcua(tmp_path: Path) -> None:
    tags = captured("Counter")

    def slug(port: int) -> str:
        settings = config(f"opc.tcp://127.0.0.1:{port}", timeout="300ms")
        with pytest.raises(SourceError) as caught:
            asyncio.run(source(settings, tags, context(tmp_path)).read_once(tags))
        return caught.value.slug

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        assert slug(port) == "source-refused"
        listener.listen()
        assert slug(port) == "source-silent"

    async def http() -> str:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(100)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            await reader.read()
            writer.close()

        listening = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with listening:
            settings = config(f"opc.tcp://127.0.0.1:{listening.sockets[0].getsockname()[1]}", timeout="500ms")
            with pytest.raises(SourceError) as caught:
                await source(settings, tags, context(tmp_path)).read_once(tags)
            return caught.value.slug

    assert asyncio.run(http()) == "opcua-not-spoken"


def test_nothing_of_asyncua_reaches_stderr(server: Server, tmp_path: Path) -> None:
    script = """
        import asyncio, sys
        from pathlib import Path
        from tests.integration.opcua_peer import captured, config, context, source, until, watch
        url, folder = sys.argv[1], Path(sys.argv[2])

        async def steps(seen):
            await until(lambda: len(seen.of(0)) > 2)
            from tests.integration.proxy import TcpProxy

        for address in (url, "opc.tcp://127.0.0.1:1"):
            made = source(config(address), captured("Counter", "Nowhere"), context(folder))
            if address == url:
                asyncio.run(watch(made, steps))
            else:
                try:
                    asyncio.run(made.read_once(captured("Counter")))
                except Exception as error:
                    print(error.slug)
    """
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", textwrap.dedent(script), server.url, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "source-refused\n"
    assert done.stderr == ""
