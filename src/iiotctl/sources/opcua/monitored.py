"""What is asked for per monitored item, and what the server made of it: queue, sampling, filter, index range."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds

from iiotctl import quality
from iiotctl.events import Event, Level
from iiotctl.site.units import format_duration
from iiotctl.sources.base import CapturedTag
from iiotctl.sources.opcua.convert import Rule
from iiotctl.sources.opcua.resolve import Item

_SAME: Final = 1.01
"""Revised intervals within 1 % count as what was asked for."""
_FILTER_REFUSED: Final = frozenset(
    quality.CODES[name]
    for name in (
        "BadMonitoredItemFilterInvalid",
        "BadMonitoredItemFilterUnsupported",
        "BadFilterNotAllowed",
        "BadDeadbandFilterInvalid",
    )
)
_RANGE_REFUSED: Final = frozenset(
    quality.CODES[name] for name in ("BadIndexRangeInvalid", "BadNotSupported", "BadNotImplemented")
)
_TRIGGERS: Final = {
    "status": ua.DataChangeTrigger.Status,
    "status-value": ua.DataChangeTrigger.StatusValue,
    "status-value-timestamp": ua.DataChangeTrigger.StatusValueTimestamp,
}


@dataclass(slots=True)
class Watched:
    """A monitored item: what is asked for; `period_s`, once it is created, what the server made of it if longer."""

    item: Item
    rule: Rule
    period_s: float
    queue: int
    deadband: float | None
    trigger: str
    id: int | None = None


def raw_deadband(captured: CapturedTag) -> float | None:
    """The tag's deadband in the server's units, or None when off."""
    absolute = captured.tag.deadband_absolute
    return None if not absolute else absolute / abs(captured.tag.scale)


def make_filter(trigger: str, deadband: float | None) -> ua.DataChangeFilter | None:
    """The data change filter to ask for; None where the server's default says the same."""
    if deadband is None and trigger == "status-value":
        return None
    return ua.DataChangeFilter(
        Trigger=_TRIGGERS[trigger],
        DeadbandType=ua.UInt32(int(ua.DeadbandType.None_ if deadband is None else ua.DeadbandType.Absolute)),
        DeadbandValue=ua.Double(deadband or 0.0),
    )


def item_request(handle: int, entry: Watched) -> ua.MonitoredItemCreateRequest:
    """The request for one item; discard-oldest, so that the overflow bit stands on the value after the hole."""
    return ua.MonitoredItemCreateRequest(
        ItemToMonitor=ua.ReadValueId(
            NodeId=entry.item.node,
            AttributeId=AttributeIds.Value,
            IndexRange=entry.item.index_range if entry.rule.ranged else None,
        ),
        MonitoringMode=ua.MonitoringMode.Reporting,
        RequestedParameters=ua.MonitoringParameters(
            ClientHandle=ua.UInt32(handle),
            SamplingInterval=ua.Double(entry.period_s * 1000),
            Filter=make_filter(entry.trigger, entry.deadband),
            QueueSize=ua.UInt32(entry.queue),
            DiscardOldest=True,
        ),
    )


def relax(entry: Watched, status: int) -> Event | bool:
    """Ask for less after a refusal.

    Returns:
        An event to tell, True when there is nothing to tell, False when there is nothing left to give up.
    """
    data: dict[str, object] = {"tag": entry.item.captured.tag.name}
    said = quality.name(status)
    if status in _FILTER_REFUSED and entry.deadband is not None:
        entry.deadband = None
        text = f"the server refuses a deadband ({said}); it is applied here instead"
        return Event(Level.NOTICE, "deadband-here", text, data=data)
    if status in _FILTER_REFUSED and entry.trigger != "status-value":
        text = f"the server refuses the trigger `{entry.trigger}` ({said}); it stays at `status-value`"
        entry.trigger = "status-value"
        return Event(Level.WARNING, "trigger-refused", text, data=data)
    if status in _RANGE_REFUSED and entry.rule.ranged:
        entry.rule = dataclasses.replace(entry.rule, ranged=False)
        return True
    return False


def revised(created: Iterable[tuple[Watched, Any]]) -> list[Event]:
    """What the server made of sampling intervals and queue sizes, where it is less than was asked for."""
    slower: dict[tuple[float, float], int] = {}
    shorter: dict[tuple[int, int], int] = {}
    for entry, result in created:
        sampling = float(result.RevisedSamplingInterval) / 1000
        if sampling > entry.period_s * _SAME:
            key = (entry.period_s, sampling)
            slower[key] = slower.get(key, 0) + 1
        if int(result.RevisedQueueSize) < entry.queue:
            lengths = (entry.queue, int(result.RevisedQueueSize))
            shorter[lengths] = shorter.get(lengths, 0) + 1
    events = []
    for (asked, got), count in slower.items():
        text = f"the server samples {count} tags every {format_duration(got)} instead of {format_duration(asked)}"
        data: dict[str, object] = {"tags": count, "asked_s": asked, "got_s": got}
        events.append(Event(Level.WARNING, "sampling-revised", text, data=data))
    for (wanted, kept), count in shorter.items():
        text = f"the server keeps {kept} values a tag for {count} tags instead of {wanted}: fast changes may be lost"
        data = {"tags": count, "asked": wanted, "got": kept}
        events.append(Event(Level.WARNING, "queue-revised", text, data=data))
    return events
