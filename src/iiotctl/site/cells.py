"""A cell of a tag list: which columns there are, and what a text in one of them means. CSV and XLSX share this."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from iiotctl.errors import SiteError
from iiotctl.site.model import Limits, Tag
from iiotctl.site.plain import Where, did_you_mean, keys_of, show

MOST_ROWS: Final = 100_000
MOST_COLUMNS: Final = 200
_LIMITS: Final = tuple(Limits.model_fields)
COLUMNS: Final = (
    *(key for key in keys_of(Tag) if key != "limits"),
    *_LIMITS,
    *(f"limits.{key}" for key in _LIMITS),
)
NUMBERS: Final = ("scale", "offset", "rollover", *_LIMITS)
_TRUE: Final = {"true", "yes", "1", "wahr", "ja"}
_FALSE: Final = {"false", "no", "0", "falsch", "nein"}


@dataclass(frozen=True, slots=True)
class RawTag:
    """A tag as written, not yet validated.

    Attributes:
        values: by key.
        where: place of a key.
        unread: keys whose cells hold something that is a problem already; they are not missing.
    """

    values: dict[str, Any]
    where: Where
    unread: frozenset[str] = frozenset()


class CellError(ValueError):
    """A cell that cannot be understood; the message says why."""


def header(cells: Iterable[str], where: Callable[[int, str], str]) -> tuple[list[str], list[SiteError]]:
    """Column keys of a header row ("" = no such key) and what is wrong with it."""
    columns: list[str] = []
    problems: list[SiteError] = []
    for position, cell in enumerate(cells):
        title = cell.strip()
        key = title.lower().replace(" ", "_")
        if not title:
            columns.append("")
        elif key not in COLUMNS:
            problems.append(
                SiteError(
                    "unknown-key",
                    f"unknown column {show(title)}",
                    where=where(position, show(title)[1:-1]),
                    hint=did_you_mean(key, COLUMNS, f"columns are keys of a tag: {', '.join(keys_of(Tag))}"),
                )
            )
            columns.append("")
        elif key in columns:
            problems.append(
                SiteError("tag-list-syntax", f"the column `{key}` appears twice", where=where(position, key))
            )
            columns.append("")
        else:
            columns.append(key)
    for key in ("name", "source", "address"):
        if key not in columns and not problems:
            problems.append(SiteError("missing-key", f"the column `{key}` is missing", where=where(0, key)))
    return columns, problems


def store_cell(values: dict[str, Any], column: str, value: Any) -> None:
    """Put a parsed cell where the tag's model expects it."""
    key = column.removeprefix("limits.")
    if key in _LIMITS:
        values.setdefault("limits", {})[key] = value
    else:
        values[key] = value


def number(text: str, *, decimal_comma: bool = False) -> float:
    """A finite number as people type it; `CellError` says why it is none."""
    word = text.replace(" ", "").replace("\u00a0", "")
    if decimal_comma:
        if "." in word and "," in word:
            msg = f"`{text}` has a decimal point and a comma; write the number without thousands separators"
            raise CellError(msg)
        word = word.replace(",", ".")
    try:
        value = float(word)
    except ValueError:
        hint = "; write the decimal point as `.`" if "," in word else ""
        raise CellError(f"`{show(text)[1:-1]}` is not a number{hint}") from None
    if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN
        raise CellError(f"`{text}` is not a finite number")
    return value


def _whole(text: str) -> int:
    if match := re.fullmatch(r"([+-]?)(?:0[xX]([0-9A-Fa-f]{1,16})|(\d{1,20})(?:[.,]0*)?)", text):
        number = int(match[2], 16) if match[2] else int(match[3])
        return -number if match[1] == "-" else number
    raise CellError(f"`{show(text)[1:-1]}` is not a whole number")


def split_list(text: str, *, decimal_comma: bool) -> list[str]:
    """Items of a list in a cell: `0;250`, `0|250`, `[0, 250]`; with a decimal comma only `;`, `|` or comma and space."""
    inner = text.strip()
    if inner.startswith("[") and inner.endswith("]"):
        inner = inner[1:-1]
    separator = r"[;|]|,\s+" if decimal_comma else r"[;|,]"
    return [item.strip().strip('"') for item in re.split(separator, inner) if item.strip()]


def _deadband(text: str, *, decimal_comma: bool) -> float | dict[str, float]:
    if text.endswith("%"):
        return {"percent": number(text[:-1], decimal_comma=decimal_comma)}
    return number(text, decimal_comma=decimal_comma)


def _span(text: str, *, decimal_comma: bool) -> list[float]:
    items = split_list(text, decimal_comma=decimal_comma)
    if len(items) != 2:  # noqa: PLR2004 - low and high
        raise CellError(f"`{show(text)[1:-1]}` is not a span; write low and high, e.g. `0;250`")
    return [number(item, decimal_comma=decimal_comma) for item in items]


def _truth(text: str) -> bool:
    word = text.lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise CellError(f"`{show(text)[1:-1]}` is neither `true` nor `false`")


def _enum(text: str) -> dict[str, str]:
    inner = text.strip().strip("{}")
    found: dict[str, str] = {}
    for item in re.split(r"[;|,]", inner):
        value, equals, label = item.partition("=")
        if not equals:
            raise CellError(f"`{show(text)[1:-1]}` is not a list of `value=text`, e.g. `0=stopped;1=running`")
        found[value.strip().strip('"')] = label.strip().strip('"')
    return found


def parse_cell(column: str, text: str, *, decimal_comma: bool = False) -> Any:
    """The value of a text cell as the tag's model expects it.

    Raises:
        CellError: not what the column holds.
    """
    key = column.removeprefix("limits.")
    if key in NUMBERS:
        return number(text, decimal_comma=decimal_comma)
    match key:
        case "element":
            value: Any = _whole(text)
        case "invalid":
            value = [_whole(item) for item in split_list(text, decimal_comma=decimal_comma)]
        case "span":
            value = _span(text, decimal_comma=decimal_comma)
        case "siblings" | "rollup":
            value = split_list(text, decimal_comma=decimal_comma)
        case "stepped" | "raw":
            value = _truth(text)
        case "deadband":
            value = _deadband(text, decimal_comma=decimal_comma)
        case "enum":
            value = _enum(text)
        case _:
            value = text
    return value
