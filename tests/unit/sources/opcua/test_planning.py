"""What is asked of the server: queues, filters, plans, pauses."""

from __future__ import annotations

import pytest
from asyncua import ua

from iiotctl import quality
from iiotctl.site.model import Tag
from iiotctl.site.sources import OpcUaSource as Config
from iiotctl.sources.base import CapturedTag
from iiotctl.sources.opcua.convert import rule_for
from iiotctl.sources.opcua.monitored import Watched, make_filter, raw_deadband, relax
from iiotctl.sources.opcua.pacing import Backoff
from iiotctl.sources.opcua.planning import check_tags, planned, queue_size
from iiotctl.sources.opcua.resolve import Item, to_node_id
from iiotctl.sources.opcua.sequence import following
from iiotctl.sources.opcua.source import OpcUaSource


def config(**more: object) -> Config:
    return Config.model_validate({"type": "opcua", "url": "opc.tcp://plc:4840", **more})


def tag(name: str = "t", address: str = "ns=2;s=A", **more: object) -> CapturedTag:
    return CapturedTag(0, Tag.model_validate({"name": name, "source": "plc", "address": address, **more}))


@pytest.mark.parametrize(
    ("publish", "period", "configured", "expected"),
    [(0.5, 1.0, None, 10), (1.0, 0.1, None, 30), (0.5, 0.01, None, 150), (1.0, 0.3, None, 12), (1.0, 0.1, 2, 2)],
)
def test_queues_are_never_short(publish: float, period: float, configured: int | None, expected: int) -> None:
    assert queue_size(publish, period, configured) == expected


def test_deadband_in_the_server_s_units() -> None:
    assert raw_deadband(tag()) is None
    assert raw_deadband(tag(deadband=0.5, scale=-0.1)) == pytest.approx(5.0)
    assert raw_deadband(tag(deadband={"percent": 1.0}, span=[0.0, 200.0], scale=2.0)) == pytest.approx(1.0)


def test_filters() -> None:
    assert make_filter("status-value", None) is None
    plain = make_filter("status", None)
    assert plain is not None
    assert (plain.Trigger, int(plain.DeadbandType)) == (ua.DataChangeTrigger.Status, 0)
    band = make_filter("status-value-timestamp", 2.5)
    assert band is not None
    assert (band.Trigger, int(band.DeadbandType), band.DeadbandValue) == (
        ua.DataChangeTrigger.StatusValueTimestamp,
        1,
        2.5,
    )


def test_refused_requests_are_relaxed_step_by_step() -> None:
    captured = tag(deadband=1.0, element=2)
    rule = rule_for(0, captured.tag, ranged=True)
    entry = Watched(Item(captured, ua.NodeId(), rule, True, "2"), rule, 1.0, 10, 1.0, "status")
    unsupported = quality.CODES["BadMonitoredItemFilterUnsupported"]
    first = relax(entry, unsupported)
    assert entry.deadband is None
    assert getattr(first, "slug", "") == "deadband-here"
    second = relax(entry, unsupported)
    assert entry.trigger == "status-value"
    assert getattr(second, "slug", "") == "trigger-refused"
    assert relax(entry, unsupported) is False
    assert relax(entry, quality.CODES["BadIndexRangeInvalid"]) is True
    assert not entry.rule.ranged
    assert relax(entry, quality.BAD_NODE_ID_UNKNOWN) is False


def test_sequence_numbers_wrap_past_zero() -> None:
    assert following(1) == 2
    assert following(0xFFFF_FFFF) == 1


def test_plan_of_a_subscription_and_of_polling() -> None:
    tags = [tag("a"), tag("b"), tag("c", period="100ms")]
    (fast, slow) = planned("plc", config(), tags)
    assert fast.request == "subscribe 1 items, sampling 100ms, publish 500ms, queue 15"
    assert slow.request == "subscribe 2 items, sampling 1s, publish 500ms, queue 10"
    assert slow.tags == ("a", "b")
    many = [CapturedTag(i, tag(f"t{i}").tag) for i in range(1200)]
    assert [len(request.tags) for request in planned("plc", config(mode="poll"), many)] == [500, 500, 200]


def test_check_names_the_tag() -> None:
    problems = check_tags(config(), [tag("good").tag, tag("bad", address="holding:11").tag])
    assert [(problem.slug, problem.where) for problem in problems] == [("opcua-address", "bad")]
    assert OpcUaSource.check(config(), [tag("bad", address="x").tag])


def test_pauses_double_with_jitter_and_start_anew() -> None:
    pauses = Backoff(1.0, 8.0, chance=lambda: 0.5)
    assert [pauses.pause() for _ in range(5)] == [1.0, 2.0, 4.0, 8.0, 8.0]
    pauses.reset()
    assert pauses.pause() == 1.0
    assert Backoff(1.0, 8.0, chance=lambda: 0.0).pause() == 0.75
    assert Backoff(1.0, 8.0, chance=lambda: 1.0).pause() == 1.25


def test_node_ids_for_a_server() -> None:
    array = ["http://opcfoundation.org/UA/", "urn:server", "urn:plant"]
    assert to_node_id("nsu=urn:plant;s=A", array) == ua.NodeId("A", ua.Int16(2))
    assert to_node_id("nsu=urn:gone;s=A", array) is None
