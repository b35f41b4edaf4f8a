"""Vendor profiles: what families of devices and servers take, as data with the source of each figure.

A profile gives values for keys that the site file leaves open (`profile = "s7-1500"`); a key that is written wins.
Each figure names where it comes from; what could not be verified there is either left out or says that it is ours.
The files beside this one are the data; `docs/reference/profiles.md` is made from them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Final, TypeVar

from iiotctl.errors import SiteError
from iiotctl.site.plain import did_you_mean, show
from iiotctl.site.sources import OpcUaSource, PolledModbus, SourceBase
from iiotctl.site.units import parse_duration

Source = TypeVar("Source", bound=SourceBase)

OPCUA_KEYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "max_items_per_call": "monitored items a CreateMonitoredItems request",
        "max_items": "monitored items of the whole server, all clients together",
        "max_queue": "values kept per item in the server",
        "max_publish_requests": "Publish requests on their way at once",
        "min_sampling_ms": "shortest sampling interval, ms",
        "min_publish_ms": "shortest publishing interval, ms",
        "browse_parallel": "Browse requests on their way at once",
        "max_nodes_per_browse": "nodes a Browse request",
        "max_nodes_per_read": "nodes a Read request",
        "deadband_filter": "1: the server knows deadband filters, 0: it refuses them",
    }
)
"""What an OPC UA profile may say; none of it is a key of the site file."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a profile.

    Attributes:
        protocol: `modbus` or `opcua`.
        key: for Modbus a key of the site file, for OPC UA one of `OPCUA_KEYS`.
        value: durations in seconds, except keys that end in `_ms`.
        text: as a person writes it.
        source: document and place that it comes from, or `ours: why`.
        url: where the document is; "" when it has no fixed place.
    """

    protocol: str
    key: str
    value: int | float
    text: str
    source: str
    url: str

    @property
    def is_ours(self) -> bool:
        """No document says so: our own cautious choice."""
        return self.source.startswith("ours:")


@dataclass(frozen=True, slots=True)
class Profile:
    """A family of devices or servers.

    Attributes:
        name: as in the site file.
        title: for people.
        figures: with their sources, in the order of the file.
        modbus: keys of a polled Modbus source -> value, durations in seconds.
        opcua: keys of `OPCUA_KEYS` -> value.
    """

    name: str
    title: str
    figures: tuple[Figure, ...]
    modbus: Mapping[str, int | float]
    opcua: Mapping[str, int | float]


@cache
def names() -> tuple[str, ...]:
    """The profiles, sorted."""
    files = resources.files(__name__).iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


@cache
def load(name: str) -> Profile:
    """The profile of a family.

    Raises:
        SiteError: `unknown-profile`.
    """
    if name not in names():
        known = "`iiotctl explain profiles` lists them"
        near = did_you_mean(name, names())
        raise SiteError(
            "unknown-profile", f"no profile is called {show(name)}", hint=f"{near} {known}" if near else known
        )
    data = tomllib.loads(resources.files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))
    figures = tuple(
        _figure(protocol, key, entry)
        for protocol in ("modbus", "opcua")
        for key, entry in data.get(protocol, {}).items()
    )
    by_protocol = {
        protocol: MappingProxyType({figure.key: figure.value for figure in figures if figure.protocol == protocol})
        for protocol in ("modbus", "opcua")
    }
    return Profile(name, data["title"], figures, by_protocol["modbus"], by_protocol["opcua"])


def _figure(protocol: str, key: str, entry: Mapping[str, Any]) -> Figure:
    raw = entry["value"]
    value = parse_duration(raw) if isinstance(raw, str) else raw
    return Figure(protocol, key, value, str(raw), entry["source"], entry.get("url", ""))


def filled_in(config: SourceBase) -> Mapping[str, int | float]:
    """Keys that the site file leaves open and the source's profile gives a value.

    Only keys of Modbus sources are filled in; the figures for OPC UA are limits that no key holds.

    Raises:
        SiteError: `unknown-profile`, also when the profile says nothing about the source's protocol.
    """
    if not isinstance(config, PolledModbus | OpcUaSource) or config.profile is None:
        return {}
    profile = load(config.profile)
    is_modbus = isinstance(config, PolledModbus)
    figures = profile.modbus if is_modbus else profile.opcua
    if not figures:
        raise SiteError(
            "unknown-profile",
            f"the profile `{profile.name}` says nothing about {'Modbus' if is_modbus else 'OPC UA'}",
            hint="`iiotctl explain profiles` lists the figures",
        )
    keys = type(config).model_fields.keys() - config.model_fields_set
    return {key: value for key, value in figures.items() if key in keys} if is_modbus else {}


def applied(config: Source) -> Source:
    """The configuration with its profile filled in; see `filled_in`."""
    return config.model_copy(update=filled_in(config))


def problems(config: SourceBase) -> list[SiteError]:
    """What is wrong with the profile of a source: nothing, or that it does not fit."""
    try:
        filled_in(config)
    except SiteError as error:
        return [error]
    return []
