"""What the site file says of a device that a URL names: the same device has the same limits, however its host is spelt."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

from iiotctl.site.sources import ModbusRtuSource, PolledModbus

if TYPE_CHECKING:
    from iiotctl.ops.site import Opened

_Config = TypeVar("_Config", bound=PolledModbus)


def limited(config: _Config, opened: Opened | None) -> tuple[_Config, tuple[str, ...]]:
    """A device with its own limits and those of every source of the site that is this device.

    Args:
        config: where it is, and its own limits.
        opened: the site file that holds here; None = none.

    Returns:
        The device with `never_read` of all and the lowest `max_registers` and `max_bits`, and the names of the sources.
    """
    names = []
    for name, source in _sources(opened):
        if source.unit == config.unit and _same_way(source, config):
            never = tuple(dict.fromkeys(config.never_read + source.never_read))
            most = {key: min(getattr(config, key), getattr(source, key)) for key in ("max_registers", "max_bits")}
            config = config.model_copy(update={"never_read": never, **most})
            names.append(name)
    return config, tuple(names)


def stranger(config: PolledModbus, names: tuple[str, ...], opened: Opened | None) -> str:
    """One line when the site file keeps registers from being read, and none of its sources is the device; else ""."""
    if opened is None or opened.loaded is None or names or not any(source.never_read for _, source in _sources(opened)):
        return ""
    where = ":".join(config.bus)
    return f"no source of `{opened.loaded.path.name}` is unit {config.unit} at {where}: its `never_read` says nothing of this device"


def _sources(opened: Opened | None) -> Iterator[tuple[str, PolledModbus]]:
    if opened is not None and opened.loaded is not None:
        for name, source in opened.loaded.site.sources.items():
            if isinstance(source, PolledModbus):
                yield name, source


def _same_way(one: PolledModbus, other: PolledModbus) -> bool:
    if one.bus == other.bus:
        return True
    if isinstance(one, ModbusRtuSource) or isinstance(other, ModbusRtuSource):
        return len(one.bus) == len(other.bus) and os.path.realpath(one.bus[0]) == os.path.realpath(other.bus[0])
    return one.bus[1] == other.bus[1] and bool(_addresses(one.bus[0]) & _addresses(other.bus[0]))


def _addresses(host: str) -> set[str]:
    """Addresses of a host; its name alone when it cannot be resolved. All of this computer's own count as one."""
    try:
        found = {str(entry[4][0]).partition("%")[0] for entry in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return {host}
    plain = set()
    for text in found:
        address = ipaddress.ip_address(text)
        address = getattr(address, "ipv4_mapped", None) or address
        plain.add("here" if address.is_loopback or address.is_unspecified else str(address))
    return plain
