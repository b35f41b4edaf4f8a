"""A server that does what servers must not: silent subscriptions, forgetful queues, answers full of lies."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import random
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from iiotctl.samples import GapReason
from iiotctl.sources.base import CapturedTag
from iiotctl.sources.opcua import client as client_module
from iiotctl.sources.opcua.source import OpcUaSource
from iiotctl.sources.opcua.vitals import MOST_READ
from tests.integration.opcua_peer import QUICK, Watcher, captured, config, context, source, until, watch
from tests.integration.opcua_player import Player
from tests.integration.proxy import TcpProxy

pytestmark = pytest.mark.integration


@pytest.fixture
def player() -> Iterator[Player]:
    with Player() as made:
        made.values = {"a": 1.0, "b": 2.0}
        yield made


def tags(*names: str) -> list[CapturedTag]:
    return captured(*(f"ns=1;s={name}" for name in names))


def quick(player: Player, folder: Path, *names: str, port: int | None = None, **timing: float) -> OpcUaSource:
    url = player.url if port is None else f"opc.tcp://127.0.0.1:{port}"
    made = source(config(url, publish="50ms", period="50ms"), tags(*names), context(folder))
    made.timing = dataclasses.replace(QUICK, **timing)
    return made


SOON = {"silence_least": 0.4, "silence_times": 4.0, "probe_every": 0.3}


def test_a_dead_subscription_is_named_and_made_anew(player: Player, tmp_path: Path) -> None:
    made = quick(player, tmp_path, "a", "b", **SOON)
    died = 0

    async def steps(seen: Watcher) -> None:
        nonlocal died
        for number in range(10):
            player.values["a"] = float(number)
            await asyncio.sleep(0.06)
        await until(lambda: len(seen.of(0)) > 5)
        player.is_dead = True
        await asyncio.sleep(0.2)
        died = time.time_ns() // 1000
        player.values["a"] = 99.0
        await until(lambda: "subscription-dead" in seen.slugs())
        player.is_dead = False
        await until(lambda: 99.0 in seen.of(0).value.tolist())

    seen = asyncio.run(watch(made, steps))
    (event,) = [event for event in seen.events if event.slug == "subscription-dead"]
    assert "`t.ns_1_s_a`" in event.text
    assert "_b" not in event.text
    tags_, reason, _, at = seen.failures[0]
    assert (tags_, reason) == (None, GapReason.TIMEOUT)
    values = seen.of(0)
    before = [int(ts) for ts, value in zip(values.ts, values.value, strict=True) if value != 99.0]
    assert max(before) <= at < died, "the gap begins at the last notification, not at the last keep-alive"
    assert player.asked.count("CreateSubscription") == 2
    assert made.status.reconnects == 0


def test_a_quiet_plant_is_not_dead_and_asked_gently(player: Player, tmp_path: Path) -> None:
    player.values = {f"v{number}": float(number) for number in range(3 * MOST_READ)}
    made = quick(player, tmp_path, *player.values, **SOON)
    reads: list[int] = []

    async def steps(seen: Watcher) -> None:
        await until(lambda: len(seen.batches) > 0)
        started = len([name for name in player.asked if name == "Read"])
        await asyncio.sleep(1.5)
        reads.append(len([name for name in player.asked if name == "Read"]) - started)

    seen = asyncio.run(watch(made, steps))
    assert "subscription-dead" not in seen.slugs()
    assert not seen.failures
    assert 1 <= reads[0] <= 5


def test_a_dead_item_among_living_ones_is_named_and_watched_anew(player: Player, tmp_path: Path) -> None:
    player.values["c"] = 7.0
    made = quick(player, tmp_path, "a", "b", "c", **SOON)

    async def steps(seen: Watcher) -> None:
        await until(lambda: len(seen.of(1)) > 0 and len(seen.of(2)) > 0)
        player.withheld = {"b"}
        player.values["b"] = 5.0
        number = 0
        while "item-dead" not in seen.slugs() or 5.0 not in seen.of(1).value.tolist():
            number += 1
            player.values["a"] = float(number)
            await asyncio.sleep(0.06)
            assert number < 300
        await until(lambda: seen.losses)
        player.values["b"] = 6.0
        await until(lambda: 6.0 in seen.of(1).value.tolist())

    seen = asyncio.run(watch(made, steps))
    (event,) = [event for event in seen.events if event.slug == "item-dead"]
    assert event.tag == "t.ns_1_s_b", "not the one that did not change"
    ((codes, reason, start, end),) = seen.losses
    times = dict(zip(seen.of(1).value.tolist(), seen.of(1).ts.tolist(), strict=True))
    assert (codes, reason, start, end) == ([1], GapReason.TIMEOUT, times[2.0] + 1, times[5.0] - 1)
    assert not seen.failures, "the others were not interrupted"
    assert player.asked.count("CreateSubscription") == 1
    assert player.asked.count("DeleteMonitoredItems") == 1
    assert player.asked.count("CreateMonitoredItems") == 2


def test_an_item_that_never_gave_its_first_value_is_dead_too(player: Player, tmp_path: Path) -> None:
    create = player._on_createmonitoreditems

    def forget(request, response) -> None:  # type: ignore[no-untyped-def]
        create(request, response)
        if player.asked.count("CreateMonitoredItems") == 1:
            player.withheld = {"b"}

    player._on_createmonitoreditems = forget  # type: ignore[method-assign]
    made = quick(player, tmp_path, "a", "b", **SOON)

    async def steps(seen: Watcher) -> None:
        number = 0
        while not len(seen.of(1)):
            number += 1
            player.values["a"] = float(number)
            await asyncio.sleep(0.06)
            assert number < 300

    seen = asyncio.run(watch(made, steps))
    (event,) = [event for event in seen.events if event.slug == "item-dead"]
    assert "from the start" in event.text


def test_items_that_are_silent_alone_are_read_gently_and_in_turn(player: Player, tmp_path: Path) -> None:
    player.values = {f"v{number}": float(number) for number in range(2 * MOST_READ)} | {"a": 0.0}
    asked: list[tuple[float, list[str]]] = []
    read = player._on_read

    def note(request, response) -> None:  # type: ignore[no-untyped-def]
        nodes = [each.NodeId.Identifier for each in request.Parameters.NodesToRead if each.NodeId.NamespaceIndex == 1]
        asked.append((time.monotonic(), nodes))
        read(request, response)

    made = quick(player, tmp_path, *player.values, **{**SOON, "probe_every": 0.5})

    async def steps(seen: Watcher) -> None:
        await until(lambda: len({code for batch in seen.batches for code in batch.tag.tolist()}) > 2 * MOST_READ)
        player._on_read = note  # type: ignore[method-assign]
        for number in range(50):
            player.values["a"] = float(number)
            await asyncio.sleep(0.06)

    seen = asyncio.run(watch(made, steps))
    assert "item-dead" not in seen.slugs()
    looks = [(at, nodes) for at, nodes in asked if nodes]
    assert all(len(nodes) <= MOST_READ and "a" not in nodes for _, nodes in looks)
    assert len({name for _, nodes in looks[:2] for name in nodes}) == 2 * MOST_READ, "in turn"
    assert all(after - before >= 0.49 for (before, _), (after, _) in itertools.pairwise(looks))


def test_values_in_flight_do_not_make_it_dead(player: Player, tmp_path: Path) -> None:
    made = quick(player, tmp_path, "a", **SOON)

    async def steps(seen: Watcher) -> None:
        await until(lambda: len(seen.of(0)) > 0)
        # read as changed, but delivered before the second look
        body, player.body = player.body, lambda _: None
        player.values["a"] = 5.0
        reads = player.asked.count("Read")
        await until(lambda: player.asked.count("Read") > reads)
        player.body = body
        await asyncio.sleep(1.0)
        assert 5.0 in seen.of(0).value.tolist()

    seen = asyncio.run(watch(made, steps))
    assert "subscription-dead" not in seen.slugs()


def test_too_many_publish_requests_adapt(player: Player, tmp_path: Path) -> None:
    player.most_publish = 1
    made = quick(player, tmp_path, "a")

    async def steps(seen: Watcher) -> None:
        for number in range(20):
            player.values["a"] = float(number)
            await asyncio.sleep(0.06)

    seen = asyncio.run(watch(made, steps))
    assert "source-down" not in seen.slugs()
    values = seen.of(0).value.tolist()
    assert values == sorted(set(values))
    assert len(values) > 10
    assert player.waited <= 2


def test_more_to_come_raises_the_requests_that_wait(player: Player, tmp_path: Path) -> None:
    made = quick(player, tmp_path, "a")

    async def steps(seen: Watcher) -> None:
        await until(lambda: len(seen.of(0)) > 0)
        subscription = next(iter(player.subscriptions.values()))
        for burst in range(6):
            for number in range(10):
                player.values["a"] = burst * 10.0 + number
                body = player._changes(subscription)
                assert body is not None
                subscription.waiting.append(body)
            await asyncio.sleep(0.1)
        await until(lambda: len(seen.of(0)) >= 61)

    seen = asyncio.run(watch(made, steps))
    assert seen.of(0).value.tolist()[-60:] == [float(number) for number in range(60)]
    assert 3 <= player.waited <= 8


def test_a_slow_commit_with_a_short_retransmission_queue_loses_nothing(player: Player, tmp_path: Path) -> None:
    player.retained = 3
    made = quick(player, tmp_path, "a")
    commits = []

    class Late(Watcher):
        def samples(self, batch, on_commit=None) -> None:  # type: ignore[no-untyped-def]
            super().samples(batch)
            commits.append(on_commit)

    async def steps(seen: Watcher) -> None:
        for number in range(20):
            player.values["a"] = float(number)
            await asyncio.sleep(0.06)
        assert player.acknowledged == [], "nothing is durable yet"
        for commit in commits:
            commit()
        player.values["a"] = 77.0
        await until(lambda: len(player.acknowledged) > 0)

    seen = asyncio.run(watch(made, steps, watcher=Late()))
    assert "notification-lost" not in seen.slugs()
    assert len(player.acknowledged) <= 4, "what the server no longer has is not acknowledged"


def test_answers_full_of_lies_do_not_end_the_capture(player: Player, tmp_path: Path) -> None:
    chance = random.Random(7)

    def spoil(name: str, answer: bytes) -> bytes:
        if name != "Publish" or chance.random() > 0.3:
            return answer
        place = chance.randrange(30, max(31, len(answer) - 4))
        return answer[:place] + struct.pack("<i", chance.choice([-2, 0x7FFFFFFF, 1 << 20])) + answer[place + 4 :]

    made = quick(player, tmp_path, "a")

    async def steps(seen: Watcher) -> None:
        await until(lambda: len(seen.of(0)) > 0)
        player.spoil = spoil
        for number in range(40):
            player.values["a"] = float(number)
            await asyncio.sleep(0.055)
        player.spoil = lambda _, answer: answer
        player.values["a"] = 1000.0
        await until(lambda: 1000.0 in seen.of(0).value.tolist())

    asyncio.run(watch(made, steps))


def test_republish_fills_what_got_lost(player: Player, tmp_path: Path) -> None:
    made = quick(player, tmp_path, "a")

    async def steps(seen: Watcher) -> None:
        await until(lambda: len(seen.of(0)) > 0)
        subscription = next(iter(player.subscriptions.values()))
        real = player._answer
        dropped = []

        def lossy(found, parts, sequence) -> None:  # type: ignore[no-untyped-def]
            if parts and len(dropped) < 2:
                dropped.append(sequence)  # kept for Republish, never sent
                return
            real(found, parts, sequence)

        player._answer = lossy  # type: ignore[method-assign]
        for number in range(10, 20):
            player.values["a"] = float(number)
            await asyncio.sleep(0.12)
        await until(lambda: 19.0 in seen.of(0).value.tolist())
        assert subscription.sequence >= 10

    seen = asyncio.run(watch(made, steps))
    assert [value for value in seen.of(0).value.tolist() if value >= 10] == [float(number) for number in range(10, 20)]
    assert player.asked.count("Republish") == 2
    assert not seen.losses


def test_a_subscription_moves_with_what_the_site_file_changed_meanwhile(player: Player, tmp_path: Path) -> None:
    with TcpProxy(("127.0.0.1", player.port)) as proxy:
        made = quick(player, tmp_path, "a", "b", port=proxy.port)

        async def steps(seen: Watcher) -> None:
            await until(lambda: len(seen.of(0)) > 0 and len(seen.of(1)) > 0)
            proxy.refuse = True
            await asyncio.to_thread(proxy.reset)
            await until(lambda: seen.failures)
            player.values["c"] = 3.0
            await made.update([tags("a")[0], CapturedTag(2, tags("c")[0].tag)])
            proxy.refuse = False
            await until(lambda: len(seen.of(2)) > 0)
            player.values["a"] = 50.0
            await until(lambda: 50.0 in seen.of(0).value.tolist())

        seen = asyncio.run(watch(made, steps))
    assert player.asked.count("CreateSubscription") == 1
    assert player.asked.count("TransferSubscriptions") == 1
    assert player.asked.count("DeleteMonitoredItems") == 1
    assert seen.bridges == 1


def test_a_subscription_that_moved_and_keeps_silent_is_a_gap_and_made_anew(player: Player, tmp_path: Path) -> None:
    with TcpProxy(("127.0.0.1", player.port)) as proxy:
        made = quick(player, tmp_path, "a", port=proxy.port)

        async def steps(seen: Watcher) -> None:
            await until(lambda: len(seen.of(0)) > 0)
            player.is_mute = True
            await asyncio.to_thread(proxy.reset)
            await until(lambda: player.asked.count("TransferSubscriptions") > 0)
            player.values["a"] = 50.0
            await until(lambda: len(seen.failures) > 1)
            player.is_mute = False
            await until(lambda: 50.0 in seen.of(0).value.tolist())

        seen = asyncio.run(watch(made, steps))
    assert seen.bridges == 0, "nothing proved that nothing was missed"
    assert player.asked.count("CreateSubscription") == 2
    assert [reason for _, reason, _, _ in seen.failures] == [GapReason.DISCONNECTED, GapReason.TIMEOUT]


def test_a_connection_lost_amid_the_items_leaves_no_tag_out(player: Player, tmp_path: Path) -> None:
    player.values = {f"v{number}": float(number) for number in range(1200)}
    create = player._on_createmonitoreditems
    calls = []

    def swallow(request, response) -> None:  # type: ignore[no-untyped-def]
        calls.append(len(request.Parameters.ItemsToCreate))
        if len(calls) == 2:
            raise ConnectionAbortedError  # the answer never comes
        create(request, response)

    player._on_createmonitoreditems = swallow  # type: ignore[method-assign]
    made = quick(player, tmp_path, *player.values)

    async def steps(seen: Watcher) -> None:
        await until(lambda: len({code for batch in seen.batches for code in batch.tag.tolist()}) == 1200)

    asyncio.run(watch(made, steps))
    assert player.asked.count("CreateSubscription") == 1
    assert sum(calls) == 1200 + calls[1]


def test_a_message_without_end_is_cut_off(player: Player, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "LARGEST_MESSAGE", 1_000_000)
    made = quick(player, tmp_path, "a")

    async def steps(seen: Watcher) -> None:
        await until(lambda: len(seen.of(0)) > 0)
        player.spoil = lambda name, answer: answer + bytes(3_000_000) if name == "Publish" else answer
        player.values["a"] = 5.0
        await until(lambda: seen.failures)
        player.spoil = lambda _, answer: answer
        await until(lambda: 5.0 in seen.of(0).value.tolist())

    seen = asyncio.run(watch(made, steps))
    assert any("without end" in event.text for event in seen.events)
