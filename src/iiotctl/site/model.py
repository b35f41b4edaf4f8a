"""The site file's words as frozen models; the JSON Schema for editors is made from them.

These models say what a value must look like. Where it came from (file and line) is added by
`site/load.py`; what a protocol makes of it is judged by the source.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field, field_validator, model_validator

from iiotctl.site.address import DataType, Order, parse_address, parse_type
from iiotctl.site.events import EventDefinition
from iiotctl.site.fields import Bytes, Finite, Model, Name, Seconds, TimeOfDay
from iiotctl.site.reduction import Band, PercentDeadband, Reduction, RollupIntervals, check_intervals
from iiotctl.site.ring import RingTable
from iiotctl.site.sources import AnySource
from iiotctl.site.states import AssetStates

SCHEMA_VERSION: Final = 1
LONGEST_NAME: Final = 64
"""Bytes of UTF-8. Longer names truncate Parquet statistics, and no row group is skipped any more."""


class SiteInfo(Model):
    """`[site]`: the plant or line."""

    name: str = Field(default="site", min_length=1, description="shown in reports and stored with every sample")
    timezone: str = Field(
        default="UTC",
        description="IANA name, e.g. Europe/Berlin; for times as typed, display and shifts: data stays UTC",
    )
    shifts: tuple[TimeOfDay, ...] = Field(
        default=(), description='local times at which shifts begin, e.g. ["06:00", "14:00", "22:00"]'
    )

    @field_validator("shifts", mode="before")
    @classmethod
    def _tuples(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("shifts", mode="after")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            msg = "`shifts` names a time of day twice"
            raise ValueError(msg)
        return value


class StoreSettings(Model):
    """`[store]`: where samples are kept."""

    path: str = Field(default="store", description="folder, relative to the site file")


class RetainSettings(Model):
    """`[retain]`: how long `iiotctl store retain` keeps samples; without it for ever."""

    raw: Seconds | None = Field(
        default=None, ge=86_400, description="samples older than this expire, a UTC date at a time"
    )
    rollups: Seconds | None = Field(default=None, ge=86_400, description="roll-ups older than this expire")
    max_size: Bytes | None = Field(
        default=None, ge=1_000_000, description="the oldest dates expire until the samples take no more than this"
    )
    rollup: Seconds = Field(
        default=3600.0, description="expiring samples leave roll-ups of this interval, a part of a day; 0s = none"
    )

    @field_validator("rollup", mode="after")
    @classmethod
    def _part_of_a_day(cls, value: float) -> float:
        if value and (value < 1 or 86_400 % value):
            msg = "`rollup` is a part of a day without a rest: 1min, 15min, 1h, 1d …"
            raise ValueError(msg)
        return value


class AuditSettings(Model):
    """`[audit]`: what audits of sensors go by."""

    exceptions: str | None = Field(
        default=None, description="TOML file of findings to pass over, relative to the site file"
    )
    calibrations: str | None = Field(default=None, description="CSV of calibration records, relative to the site file")
    reward: Seconds = Field(
        default=7200.0, ge=0, description="a finding is over after so much time of good samples behind it"
    )


class CaptureSettings(Model):
    """`[capture]`: how samples become durable."""

    commit: Seconds = Field(
        default=1.0, ge=0.2, le=60, description="at most this much is lost on a power cut; raise it for SD cards"
    )
    seal_every: Seconds = Field(default=300.0, ge=1, description="an unsealed segment becomes Parquet at this age")
    seal_size: Bytes = Field(default=64_000_000, ge=100_000, description="or at this size")
    min_free: Bytes | None = Field(
        default=None, description="stop writing before the disk has less; default the larger of 2 GB and 5 %"
    )


class Limits(Model):
    """`limits`: operating limits in engineering units; advisory."""

    low_low: Finite | None = Field(default=None, description="critically low")
    low: Finite | None = Field(default=None, description="low")
    high: Finite | None = Field(default=None, description="high")
    high_high: Finite | None = Field(default=None, description="critically high")

    @model_validator(mode="after")
    def _ordered(self) -> Limits:
        given = [v for v in (self.low_low, self.low, self.high, self.high_high) if v is not None]
        if given != sorted(given):
            msg = "limits must rise: low_low <= low <= high <= high_high"
            raise ValueError(msg)
        return self


class Tag(Model):
    """`[[tags]]`: one value read from a source."""

    name: Name = Field(description="unique, at most 64 bytes, e.g. press1.hydraulics.pressure")
    source: Name = Field(description="name of the source it is read from")
    address: str = Field(
        min_length=1, description="holding:11, 40012, coil:5, holding:11/3; OPC UA node id, nsu=… preferred"
    )
    asset: Name | None = Field(default=None, description="machine it belongs to")
    kind: str | None = Field(
        default=None,
        description="pressure temperature flow level current speed vibration power counter state setpoint …",
    )
    type: str | None = Field(
        default=None, description="Modbus: bool int16 uint16 int32 … float32 string(n); OPC UA knows its own"
    )
    order: Order = Field(default=Order.ABCD, strict=False, description="byte and word order: ABCD CDAB BADC DCBA")
    element: int | None = Field(default=None, ge=0, description="index into an OPC UA array")
    scale: float = Field(default=1.0, allow_inf_nan=False, description="value = raw x scale + offset")
    offset: float = Field(default=0.0, allow_inf_nan=False, description="see scale")
    invalid: tuple[int, ...] = Field(default=(), description="raw values that mean a broken sensor")
    unit: str = Field(default="", description="engineering unit, e.g. bar, degC")
    span: tuple[Finite, Finite] | None = Field(default=None, description="measuring range in engineering units")
    limits: Limits | None = Field(default=None, description="operating limits in engineering units")
    deadband: Band = Field(
        default=None, description="smaller changes are not stored; 0 = store changes only; off by default"
    )
    heartbeat: Seconds = Field(default=600.0, gt=0, description="with a deadband: store at least this often")
    rollup: RollupIntervals = Field(
        default=(), description='min, max, mean … of each interval, e.g. "1min", or several: ["1min", "1h"]'
    )
    raw: bool = Field(default=True, description="false: store the roll-ups instead of the samples, not beside them")
    stepped: bool | None = Field(default=None, description="hold the value between samples instead of a sloped line")
    period: Seconds | None = Field(default=None, ge=0.01, description="scan period, if other than the source's")
    enum: dict[str, str] | None = Field(
        default=None, description='texts of values, e.g. { "0" = "stopped", "1" = "running" }'
    )
    rollover: Finite | None = Field(default=None, gt=0, description="value at which a counter starts again")
    twin: Name | None = Field(default=None, description="tag that measures the same")
    siblings: tuple[Name, ...] = Field(default=(), description="tags measured under the same conditions")
    criticality: Literal["low", "medium", "high"] = Field(default="medium", description="weight of its findings")
    description: str = Field(default="", description="free text")

    @field_validator("name", mode="after")
    @classmethod
    def _short(cls, value: str) -> str:
        if len(value.encode()) > LONGEST_NAME:
            msg = f"a tag name has at most {LONGEST_NAME} bytes"
            raise ValueError(msg)
        return value

    @field_validator("invalid", "siblings", "span", mode="before")
    @classmethod
    def _tuples(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    _evenly = field_validator("rollup", mode="after")(check_intervals)

    @field_validator("enum", mode="after")
    @classmethod
    def _whole_numbers(cls, value: dict[str, str] | None) -> dict[str, str] | None:
        for key in value or {}:
            try:
                int(key, 0)
            except ValueError:
                msg = f"`enum` gives texts to whole numbers such as `0`, `17` or `0x11`; `{key}` is none"
                raise ValueError(msg) from None
        return value

    @field_validator("type", mode="after")
    @classmethod
    def _known_type(cls, value: str | None) -> str | None:
        return None if value is None else str(parse_type(value))

    @model_validator(mode="after")
    def _span_rises(self) -> Tag:
        if self.span is not None and self.span[0] >= self.span[1]:
            msg = "`span` is [low, high] with low < high"
            raise ValueError(msg)
        if self.scale == 0:
            msg = "`scale` must not be 0"
            raise ValueError(msg)
        if isinstance(self.deadband, PercentDeadband) and self.span is None:
            msg = "a deadband in percent needs `span`"
            raise ValueError(msg)
        if not self.raw and not self.rollup:
            msg = "`raw = false` needs a `rollup` that is stored instead"
            raise ValueError(msg)
        if self.rollup and self.type is not None and self.type.startswith("string"):
            msg = "a text has no roll-up: take `rollup` out"
            raise ValueError(msg)
        return self

    @property
    def data_type(self) -> DataType:
        """The Modbus data type: as declared; else bool for single bits, uint16 for registers."""
        if self.type is not None:
            return parse_type(self.type)
        address = parse_address(self.address)
        return DataType("bool" if address.table.is_bits or address.bit is not None else "uint16")

    @property
    def deadband_absolute(self) -> float | None:
        """The deadband in engineering units, or None when off."""
        if isinstance(self.deadband, PercentDeadband) and self.span is not None:
            return self.deadband.percent / 100 * (self.span[1] - self.span[0])
        return self.deadband if isinstance(self.deadband, float) else None


class Asset(Model):
    """`[[assets]]`: a machine or part of one."""

    name: Name = Field(description="unique")
    description: str = Field(default="", description="free text")
    zone: Name | None = Field(default=None, description="zone it is in")
    sis: bool = Field(default=False, description="safety instrumented system: never probed")
    probe: Literal["allowed", "never"] = Field(default="allowed", description="never: no audit dials it")


class Zone(Model):
    """`[[zones]]`: a zone of IEC 62443-3-2."""

    name: Name = Field(description="unique")
    purdue: str | None = Field(default=None, description='level, e.g. "1"; "3.5" for a DMZ')
    addresses: tuple[str, ...] = Field(default=(), description="addresses, networks (CIDR) or ranges")
    probe: Literal["allowed", "never"] = Field(default="allowed", description="never: no audit dials into it")
    description: str = Field(default="", description="free text")

    @field_validator("addresses", mode="before")
    @classmethod
    def _tuples(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value


class Conduit(Model):
    """`[[conduits]]`: who may talk to whom."""

    from_: Name = Field(alias="from", description="zone that opens connections")
    to: Name = Field(description="zone that answers")
    services: tuple[str, ...] = Field(default=(), description="what is allowed, e.g. modbus, opcua")
    description: str = Field(default="", description="free text")

    @field_validator("services", mode="before")
    @classmethod
    def _tuples(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value


class Site(Model):
    """A whole site file; `tags` holds the inline tags and those of `tags_file`."""

    schema_: Literal[1] = Field(default=1, alias="schema", description="version of the file's format")
    site: SiteInfo = Field(default=SiteInfo(), description="the plant or line")
    store: StoreSettings = Field(default=StoreSettings(), description="where samples are kept")
    capture: CaptureSettings = Field(default=CaptureSettings(), description="how samples become durable")
    retain: RetainSettings = Field(default=RetainSettings(), description="how long samples are kept")
    ring: RingTable | None = Field(default=None, description="what is stored only around triggers")
    audit: AuditSettings = Field(default=AuditSettings(), description="what audits of sensors go by")
    states: dict[Name, AssetStates] = Field(
        default_factory=dict, description="when a machine is off, ramping, steady or in maintenance, by asset"
    )
    sources: dict[Name, AnySource] = Field(default_factory=dict, description="devices and servers, by name")
    tags_file: str | tuple[str, ...] | None = Field(
        default=None, description="CSV or XLSX list of tags, or several, relative to the site file"
    )
    tags: tuple[Tag, ...] = Field(default=(), description="values read from sources")
    reduction: tuple[Reduction, ...] = Field(default=(), description="what is stored of many tags at once")
    assets: tuple[Asset, ...] = Field(default=(), description="machines; labels of tags when none is declared")
    events: tuple[EventDefinition, ...] = Field(default=(), description="what counts as an event; see `events find`")
    zones: tuple[Zone, ...] = Field(default=(), description="zones of IEC 62443; used by audits")
    conduits: tuple[Conduit, ...] = Field(default=(), description="who may talk to whom")

    @field_validator("tags", "reduction", "assets", "events", "zones", "conduits", "tags_file", mode="before")
    @classmethod
    def _tuples(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    def tags_of(self, source: str) -> tuple[Tag, ...]:
        """The tags read from a source, in the file's order."""
        return tuple(tag for tag in self.tags if tag.source == source)
