"""What a poll hands on: news only, and a value that the server denies once, against a session that plays the server."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import numpy as np
from asyncua import ua

from iiotctl import quality
from iiotctl.samples import GapReason, SampleBatch
from iiotctl.site.model import Tag
from iiotctl.site.sources import OpcUaSource as Config
from iiotctl.sources.base import CapturedTag, SourceContext, SourceStatus
from iiotctl.sources.opcua.convert import rule_for
from iiotctl.sources.opcua.failures import ServiceError
from iiotctl.sources.opcua.poll import Poller
from iiotctl.sources.opcua.resolve import Item, Refused
from iiotctl.sources.opcua.session import ServerLimits, Session

START = 1_790_000_000_000_000
NOT_READABLE = quality.CODES["BadNotReadable"]
SENSOR = quality.BAD_SENSOR_FAILURE


def at(second: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(START / 1e6 + second, dt.UTC)


def data(value: float | None, source: dt.datetime | None, status: int = 0) -> ua.DataValue:
    variant = None if value is None else ua.Variant(value)
    return ua.DataValue(variant, ua.StatusCode(ua.UInt32(status)), source, at(0))


class Played(Session):
    """A session that answers each read of one node with the next of its values."""

    def __init__(self, context: SourceContext, answers: list[ua.DataValue | ServiceError]) -> None:
        self.context = context
        self.limits = ServerLimits()
        self.answers = answers
        self.last_answer_us = START
        self._lost = asyncio.get_running_loop().create_future()

    async def read(self, nodes: Any, *_: Any, **__: Any) -> list[ua.DataValue]:
        self.last_answer_us += 1_000_000
        answer = self.answers.pop(0)
        if isinstance(answer, ServiceError):
            raise answer
        return [answer] * len(nodes)


class Seen:
    def __init__(self) -> None:
        self.rows: list[tuple[float | None, int]] = []
        self.failures: list[tuple[list[int], GapReason, int]] = []
        self.refused: list[int] = []
        self.back: list[int] = []

    def samples(self, batch: SampleBatch) -> None:
        values = [None if np.isnan(value) else value for value in batch.value.tolist()]
        self.rows += list(zip(values, batch.quality.tolist(), strict=True))

    def failed(self, tags: list[int], reason: GapReason, status: int, _at: int) -> None:
        self.failures.append((tags, reason, status))

    def bridged(self) -> None:
        raise AssertionError

    def lost(self, *_: object) -> None:
        """A busy machine skips cycles."""


def play(*answers: ua.DataValue | ServiceError) -> Seen:
    """One tag, code 7, polled until the answers are used up."""

    async def run() -> Seen:
        loop = asyncio.get_running_loop()
        context = SourceContext(now_us=lambda: START, monotonic=loop.time)
        seen, session = Seen(), Played(context, list(answers))
        config = Config.model_validate({"type": "opcua", "url": "opc.tcp://x", "mode": "poll", "period": "10ms"})
        refused: list[Refused] = []
        poller = Poller(
            session,
            config,
            context,
            seen,  # type: ignore[arg-type]
            status=SourceStatus("s", "x"),
            on_refused=refused.append,
            on_back=lambda captured: seen.back.append(captured.code),
        )
        tag = CapturedTag(7, Tag(name="t", source="s", address="i=1"))
        await poller.add([Item(tag, ua.NodeId(), rule_for(tag.code, tag.tag), True)])
        task = asyncio.create_task(poller.run())
        while session.answers:
            assert not task.done(), task.exception()
            await asyncio.sleep(0.005)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        seen.refused = [entry.status for entry in refused]
        return seen

    return asyncio.run(run())


def test_an_unchanged_value_is_delivered_once() -> None:
    seen = play(data(1.0, at(0)), data(1.0, at(0)), data(1.0, at(1)), data(2.0, at(1)), data(2.0, at(1)))
    assert [value for value, _ in seen.rows] == [1.0, 1.0, 2.0]


def test_an_impossible_source_time_makes_no_news() -> None:
    ancient = dt.datetime(1980, 2, 5, tzinfo=dt.UTC)
    seen = play(data(5.0, ancient), data(5.0, ancient), data(5.0, ancient), data(6.0, ancient))
    assert seen.rows == [(5.0, quality.UNCERTAIN), (6.0, quality.UNCERTAIN)]


def test_a_value_without_a_time_is_read_anew_each_time() -> None:
    seen = play(data(1.0, None), data(1.0, None))
    assert [value for value, _ in seen.rows] == [1.0, 1.0]


def test_a_broken_sensor_is_data() -> None:
    seen = play(data(1.0, at(0)), data(1.0, at(1), SENSOR), data(1.0, at(1), SENSOR), data(1.0, at(2), SENSOR))
    assert seen.rows == [(1.0, 0), (None, SENSOR), (None, SENSOR)]
    assert not seen.refused


def test_a_denied_value_is_told_once_and_no_row() -> None:
    denied = data(None, None, NOT_READABLE)
    seen = play(data(1.0, at(0)), denied, denied, denied, data(1.0, at(0)))
    assert seen.refused == [NOT_READABLE]
    assert seen.rows == [(1.0, 0), (1.0, 0)], "the value from before ends the gap"
    assert seen.back == [7]


def test_another_denial_is_news() -> None:
    other = data(None, None, quality.CODES["BadUserAccessDenied"])
    gone = data(None, None, quality.BAD_NODE_ID_UNKNOWN)
    assert play(data(None, None, NOT_READABLE), other, gone, gone).refused == [
        NOT_READABLE,
        quality.CODES["BadUserAccessDenied"],
        quality.BAD_NODE_ID_UNKNOWN,
    ]


def test_servers_may_stamp_a_denial() -> None:
    seen = play(data(None, at(0), NOT_READABLE), data(None, at(1), NOT_READABLE))
    assert seen.refused == [NOT_READABLE]
    assert not seen.rows


def test_a_short_array_is_data_when_it_has_a_time() -> None:
    short = quality.CODES["BadIndexRangeNoData"]
    assert play(data(None, at(0), short)).rows == [(None, short)]
    assert play(data(None, None, short)).refused == [short]


def test_a_refused_read_fails_its_tags() -> None:
    seen = play(data(1.0, at(0)), ServiceError("Read", quality.CODES["BadTooManyOperations"]), data(1.0, at(0)))
    assert seen.failures == [([7], GapReason.REFUSED, quality.CODES["BadTooManyOperations"])]
    assert len(seen.rows) == 2
