"""A subscription that moves to another session: what proves that nothing is missing, and what does not."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest
from asyncua import ua

from iiotctl import quality
from iiotctl.samples import GapReason
from iiotctl.site.model import Tag
from iiotctl.site.sources import OpcUaSource as Config
from iiotctl.sources.base import CapturedTag, SourceContext
from iiotctl.sources.opcua.convert import rule_for
from iiotctl.sources.opcua.failures import SessionLostError
from iiotctl.sources.opcua.publish import SubscriptionGoneError
from iiotctl.sources.opcua.resolve import Item
from iiotctl.sources.opcua.subscribe import Subscription
from tests.unit.sources.opcua.test_subscribe import GONE, START, Played, Seen, message, play

STARTED = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
CUT = SessionLostError("cut", GapReason.DISCONNECTED, quality.BAD_NO_COMMUNICATION)


class Order(Seen):
    """Also keeps what came in which order."""

    def __init__(self) -> None:
        super().__init__()
        self.order: list[Any] = []

    def bridged(self) -> None:
        self.order.append("bridged")

    def samples(self, batch: Any, on_commit: Any = None) -> None:
        super().samples(batch, on_commit)
        self.order += batch.value.tolist()


def move(before: Sequence[Any], after: Sequence[Any], kept: dict[int, Any]) -> tuple[Order, Played, str]:
    """One tag; a session that plays `before` and is lost, then one that takes over and plays `after`."""

    async def run() -> tuple[Order, Played, str]:
        now = iter(range(START, START + 10_000_000_000, 1000))
        loop = asyncio.get_running_loop()
        context = SourceContext(now_us=lambda: next(now), monotonic=loop.time)
        seen, session, later = Order(), Played(context), Played(context)
        session.server_started = later.server_started = STARTED
        config = Config.model_validate({"type": "opcua", "url": "opc.tcp://x", "publish": "100ms", "timeout": "200ms"})
        subscription = Subscription(
            session,
            config,
            context,
            seen,  # type: ignore[arg-type]
            tell=seen.event,
            on_refused=lambda _: None,
        )
        await subscription.open()
        tag = CapturedTag(10, Tag(name="t", source="s", address="i=1"))
        await subscription.add([Item(tag, ua.NodeId(), rule_for(tag.code, tag.tag), True)])
        session.published.extend([*before, CUT])
        with pytest.raises(SessionLostError):
            await asyncio.wait_for(subscription.run(), 20)
        seen.order.append("cut")
        later.kept = kept
        later.published.extend(after)
        assert await subscription.move(later)
        with pytest.raises(SubscriptionGoneError) as gone:
            await asyncio.wait_for(subscription.run(), 20)
        return seen, later, str(gone.value)

    return asyncio.run(run())


def test_nothing_is_bridged_before_something_was_published() -> None:
    seen, _, text = move([message(1, (1, 1.0, 1))], [], {})
    assert "nothing published" in text
    assert seen.order == [1.0, "cut"]


def test_a_keep_alive_is_enough_and_what_was_kept_comes_behind_the_bridge() -> None:
    kept = {2: message(2, (1, 2.0, 2))}
    seen, session, _ = move([message(1, (1, 1.0, 1))], [message(3), GONE], kept)
    assert seen.order == [1.0, "cut", "bridged", 2.0]
    assert session.asked.count("Republish") == 1


def test_what_was_kept_is_not_thrown_away_when_nothing_is_published() -> None:
    seen, _, _ = move([message(1, (1, 1.0, 1))], [], {2: message(2, (1, 2.0, 2))})
    assert seen.order == [1.0, "cut", "bridged", 2.0], "then the failure of the subscription opens the gap behind it"


def test_what_was_kept_waits_for_the_first_message_though_it_is_there() -> None:
    seen, _, _ = move([message(1, (1, 1.0, 1))], [message(3, (1, 3.0, 3)), GONE], {2: message(2, (1, 2.0, 2))})
    assert seen.order == [1.0, "cut", "bridged", 2.0, 3.0]
    assert not seen.holes


def test_a_moved_subscription_has_two_keep_alives_to_prove_itself() -> None:
    async def run() -> tuple[float, float]:
        context = SourceContext(now_us=lambda: START, monotonic=lambda: 0.0)
        config = Config.model_validate({"type": "opcua", "url": "opc.tcp://x", "publish": "500ms", "timeout": "1m"})
        session, later = Played(context), Played(context)
        session.server_started = later.server_started = STARTED
        seen = Order()
        made = Subscription(session, config, context, seen, tell=seen.event, on_refused=lambda _: None)  # type: ignore[arg-type]
        await made.open()
        before = made._patience()
        await made.move(later)
        return before, made._patience()

    assert asyncio.run(run()) == (70.0, 10.0)


def told_of_a_transfer(sequence: int) -> ua.NotificationMessage:
    told = message(sequence)
    status = ua.StatusCode(ua.UInt32(quality.CODES["GoodSubscriptionTransferred"]))
    told.NotificationData = [ua.StatusChangeNotification(Status=status)]  # type: ignore[list-item]
    return told


def test_being_told_of_its_own_transfer_does_not_end_it() -> None:
    after = [told_of_a_transfer(2), message(3, (1, 3.0, 3)), GONE]
    seen, _, text = move([message(1, (1, 1.0, 1))], after, {})
    assert seen.order == [1.0, "cut", "bridged", 3.0]
    assert "dropped" in text


def test_being_told_that_another_client_took_it_ends_it() -> None:
    _, _, text = play([message(1, (1, 1.0, 1)), told_of_a_transfer(2)])
    assert "GoodSubscriptionTransferred" in text
