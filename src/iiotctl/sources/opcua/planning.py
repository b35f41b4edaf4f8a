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
    groups: dict[float, list[str]] = {}
    for captured in tags:
        groups.setdefault(period_of(captured, config), []).append(captured.tag.name)
    requests = []
    for period, names in sorted(groups.items()):
        if config.mode == "subscribe":
            queue = queue_size(config.publish, period, config.queue)
            words = (
                f"subscribe {len(names)} items, sampling {format_duration(period)}, "
                f"publish {format_duration(config.publish)}, queue {queue}"
            )
            requests.append(PlannedRequest(source, config.url, period, words, 0, tuple(names)))
            continue
        for start in range(0, len(names), BATCH):
            part = tuple(names[start : start + BATCH])
            requests.append(PlannedRequest(source, config.url, period, f"Read {len(part)} nodes", 0, part))
    return requests
