"""Rows of a tag list as text: CSV that Excel opens and `tags_file` reads, or `[[tags]]` tables for the site file."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Final

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_ALWAYS: Final = ("name", "source", "address", "unit", "span", "kind")


@dataclass(frozen=True, slots=True)
class TagRow:
    """What a browsed or imported tag list says of a tag; the keys are those of `[[tags]]`."""

    name: str
    source: str
    address: str
    type: str = ""
    order: str = ""
    element: int | None = None
    scale: float | None = None
    offset: float | None = None
    unit: str = ""
    span: tuple[float, float] | None = None
    kind: str = ""
    description: str = ""


KEYS: Final = tuple(each.name for each in fields(TagRow))


def _cell(key: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ";".join(repr(number).removesuffix(".0") for number in value)
    if isinstance(value, float):
        return repr(value)
    text = _CONTROL.sub(" ", str(value))
    # a device must not put a formula into an engineer's Excel; the blank is taken off when the list is read
    return f" {text}" if text.startswith(_FORMULA) and key != "name" else text


def cells(row: TagRow, keys: Iterable[str]) -> list[str]:
    """A row's cells for these columns; "" for columns that no row of ours fills."""
    return [_cell(key, getattr(row, key, "")) for key in keys]


def used_keys(rows: Sequence[TagRow]) -> list[str]:
    """The columns that some row uses, and those that a list always has."""
    return [key for key in KEYS if key in _ALWAYS or any(getattr(row, key) not in ("", None) for row in rows)]


def to_csv(rows: Iterable[TagRow]) -> str:
    """Header and rows; columns that no row uses are left out."""
    listed = list(rows)
    keys = used_keys(listed)
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(keys)
    writer.writerows(cells(row, keys) for row in listed)
    return out.getvalue()


def _toml(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(repr(number) for number in value)}]"
    if isinstance(value, str):
        # JSON's escapes are TOML's; DEL must be escaped there too
        return json.dumps(_CONTROL.sub(" ", value), ensure_ascii=False)
    return repr(value)


def to_toml(rows: Iterable[TagRow]) -> str:
    """One `[[tags]]` table a row."""
    return "\n".join("[[tags]]\n" + _table(row) for row in rows)


def _table(row: TagRow) -> str:
    values: Sequence[tuple[str, object]] = [(key, getattr(row, key)) for key in KEYS]
    return "".join(f"{key} = {_toml(value)}\n" for key, value in values if value not in ("", None))
