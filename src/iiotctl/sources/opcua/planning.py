"""What can be known about a source's tags without contact: wrong addresses, and the requests to come."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from iiotctl.errors import SiteError
from iiotctl.site.model import Tag
from iiotctl.site.sources import OpcUaSource
from iiotctl.site.units import format_duration
from iiotctl.sources.base import CapturedTag, PlannedRequest
from iiotctl.sources.opcua.limits import Family, family_of, publish_of
from iiotctl.sources.opcua.nodeid import parse_node_id

BATCH: Final = 500
"""Nodes a request until the server has told its own limit."""
SMALLEST_QUEUE: Final = 10


def period_of(captured: CapturedTag, config: OpcUaSource) -> float:
    """Sampling or poll interval of a tag, seconds."""
    return captured.tag.period or config.period


def queue_size(publish_s: float, period_s: float, configured: int | None) -> int:
    """Values a server shall keep for an item between two publishes: three intervals' worth, at least ten."""
    if configured is not None:
        return configured
    return max(SMALLEST_QUEUE, math.ceil(publish_s / period_s - 1e-9) * 3)


def sampling_of(captured: CapturedTag, config: OpcUaSource, family: Family) -> float:
    """Sampling interval to ask for, seconds."""
    period = period_of(captured, config)
    is_given = captured.tag.period is not None or "period" in config.model_fields_set
    return period if is_given else max(period, family.sampling_s)


def queue_of(publish_s: float, period_s: float, config: OpcUaSource, family: Family) -> int:
    """Queue length to ask for."""
    wanted = queue_size(publish_s, period_s, config.queue)
    return wanted if config.queue is not None or family.queue is None else min(wanted, family.queue)


def check_tags(config: OpcUaSource, tags: Sequence[Tag]) -> list[SiteError]:
    """Addresses that are no OPC UA node ids."""
    problems = []
    for tag in tags:
        try:
            parse_node_id(tag.address)
        except ValueError as error:
            problems.append(
                SiteError(
                    "opcua-address",
                    f"tag `{tag.name}` has an address that is no OPC UA node id",
                    where=tag.name,
                    cause=str(error),
                    hint=f"copy the node id from an OPC UA browser that is connected to {config.url}",
                )
            )
    return problems


def planned(source: str, config: OpcUaSource, tags: Sequence[CapturedTag]) -> list[PlannedRequest]:
    """One entry per sampling interval (subscription) or read request (poll)."""
    family = family_of(config)
    publish_s = publish_of(config, family)
    is_polled = config.mode == "poll"
    groups: dict[float, list[str]] = {}
    for captured in tags:
        period = period_of(captured, config) if is_polled else sampling_of(captured, config, family)
        groups.setdefault(period, []).append(captured.tag.name)
    requests = []
    for period, names in sorted(groups.items()):
        if not is_polled:
            queue = queue_of(publish_s, period, config, family)
            words = (
                f"subscribe {len(names)} items, sampling {format_duration(period)}, "
                f"publish {format_duration(publish_s)}, queue {queue}"
            )
            requests.append(PlannedRequest(source, config.url, period, words, 0, tuple(names)))
            continue
        for start in range(0, len(names), BATCH):
            part = tuple(names[start : start + BATCH])
            requests.append(PlannedRequest(source, config.url, period, f"Read {len(part)} nodes", 0, part))
    return requests
