"""A cell as text or as JSON: one spelling for times, intervals, bytes and nested values in every format."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Final

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_ESCAPES: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_FORMULA: Final = re.compile(r"'*[=+\-@\t\r]")
_ENCODE: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def timestamp(moment: datetime, local_tz: tzinfo | None = None, *, short: bool = False) -> str:
    """RFC 3339, UTC with `Z` unless a zone is asked for; six digits of the second, with `short` three if they suffice.

    A moment without zone (SQL `TIMESTAMP`) stays one.
    """
    timespec = "milliseconds" if short and moment.microsecond % 1000 == 0 else "microseconds"
    if moment.tzinfo is None:
        return moment.isoformat(timespec=timespec)
    if local_tz is not None and str(local_tz) != "UTC":
        return moment.astimezone(local_tz).isoformat(timespec=timespec)
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec=timespec).removesuffix("+00:00") + "Z"


def interval(span: timedelta) -> str:
    """`[-][D days ]HH:MM:SS[.ffffff]`."""
    sign = "-" if span < timedelta(0) else ""
    span = abs(span)
    minutes, seconds = divmod(span.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days = f"{span.days} day{'s' if span.days != 1 else ''} " if span.days else ""
    fraction = f".{span.microseconds:06d}" if span.microseconds else ""
    return f"{sign}{days}{hours:02d}:{minutes:02d}:{seconds:02d}{fraction}"


def plain(value: object) -> object:
    """The value as JSON can hold it: no NaN, times as RFC 3339, bytes as hexadecimal digits.

    A Decimal becomes a number where that is exact, else its digits as text.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float | Decimal):
        return _number(value)
    if isinstance(value, Mapping):
        return {_key(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return scalar(value)


def _number(value: float | Decimal) -> object:
    if not math.isfinite(value):
        return None
    number = float(value)
    if isinstance(value, float) or (math.isfinite(number) and Decimal(repr(number)) == value):
        return number
    return format(value, "f")


def _key(key: object) -> str:
    return key if isinstance(key, str) else str(plain(key))


def scalar(value: object, local_tz: tzinfo | None = None, *, short: bool = False) -> str:
    """Text of a single value that JSON has no form for."""
    if isinstance(value, datetime):
        return timestamp(value, local_tz, short=short)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return interval(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    return str(value)


def text(value: object, local_tz: tzinfo | None = None) -> str:
    """The value as a cell of CSV: null is empty, nested values are JSON, non-finite numbers are empty too."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else ""
    if isinstance(value, list | tuple | dict):
        return compact_json(value)
    return scalar(value, local_tz)


def compact_json(value: object) -> str:
    """One line of JSON, UTF-8 as it is except for what could move the cursor of a terminal."""
    return harmless_json(_ENCODE(plain(value)))


def harmless_json(document: str) -> str:
    """JSON text in which control characters that JSON permits (DEL, C1, direction overrides) are escaped too."""
    if document.isprintable():
        return document
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", document)


def harmless(word: str) -> str:
    """Text of a device as a terminal may show it: control characters and direction overrides as escapes."""
    return _CONTROL.sub(lambda found: _ESCAPES.get(found[0]) or found[0].encode("unicode_escape").decode("ascii"), word)


def guard_formula(word: str) -> str:
    """Text as a spreadsheet may open it: with a leading `'` where it would run it as a formula.

    Numbers stay as they are. Can be undone: `unguard_formula(guard_formula(x)) == x`.
    """
    return f"'{word}" if _is_formula(word) else word


def unguard_formula(word: str) -> str:
    """The text before `guard_formula`."""
    return word[1:] if word.startswith("'") and _is_formula(word[1:]) else word


def _is_formula(word: str) -> bool:
    return bool(_FORMULA.match(word)) and not _NUMBER.fullmatch(word)
