"""What can be said about the tags of a Modbus source without contact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from iiotctl.errors import SiteError
from iiotctl.site.crosscheck import modbus_problems

if TYPE_CHECKING:
    from iiotctl.site.model import Tag
    from iiotctl.site.sources import ModbusUnit

_WITHOUT_INVALID = ("bool", "string")


def check_tags(config: ModbusUnit, tags: Sequence[Tag]) -> list[SiteError]:
    """Problems of addresses, types, `never_read` and `invalid`; `where` is the tag's name."""
    found: list[SiteError] = []
    for tag in tags:
        problems = modbus_problems(tag, config, lambda *_, name=tag.name: name)
        found += problems
        if not problems:
            found += _invalid_problems(tag)
    return found


def _invalid_problems(tag: Tag) -> list[SiteError]:
    if not tag.invalid:
        return []
    type_ = tag.data_type
    if type_.name in _WITHOUT_INVALID:
        return [SiteError("modbus-invalid", f"a `{type_}` has no `invalid` raw values", where=tag.name)]
    bits = 16 * type_.registers if type_.name not in ("int8", "uint8") else 8
    return [
        SiteError(
            "modbus-invalid",
            f"`invalid` value {number} does not fit the {bits} bits of a `{type_}`",
            where=tag.name,
            hint="`invalid` holds raw words before scaling, e.g. `[32767, -32768]`",
        )
        for number in tag.invalid
        if not -(1 << (bits - 1)) <= number < 1 << bits
    ]
