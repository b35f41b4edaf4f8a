"""Kinds of values that the site file's models are made of: durations, sizes, names."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from iiotctl.site.units import DURATION_PATTERN, SIZE_PATTERN, parse_duration, parse_size


def _duration(value: Any) -> Any:
    if isinstance(value, str):
        return parse_duration(value)
    msg = f'a duration needs a unit: write `"{value}s"` or `"{value}ms"`'
    raise ValueError(msg)


def _size(value: Any) -> Any:
    if isinstance(value, str):
        return parse_size(value)
    msg = f'a size needs a unit: write `"{value}MB"` or `"{value}GB"`'
    raise ValueError(msg)


def bare_host(text: str) -> str:
    """The host as given, when it is one: an address or a name, and nothing else.

    Raises:
        ValueError: a URL, a port behind it, or blanks.
    """
    if "/" in text or text != text.strip() or any(character.isspace() for character in text):
        msg = "`host` is an IP address or a name, without scheme, path or blanks, e.g. `192.168.10.21`"
        raise ValueError(msg)
    if ":" in text:
        try:
            ipaddress.IPv6Address(text)
        except ValueError:
            msg = "`host` has no port behind it; write `port = …` in a line of its own"
            raise ValueError(msg) from None
    return text


Finite = Annotated[float, Field(allow_inf_nan=False)]
Seconds = Annotated[
    float,
    BeforeValidator(_duration),
    Field(ge=0),
    WithJsonSchema(
        {"type": "string", "format": "duration-with-unit", "pattern": DURATION_PATTERN, "examples": ["500ms", "15min"]}
    ),
]
Bytes = Annotated[
    int,
    BeforeValidator(_size),
    Field(ge=0),
    WithJsonSchema(
        {"type": "string", "format": "size-with-unit", "pattern": SIZE_PATTERN, "examples": ["64MB", "2GB"]}
    ),
]


def _time_of_day(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(_TIME_OF_DAY, value):
        return value
    msg = f'a time of day is written `"06:00"`, not `{value}`'
    raise ValueError(msg)


_TIME_OF_DAY = r"^([01]\d|2[0-3]):[0-5]\d$"
TimeOfDay = Annotated[
    str,
    BeforeValidator(_time_of_day),
    WithJsonSchema({"type": "string", "pattern": _TIME_OF_DAY, "examples": ["06:00", "22:00"]}),
]
Name = Annotated[str, Field(min_length=1, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.\-]*$")]


class Model(BaseModel):
    """Strict and frozen: an unknown key is an error, nothing is coerced silently."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)
