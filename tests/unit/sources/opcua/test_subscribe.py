"""Sequence numbers, missing messages and silent servers, against a session that plays the server."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary

from iiotctl import quality
from iiotctl.events import Event
from iiotctl.samples import GapReason, SampleBatch
from iiotctl.site.model import Tag
from iiotctl.site.sources import OpcUaSource as Config
from iiotctl.sources.base import CapturedTag, SourceContext
from iiotctl.sources.opcua.convert import rule_for
from iiotctl.sources.opcua.failures import ServiceError
from iiotctl.sources.opcua.publish import SubscriptionGoneError
from iiotctl.sources.opcua.resolve import Item, Refused
from iiotctl.sources.opcua.session import ServerLimits, Session
from iiotctl.sources.opcua.subscribe import Subscription

START = 1_790_000_000_000_000


def at(second: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(START / 1e6 + second, dt.UTC)


def message(sequence: int, *values: tuple[int, float, float], status: int = 0) -> ua.NotificationMessage:
    """A notification of (client handle, value, second of the source time); a keep-alive without values."""
    items = [
        ua.MonitoredItemNotification(
            ClientHandle=ua.UInt32(handle),
            Value=ua.DataValue(ua.Variant(value), ua.StatusCode(ua.UInt32(status)), at(second), at(second)),
        )
        for handle, value, second in values
    ]
    data = [ua.DataChangeNotification(MonitoredItems=items)] if items else []
    return ua.NotificationMessage(SequenceNumber=ua.UInt32(sequence), NotificationData=data)  # type: ignore[arg-type]


class Played(Session):
    """A session whose answers come from the test."""

    def __init__(self, context: SourceContext) -> None:
        self.context = context
        self.limits = ServerLimits()
        self.published: deque[Any] = deque()
        self.kept: dict[int, Any] = {}
        self.asked: list[str] = []
        self.acknowledged: list[int] = []
        self.round_trip = 0.0
        self.server_started = None
        self._lost = asyncio.get_running_loop().create_future()

    async def ask(self, request: Any, *, wait: float | None = None) -> bytes:
        name = type(request).__name__.removesuffix("Request")
        self.asked.append(name)
        response: Any = getattr(ua, name + "Response")()
        if name == "CreateSubscription":
            response.Parameters.SubscriptionId = 7
            response.Parameters.RevisedPublishingInterval = request.Parameters.RequestedPublishingInterval
            response.Parameters.RevisedMaxKeepAliveCount = request.Parameters.RequestedMaxKeepAliveCount
        elif name == "CreateMonitoredItems":
            response.Results = [
                ua.MonitoredItemCreateResult(
                    MonitoredItemId=ua.UInt32(100 + i),
                    RevisedSamplingInterval=item.RequestedParameters.SamplingInterval,
                    RevisedQueueSize=item.RequestedParameters.QueueSize,
                )
                for i, item in enumerate(request.Parameters.ItemsToCreate)
            ]
        elif name == "TransferSubscriptions":
            numbers = [ua.UInt32(number) for number in self.kept]
            response.Parameters.Results = [ua.TransferResult(AvailableSequenceNumbers=numbers)]
        elif name == "Republish":
            number = int(request.Parameters.RetransmitSequenceNumber)
            if number not in self.kept:
                raise ServiceError(name, quality.CODES["BadMessageNotAvailable"])
            response.NotificationMessage = self.kept[number]
        elif name == "Publish":
            self.acknowledged += [int(a.SequenceNumber) for a in request.Parameters.SubscriptionAcknowledgements]
            while not self.published:
                await asyncio.sleep(0.005)
            answer = self.published.popleft()
            if isinstance(answer, Exception):
                raise answer
            response.Parameters.SubscriptionId = 7
            response.Parameters.NotificationMessage = answer
            response.Parameters.MoreNotifications = False
        return struct_to_binary(response)


class Seen:
    """A sink that keeps what the tests look at."""

    def __init__(self) -> None:
        self.values: list[tuple[int, float]] = []
        self.holes: list[tuple[list[int] | None, GapReason, int, int]] = []
        self.events: list[str] = []
        self.texts: list[str] = []
        self.refused: list[int] = []
        self.bridges = 0
        self.commits: list[Callable[[], None]] = []
        self.is_durable = True
        """Commit at once; else the test calls `commits`."""

    def samples(self, batch: SampleBatch, on_commit: Callable[[], None] | None = None) -> None:
        if on_commit is not None:
            if self.is_durable:
                on_commit()
            else:
                self.commits.append(on_commit)
        self.values += list(zip(batch.tag.tolist(), batch.value.tolist(), strict=True))

    def bridged(self) -> None:
        self.bridges += 1

    def lost(self, tags: list[int] | None, reason: GapReason, start: int, end: int) -> None:
        self.holes.append((tags, reason, start - START, end - START))

    def failed(self, *_: object) -> None:
        raise AssertionError

    def event(self, event: Event) -> None:
        self.events.append(event.slug)
        self.texts.append(event.text)

    async def ready(self) -> None:
        return


def play(
    messages: list[Any],
    *,
    kept: dict[int, Any] | None = None,
    timeout: str = "1s",
    durable: bool = True,
    abandon: bool = False,
) -> tuple[Seen, Played, str]:
    """Two tags (codes 10 and 11, handles 1 and 2) watched until the messages are used up and a gone answer ends it."""

    async def run() -> tuple[Seen, Played, str]:
        now = iter(range(START, START + 10_000_000_000, 1000))
        loop = asyncio.get_running_loop()
        context = SourceContext(now_us=lambda: next(now), monotonic=loop.time)
        seen, session = Seen(), Played(context)
        seen.is_durable = durable
        config = Config.model_validate({"type": "opcua", "url": "opc.tcp://x", "publish": "100ms", "timeout": timeout})
        subscription = Subscription(
            session,
            config,
            context,
            seen,  # type: ignore[arg-type]
            tell=seen.event,
            on_refused=lambda refused: seen.refused.append(refused.captured.code),
        )
        await subscription.open()
        tags = [CapturedTag(code, Tag(name=f"t{code}", source="s", address="i=1")) for code in (10, 11)]
        refused: list[Refused] = await subscription.add(
            [Item(tag, ua.NodeId(), rule_for(tag.code, tag.tag), True) for tag in tags]
        )
        assert not refused
        session.published.extend(messages)
        session.kept = kept or {}
        with pytest.raises(SubscriptionGoneError) as gone:
            await asyncio.wait_for(subscription.run(), 20)
        if abandon:
            subscription.abandon()
        return seen, session, str(gone.value)

    return asyncio.run(run())


GONE = ServiceError("Publish", quality.CODES["BadNoSubscription"])


def test_messages_in_order_are_delivered_and_acknowledged() -> None:
    seen, session, text = play(
        [message(1, (1, 1.0, 1)), message(2), message(2, (1, 2.0, 2), (2, 5.0, 2)), message(3, (1, 3.0, 3)), GONE]
    )
    assert seen.values == [(10, 1.0), (10, 2.0), (11, 5.0), (10, 3.0)]
    assert not seen.holes
    assert session.acknowledged[:2] == [1, 2]
    assert "dropped" in text


def test_a_missing_message_is_asked_for_again() -> None:
    seen, session, _ = play([message(1, (1, 1.0, 1)), message(3, (1, 3.0, 3)), GONE], kept={2: message(2, (1, 2.0, 2))})
    assert seen.values == [(10, 1.0), (10, 2.0), (10, 3.0)]
    assert session.asked.count("Republish") == 1
    assert not seen.holes
    assert not seen.events


def test_what_cannot_be_fetched_is_a_hole_for_each_tag() -> None:
    seen, _, _ = play([message(1, (1, 1.0, 1), (2, 1.0, 1)), message(4, (1, 4.0, 4)), message(5, (2, 5.0, 5)), GONE])
    assert seen.holes == [
        ([10], GapReason.OVERFLOW, 1_000_001, 3_999_999),
        ([11], GapReason.OVERFLOW, 1_000_001, 4_999_999),
    ]
    assert "notification-lost" in seen.events


def test_nothing_is_acknowledged_while_nothing_is_durable() -> None:
    seen, session, _ = play([message(number, (1, 1.0, number)) for number in range(1, 6)] + [GONE], durable=False)
    assert len(seen.commits) == 5
    assert session.acknowledged == []


def test_the_first_message_may_get_lost_as_well() -> None:
    seen, session, _ = play([message(2), message(2, (1, 2.0, 2)), GONE], kept={1: message(1, (1, 1.0, 1), (2, 5.0, 1))})
    assert seen.values == [(10, 1.0), (11, 5.0), (10, 2.0)]
    assert session.asked.count("Republish") == 1


def test_a_server_that_counts_from_elsewhere_is_believed() -> None:
    seen, session, _ = play([message(70_000, (1, 1.0, 1)), message(70_001, (1, 2.0, 2)), GONE])
    assert seen.values == [(10, 1.0), (10, 2.0)]
    assert "Republish" not in session.asked


def test_a_message_that_is_lost_amid_others_costs_only_itself() -> None:
    kept = {2: message(2, (1, 2.0, 2)), 4: message(4, (1, 4.0, 4))}
    seen, _, _ = play([message(1, (1, 1.0, 1)), message(5, (1, 5.0, 5)), GONE], kept=kept)
    assert seen.values == [(10, 1.0), (10, 2.0), (10, 4.0), (10, 5.0)]
    assert seen.holes == [([10], GapReason.OVERFLOW, 2_000_001, 3_999_999)]


def test_a_hole_that_no_value_ends_is_reported_at_the_end() -> None:
    messages = [message(1, (1, 1.0, 1), (2, 0.001, 0)), message(3, (1, 3.0, 3)), GONE]
    seen, _, _ = play(messages, abandon=True)
    assert [codes for codes, *_ in seen.holes] == [[10], [11]]
    (_, _, start, end) = seen.holes[1]
    assert start == 1
    assert end > start


def test_keep_alives_reveal_a_missing_message_too() -> None:
    seen, _, _ = play([message(1, (1, 1.0, 1)), message(3), message(3, (1, 3.0, 3)), GONE])
    assert seen.holes == [([10], GapReason.OVERFLOW, 1_000_001, 2_999_999)]


def test_a_keep_alive_with_the_last_number_is_forgiven() -> None:
    seen, _, _ = play([message(1, (1, 1.0, 1)), message(1), message(2, (1, 2.0, 2)), GONE])
    assert not seen.holes
    assert not seen.events


def test_overflow_bit() -> None:
    seen, _, _ = play([message(1, (1, 1.0, 1)), message(2, (1, 9.0, 9), status=0x480), GONE])
    assert seen.holes == [([10], GapReason.OVERFLOW, 1_000_001, 8_999_999)]
    seen, _, _ = play([message(1, (1, 1.0, 1)), message(2, (1, 9.0, 9), status=0x400), GONE])
    assert not seen.holes


def test_an_undecodable_message_is_a_hole() -> None:
    broken = ServiceError("Publish", quality.BAD_DECODING_ERROR)
    seen, _, _ = play([message(1, (1, 1.0, 1)), broken, message(3, (1, 3.0, 3)), GONE])
    assert seen.holes == [([10], GapReason.OVERFLOW, 1_000_001, 2_999_999)]


def test_a_value_of_an_item_that_was_never_asked_for_is_damage() -> None:
    damaged = message(2, (1, 999.0, 2), (77, 2.0, 2))
    seen, _, _ = play([message(1, (1, 1.0, 1)), damaged, message(3, (1, 3.0, 3)), GONE])
    assert seen.values == [(10, 1.0), (10, 3.0)]
    assert seen.holes == [([10], GapReason.OVERFLOW, 1_000_001, 2_999_999)]


def test_too_many_publish_requests_reduce_them() -> None:
    too_many = ServiceError("Publish", quality.CODES["BadTooManyPublishRequests"])
    seen, _, _ = play([message(1, (1, 1.0, 1)), too_many, message(2, (1, 2.0, 2)), GONE])
    assert seen.values == [(10, 1.0), (10, 2.0)]


def test_a_vanished_node_is_given_back() -> None:
    seen, _, _ = play([message(1, (2, 1.0, 1), status=quality.BAD_NODE_ID_UNKNOWN), GONE])
    assert seen.refused == [11]


def test_the_server_may_end_it() -> None:
    ended = message(1)
    ended.NotificationData = [ua.StatusChangeNotification(Status=ua.StatusCode(ua.UInt32(quality.BAD_TIMEOUT)))]  # type: ignore[list-item]
    _, _, text = play([ended])
    assert "BadTimeout" in text


def test_a_silent_server_is_noticed() -> None:
    _, _, text = play([message(1, (1, 1.0, 1))], timeout="100ms")
    assert "nothing published" in text


def test_a_denied_value_is_given_back_and_no_row() -> None:
    denied = message(2, (1, 0.0, 1))
    value = denied.NotificationData[0].MonitoredItems[0].Value
    value.StatusCode, value.SourceTimestamp = ua.StatusCode(ua.UInt32(quality.CODES["BadNotReadable"])), None
    seen, _, _ = play([message(1, (1, 1.0, 1)), denied, GONE])
    assert seen.refused == [10]
    assert seen.values == [(10, 1.0)]


def test_an_empty_republished_message_is_lost_like_one_refused() -> None:
    for lie in (message(0), message(2), message(7, (1, 7.0, 2))):
        seen, _, _ = play([message(1, (1, 1.0, 1)), message(3, (1, 3.0, 3)), GONE], kept={2: lie})
        assert seen.values == [(10, 1.0), (10, 3.0)]
        assert seen.holes == [([10], GapReason.OVERFLOW, 1_000_001, 2_999_999)]
        assert "notification-lost" in seen.events


def test_a_message_that_comes_twice_is_taken_once_and_acknowledged_again() -> None:
    first, second = message(1, (1, 1.0, 1)), message(2, (1, 2.0, 2))
    for number, sent in enumerate((first, second)):
        sent.PublishTime = at(number)
    seen, session, _ = play([first, second, first, second, message(3, (1, 3.0, 3)), message(4), GONE])
    assert seen.values == [(10, 1.0), (10, 2.0), (10, 3.0)]
    assert not seen.holes
    assert not seen.events
    assert "Republish" not in session.asked
    assert session.acknowledged.count(1) == session.acknowledged.count(2) == 2


def test_numbers_that_begin_anew_are_told_and_doubted() -> None:
    for anew in ([message(1, (1, 9.0, 9))], [message(1), message(1, (1, 9.0, 9))]):
        seen, session, _ = play([*(message(n, (1, float(n), n), (2, 0.0, n)) for n in range(1, 6)), *anew, GONE])
        assert seen.values[-1] == (10, 9.0)
        assert seen.holes == [([10], GapReason.OVERFLOW, 5_000_001, 8_999_999)]
        assert "Republish" not in session.asked
        assert seen.texts == [
            "the server began to number its notifications anew; the holes are marked tag by tag",
        ]
