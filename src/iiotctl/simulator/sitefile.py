"""The site file that fits the running simulator: what a client must know to decode every tag exactly."""

from __future__ import annotations

import json
from typing import Final

from iiotctl.simulator.tags import DEVICES, TAGS, SimTag

_HEAD: Final = """\
# The simulated press line: start it with `iiotctl simulate`, then run `iiotctl capture` beside this file.
schema = 1

[site]
name = "Simulated press line"
timezone = "UTC"
"""


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


def site_toml(host: str, modbus_port: int | None, opcua_port: int | None) -> str:
    """The site file's text; a protocol that is not served (None) has neither source nor tags."""
    parts = [_HEAD]
    served = set()
    shown = f"[{host}]" if ":" in host else host
    for device in DEVICES:
        port = modbus_port if device.protocol == "modbus" else opcua_port
        if port is None:
            continue
        served.add(device.source)
        lines = [f"[sources.{device.source}]"]
        if device.protocol == "modbus":
            lines += ['type = "modbus-tcp"', f"host = {_text(host)}", f"port = {port}", f"unit = {device.unit}"]
        else:
            lines += ['type = "opcua"', f'url = "opc.tcp://{shown}:{port}"', 'security = "None"', 'publish = "500ms"']
        lines += ['period = "1s"', f"description = {_text(device.description)}"]
        parts.append("\n".join(lines) + "\n")
    parts += [_tag(tag) for tag in TAGS if tag.source in served]
    parts += [
        f"[[assets]]\nname = {_text(device.asset)}\ndescription = {_text(device.description)}\n"
        for device in DEVICES
        if device.source in served
    ]
    return "\n".join(parts)


def _tag(tag: SimTag) -> str:
    keys = {
        "name": _text(tag.name),
        "source": _text(tag.source),
        "asset": _text(tag.source),
        "kind": _text(tag.kind),
        "address": _text(tag.address or tag.node_id),
        **(_encoding(tag) if tag.address else {}),
        "unit": tag.unit and _text(tag.unit),
        "span": tag.span and f"[{_number(tag.span[0])}, {_number(tag.span[1])}]",
        "limits": tag.limits and f"{{ low = {_number(tag.limits[0])}, high = {_number(tag.limits[1])} }}",
        "stepped": "true" if tag.stepped else "",
        "enum": tag.enum and "{ " + ", ".join(f"{_text(k)} = {_text(v)}" for k, v in tag.enum.items()) + " }",
        "rollover": tag.rollover and _number(tag.rollover),
        "description": tag.description and _text(tag.description),
    }
    return "\n".join(["[[tags]]", *(f"{key} = {value}" for key, value in keys.items() if value)]) + "\n"


def _encoding(tag: SimTag) -> dict[str, str]:
    return {
        "type": _text(tag.type),
        "order": "" if tag.order == "ABCD" else _text(str(tag.order)),
        "scale": "" if tag.scale == 1.0 else _number(tag.scale),
        "offset": "" if tag.offset == 0.0 else _number(tag.offset),
        "invalid": f"[{', '.join(map(str, tag.broken))}]" if tag.broken else "",
    }
