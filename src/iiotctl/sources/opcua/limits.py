"""What a server family can take (`profile` in the site file), where neither the server nor the site file says less.

The figures stand in `iiotctl.sources.profiles`, each with its source. A key of the site file wins over them.
"""

from __future__ import annotations

from dataclasses import dataclass

from iiotctl.site.sources import OpcUaSource


@dataclass(frozen=True, slots=True)
class Family:
    """Limits of a server family; None = unknown.

    Attributes:
        items_per_call: items of a CreateMonitoredItems request.
        nodes_per_read: nodes of a Read request.
        queue: values kept for an item.
        publish_requests: publish requests that may wait at the server.
        sampling_s: shortest sampling interval, seconds.
        publish_s: shortest publishing interval, seconds.
        has_deadband: the server knows deadband filters.
    """

    items_per_call: int | None = None
    nodes_per_read: int | None = None
    queue: int | None = None
    publish_requests: int | None = None
    sampling_s: float = 0.0
    publish_s: float = 0.0
    has_deadband: bool = True


def family_of(config: OpcUaSource) -> Family:
    """The limits of the source's `profile`.

    Raises:
        SiteError: there is no such profile.
    """
    if config.profile is None:
        return Family()
    from iiotctl.sources.profiles import load

    figures = load(config.profile).opcua

    def whole(key: str) -> int | None:
        return int(figures[key]) if key in figures else None

    return Family(
        whole("max_items_per_call"),
        whole("max_nodes_per_read"),
        whole("max_queue"),
        whole("max_publish_requests"),
        figures.get("min_sampling_ms", 0) / 1000,
        figures.get("min_publish_ms", 0) / 1000,
        bool(figures.get("deadband_filter", 1)),
    )


def publish_of(config: OpcUaSource, family: Family) -> float:
    """Publishing interval to ask for, seconds."""
    return config.publish if "publish" in config.model_fields_set else max(config.publish, family.publish_s)
