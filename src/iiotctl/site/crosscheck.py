"""What holds between the parts of a site: names that must exist, and Modbus values that must not overlap."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from iiotctl.errors import SiteError
from iiotctl.site.address import DataType, ModbusAddress, parse_address, parse_range
from iiotctl.site.model import Site, Tag
from iiotctl.site.plain import Where, did_you_mean, one_line, show
from iiotctl.site.ring import ring_problems
from iiotctl.site.sources import SERIAL_SETTINGS, ModbusRtuListenSource, ModbusRtuSource, ModbusUnit, PolledModbus
from iiotctl.site.states import state_problems

_LAST_REGISTER: Final = 65_535
_INTEGERS: Final = {"int16", "uint16", "int32", "uint32", "int64", "uint64", "bcd16", "bcd32"}


def cross_check(
    site: Site, source_names: Collection[str], where: Where, tag_places: Mapping[str, Where]
) -> list[SiteError]:
    """Problems between the parts of a site whose parts are valid by themselves.

    Args:
        site: the valid parts.
        source_names: all names under `[sources]`, also of sources that are invalid.
        where: place of a key of the site file.
        tag_places: place of each tag that has a name, also of invalid ones.
    """
    problems = [*_timezone(site, where), *_zones(site, where), *_serial_ports(site, where)]
    for key, rows in (("assets", site.assets), ("events", site.events), ("zones", site.zones)):
        names = [row.name for row in rows]
        problems += [
            SiteError("duplicate-name", f"`[[{key}]]` has the name `{name}` twice", where=where(key, index, "name"))
            for index, name in enumerate(names)
            if name in names[:index]
        ]
    assets = [asset.name for asset in site.assets]
    for tag in site.tags:
        place = tag_places[tag.name]
        problems += _names_of_tag(tag, source_names, assets, tag_places, place)
        source = site.sources.get(tag.source)
        if isinstance(source, ModbusUnit):
            problems += modbus_problems(tag, source, place)
    problems += _overlaps(site, tag_places)
    if site.ring is not None:
        problems += ring_problems(site.ring, site.tags, lambda *keys: where("ring", *keys))
    problems += state_problems(site.states, site.tags, lambda *keys: where("states", *keys))
    return problems


def _timezone(site: Site, where: Where) -> Iterator[SiteError]:
    from zoneinfo import ZoneInfo, available_timezones

    name = site.site.timezone
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; a path; a folder of zones
        yield SiteError(
            "unknown-timezone",
            f"unknown time zone {show(name)}",
            where=where("site", "timezone"),
            hint=did_you_mean(name, available_timezones(), "use an IANA name such as `Europe/Berlin`"),
        )


def _serial_ports(site: Site, where: Where) -> Iterator[SiteError]:
    """A port has one speed and one form of characters, and it is either spoken on or listened to."""
    first: dict[str, tuple[str, ModbusRtuSource | ModbusRtuListenSource]] = {}
    for name, source in site.sources.items():
        if not isinstance(source, ModbusRtuSource | ModbusRtuListenSource):
            continue
        other_name, other = first.setdefault(source.port, (name, source))
        for key in SERIAL_SETTINGS:
            mine, others = getattr(source, key), getattr(other, key)
            if mine != others:
                yield SiteError(
                    "serial-settings-differ",
                    f"`{key}` of source `{name}` is {show(mine)} and of `{other_name}` {show(others)}, on one port",
                    where=where("sources", name, key),
                    cause=f"both are on `{source.port}`",
                    hint="write the settings of the bus in both sources",
                )
        if source.type != other.type:
            yield SiteError(
                "serial-port-shared",
                f"`{name}` is `{source.type}` and `{other_name}` is `{other.type}`, on one port",
                where=where("sources", name, "type"),
                cause=f"both are on `{source.port}`: a bus that is listened to has a master already",
                hint='make both `type = "modbus-rtu-listen"`, or both `type = "modbus-rtu"` if no other master is there',
            )


def _unknown(
    slug: str, kind: str, name: str, known: Collection[str], place: str, *, hint: str | None = None
) -> SiteError:
    shown = f"known: {', '.join(sorted(known)[:8])}{', …' if len(known) > 8 else ''}" if known else hint  # noqa: PLR2004
    return SiteError(slug, f"unknown {kind} `{name}`", where=place, hint=did_you_mean(name, known, shown))


def _names_of_tag(
    tag: Tag, sources: Collection[str], assets: Collection[str], tags: Collection[str], place: Where
) -> Iterator[SiteError]:
    if tag.source not in sources:
        yield _unknown(
            "unknown-source",
            "source",
            tag.source,
            sources,
            place("source"),
            hint=f"declare it: `[sources.{tag.source}]`",
        )
    # a site that declares no assets may still use the word as a label
    if tag.asset is not None and assets and tag.asset not in assets:
        yield _unknown("unknown-asset", "asset", tag.asset, assets, place("asset"))
    others = [("twin", tag.twin)] if tag.twin is not None else []
    others += [("siblings", name) for name in tag.siblings]
    for key, name in others:
        if name == tag.name:
            yield SiteError("site-value", f"`{key}` of tag `{tag.name}` names the tag itself", where=place(key))
        elif name not in tags:
            yield _unknown("unknown-tag", "tag", name, tags, place(key))


def _is_network(text: str) -> bool:
    first, dash, last = text.partition("-")
    try:
        if dash:
            return int(ipaddress.ip_address(first.strip())) <= int(ipaddress.ip_address(last.strip()))
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _zones(site: Site, where: Where) -> Iterator[SiteError]:
    zones = [zone.name for zone in site.zones]
    for index, zone in enumerate(site.zones):
        for position, text in enumerate(zone.addresses):
            if not _is_network(text):
                yield SiteError(
                    "site-value",
                    f"{show(text)} is not an address, network or range",
                    where=where("zones", index, "addresses", position),
                    hint="write e.g. `192.168.10.0/27`, `192.168.10.5` or `192.168.10.5-192.168.10.9`",
                )
    users = [(("sources", name, "zone"), source.zone) for name, source in site.sources.items()]
    users += [(("assets", str(index), "zone"), asset.zone) for index, asset in enumerate(site.assets)]
    for keys, used in users:
        if used is not None and zones and used not in zones:
            place = where(keys[0], int(keys[1]) if keys[0] == "assets" else keys[1], keys[2])
            yield _unknown("unknown-zone", "zone", used, zones, place)
    for index, conduit in enumerate(site.conduits):
        for key, name in (("from", conduit.from_), ("to", conduit.to)):
            if name not in zones:
                yield _unknown(
                    "unknown-zone", "zone", name, zones, where("conduits", index, key), hint="declare `[[zones]]`"
                )


def _too_long(address: ModbusAddress, data_type: DataType, source: PolledModbus) -> bool:
    return not address.table.is_bits and data_type.registers > source.max_registers


def modbus_problems(tag: Tag, source: ModbusUnit, place: Where) -> list[SiteError]:
    """Problems of one tag of a Modbus source that its own keys show."""
    try:
        address = parse_address(tag.address)
    except ValueError as error:
        return [SiteError("modbus-address", one_line(str(error)), where=place("address"))]
    data_type = tag.data_type
    found: list[SiteError] = []
    if (address.table.is_bits or address.bit is not None) and data_type.name != "bool":
        found.append(
            SiteError(
                "modbus-address",
                f"`{tag.address}` is one bit and cannot hold a `{data_type}`",
                where=place("type"),
                hint='write `type = "bool"`, or an address of registers such as `holding:11`',
            )
        )
    elif address.offset + data_type.registers - 1 > _LAST_REGISTER:
        found.append(
            SiteError("modbus-address", f"a `{data_type}` at `{address}` ends beyond 65535", where=place("address"))
        )
    elif isinstance(source, PolledModbus) and _too_long(address, data_type, source):
        found.append(
            SiteError(
                "modbus-address",
                f"a `{data_type}` takes {data_type.registers} registers; `max_registers` of `{tag.source}` is "
                f"{source.max_registers}",
                where=place("type"),
            )
        )
    if tag.element is not None:
        found.append(
            SiteError("site-value", "`element` is for OPC UA arrays; a Modbus tag has none", where=place("element"))
        )
    for text in source.never_read if isinstance(source, PolledModbus) else ():
        table, first, last = parse_range(text)
        if address.table == table and address.offset <= last and address.offset + data_type.registers - 1 >= first:
            found.append(
                SiteError(
                    "tag-in-never-read",
                    f"`{tag.address}` lies in `never_read` range `{text}` of `{tag.source}`",
                    where=place("address"),
                    hint="take the range out of `never_read` if reading it changes nothing in the device",
                )
            )
    return found


def _overlaps(site: Site, places: Mapping[str, Where]) -> Iterator[SiteError]:
    units: dict[tuple[str, ...], list[tuple[ModbusAddress, int, Tag]]] = defaultdict(list)
    for tag in site.tags:
        source = site.sources.get(tag.source)
        if not isinstance(source, ModbusUnit):
            continue
        try:
            address = parse_address(tag.address)
        except ValueError:
            continue
        if address.table.is_bits or address.bit is not None:
            continue
        key = (*source.bus, str(source.unit), str(address.table))
        units[key].append((address, tag.data_type.registers, tag))
    for declared in units.values():
        # tags that cannot differ in the outcome count once: a hostile list would else be compared pair by pair
        distinct = {(item[0].offset, item[1], item[2].data_type.name in _INTEGERS): item for item in reversed(declared)}
        members = sorted(distinct.values(), key=lambda item: (item[0].offset, item[1]))
        for position, (address, registers, tag) in enumerate(members):
            for other_address, other_registers, other in members[position + 1 :]:
                if other_address.offset >= address.offset + registers:
                    break
                if _may_share((address, registers, tag), (other_address, other_registers, other)):
                    continue
                yield SiteError(
                    "overlapping-tags",
                    f"`{other.name}` and `{tag.name}` overlap: `{other.data_type}` at `{other_address}` and "
                    f"`{tag.data_type}` at `{address}`",
                    where=places[other.name]("address"),
                    cause=f"`{tag.name}` is in {places[tag.name]('address')}",
                    hint="one of the addresses or types is wrong: compare both with the device's register list",
                )


def _may_share(first: tuple[ModbusAddress, int, Tag], second: tuple[ModbusAddress, int, Tag]) -> bool:
    """True for the same registers, and for a single register inside an integer (a status word and its halves)."""
    if first[0].offset == second[0].offset and first[1] == second[1]:
        return True
    small, large = (first, second) if first[1] < second[1] else (second, first)
    return small[1] == 1 and large[2].data_type.name in _INTEGERS
