"""The tags of a run and their codes; a code is given once and never changes its meaning."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from iiotctl.site.model import Limits, Tag
from iiotctl.site.sources import SourceConfig
from iiotctl.sources.base import CapturedTag
from iiotctl.store.schema import TagRow


@dataclass(frozen=True, slots=True)
class Manner:
    """How the tags of a source come.

    Attributes:
        exception: on change only; otherwise every period.
        stamped_here: with the time of our clock.
        continuous: the source goes on while we are away, so that a pause of ours is a gap.
        in_order: every run brings the same samples, in the order of their times: a file with its own times.
    """

    exception: bool
    stamped_here: bool
    continuous: bool
    in_order: bool


def manner_of(config: SourceConfig) -> Manner:
    """How the tags of a source of this configuration come."""
    exception = config.type == "opcua" and getattr(config, "mode", "") == "subscribe"
    return Manner(
        exception=exception,
        stamped_here=config.type not in ("opcua", "replay"),
        continuous=config.type != "replay",
        in_order=config.type == "replay" and getattr(config, "speed", "") == "fast",
    )


def period_us(tag: Tag, config: SourceConfig) -> int:
    """Scan period or sampling interval of a tag, µs."""
    return round((tag.period if tag.period is not None else config.period) * 1e6)


def row_of(captured: CapturedTag, config: SourceConfig) -> TagRow:
    """What the store keeps about a tag."""
    tag = captured.tag
    limits = tag.limits or Limits()
    is_modbus = config.type.startswith("modbus")
    return TagRow(
        code=captured.code,
        tag=tag.name,
        source=tag.source,
        asset=tag.asset,
        address=tag.address,
        type=str(tag.data_type) if is_modbus else tag.type,
        order=str(tag.order) if is_modbus else None,
        scale=tag.scale,
        offset=tag.offset,
        unit=tag.unit,
        span_low=None if tag.span is None else tag.span[0],
        span_high=None if tag.span is None else tag.span[1],
        kind=tag.kind,
        description=tag.description,
        mode="exception" if manner_of(config).exception else "polled",
        deadband=tag.deadband_absolute,
        heartbeat=None if tag.deadband_absolute is None else tag.heartbeat,
        stepped=tag.stepped,
        period=tag.period if tag.period is not None else config.period,
        low=limits.low,
        high=limits.high,
        low_low=limits.low_low,
        high_high=limits.high_high,
        enum=None if tag.enum is None else json.dumps(tag.enum, ensure_ascii=False),
        rollover=tag.rollover,
        criticality=tag.criticality,
        twin=tag.twin,
        siblings=json.dumps(tag.siblings, ensure_ascii=False) if tag.siblings else None,
    )


class TagTable:
    """Codes and tags of a run. A tag keeps its code while it stays with its source."""

    def __init__(self) -> None:
        self.captured: list[CapturedTag] = []
        """By code; also those that have left the site file."""
        self._codes: dict[tuple[str, str], int] = {}

    def __len__(self) -> int:
        return len(self.captured)

    def take(self, tags: Iterable[Tag]) -> list[CapturedTag]:
        """The tags with their codes; new ones get the next codes, changed ones keep theirs."""
        found = []
        for tag in tags:
            key = (tag.source, tag.name)
            code = self._codes.setdefault(key, len(self.captured))
            captured = CapturedTag(code, tag)
            if code == len(self.captured):
                self.captured.append(captured)
            else:
                self.captured[code] = captured
            found.append(captured)
        return found

    def retire(self, source: str, name: str) -> int:
        """The code of a tag of an earlier run that is captured no more; should it return, the code is its own."""
        key = (source, name)
        if key not in self._codes:
            self._codes[key] = len(self.captured)
            self.captured.append(
                CapturedTag(len(self.captured), Tag.model_construct(name=name, source=source, address=""))
            )
        return self._codes[key]

    def name(self, code: int) -> str:
        """Name of a tag."""
        return self.captured[code].tag.name
