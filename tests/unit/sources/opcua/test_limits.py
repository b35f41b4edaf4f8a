"""What a profile says applies where the site file says nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from iiotctl.site.model import Tag
from iiotctl.site.sources import OpcUaSource
from iiotctl.sources import profiles
from iiotctl.sources.base import CapturedTag
from iiotctl.sources.opcua.limits import Family, family_of, publish_of
from iiotctl.sources.opcua.planning import planned, queue_of, sampling_of


def config(**more: Any) -> OpcUaSource:
    return OpcUaSource.model_validate({"type": "opcua", "url": "opc.tcp://x", **more})


def captured(**more: Any) -> CapturedTag:
    return CapturedTag(0, Tag(name="t", source="s", address="i=1", **more))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = {
        "max_items_per_call": 20,
        "max_nodes_per_read": 30,
        "max_queue": 4,
        "max_publish_requests": 3,
        "min_sampling_ms": 2000,
        "min_publish_ms": 1500,
        "deadband_filter": 0,
    }
    monkeypatch.setattr(profiles, "load", lambda name: {"small": SimpleNamespace(opcua=figures)}[name])


def test_no_profile_no_limits() -> None:
    assert family_of(config()) == Family()


def test_figures_of_the_profile(small: None) -> None:
    family = family_of(config(profile="small"))
    assert family == Family(20, 30, 4, 3, 2.0, 1.5, has_deadband=False)
    assert queue_of(1.0, 0.1, config(), family) == 4
    assert publish_of(config(), family) == 1.5
    assert sampling_of(captured(), config(), family) == 2.0
    (request,) = planned("s", config(profile="small"), [captured()])
    assert request.request == "subscribe 1 items, sampling 2s, publish 1s500ms, queue 4"


def test_the_site_file_wins(small: None) -> None:
    family = family_of(config(profile="small"))
    assert queue_of(1.0, 0.1, config(queue=50), family) == 50
    assert publish_of(config(publish="200ms"), family) == 0.2
    assert sampling_of(captured(), config(period="100ms"), family) == 0.1
    assert sampling_of(captured(period="300ms"), config(), family) == 0.3


@pytest.mark.parametrize("name", profiles.names())
def test_every_profile_can_be_applied(name: str) -> None:
    family = family_of(config(profile=name))
    assert family.queue is None or family.queue >= 1
    assert family.publish_requests is None or family.publish_requests >= 1
