"""Tag lists beside the site file: CSV and XLSX, a row a tag, columns named as the keys of `[[tags]]`.

Engineers keep tags in Excel. What Excel does to text is met here: the delimiter follows the country,
numbers may have a decimal comma, the file may begin with a byte order mark or `sep=;`. Nothing is
guessed where guessing could change an address.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from iiotctl.errors import SiteError
from iiotctl.site.document import read_bytes
from iiotctl.site.model import Limits, Tag
from iiotctl.site.plain import Where, did_you_mean, keys_of, one_line, show

MOST_ROWS: Final = 100_000
MOST_COLUMNS: Final = 200
_DELIMITERS: Final = ",;\t"
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


def read_tag_list(path: Path, name: str, where: str) -> tuple[list[RawTag], list[SiteError]]:
    """Tags of a CSV or XLSX file.

    Args:
        path: the file.
        name: how messages call it.
        where: the key that names it, e.g. `site.toml:4`.

    Raises:
        SiteError: the file as a whole cannot be used.
    """
    if path.suffix.lower() == ".xlsx":
        from iiotctl.site.spreadsheet import read_xlsx

        return read_xlsx(path, name, where)
    if path.suffix.lower() in (".xls", ".xlsm", ".ods"):
        raise SiteError(
            "tag-list-format",
            f"`{name}` is a `{path.suffix}` file; a tag list is CSV or XLSX",
            where=where,
            hint="save it as `.xlsx` or as `CSV UTF-8`",
        )
    return read_csv(decode(read_bytes(path, what="tag list", where=where), name), name)


def decode(content: bytes, name: str) -> str:
    """Text of a tag list: UTF-8, or UTF-16 with a byte order mark (Excel's "Unicode text").

    Raises:
        SiteError: `file-not-text`.
    """
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise SiteError(
            "file-not-text",
            f"the tag list `{name}` is not UTF-8 text",
            where=f"{name}:{content.count(bytes([10]), 0, error.start) + 1}",
            cause=f"byte 0x{content[error.start]:02X} cannot be decoded",
            hint="save it in Excel as `CSV UTF-8`, or as `.xlsx`",
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise SiteError("file-not-text", f"the tag list `{name}` holds a NUL byte", where=f"{name}:{line}")
    return text


def sniff(text: str) -> tuple[str, bool]:
    """The delimiter of a CSV text, and whether its first line says so (`sep=;`, as Excel writes it)."""
    for line in text.splitlines():
        if match := re.fullmatch(r"sep=(.)", line.strip("\r\n"), re.IGNORECASE):
            return match[1], True
        if line.strip() and not line.lstrip('"').startswith("#"):
            bare = re.sub(r'"[^"]*"', "", line)
            return max(_DELIMITERS, key=bare.count), False
    return ",", False


def read_csv(text: str, name: str) -> tuple[list[RawTag], list[SiteError]]:
    """Tags of a CSV text; lines that begin with `#` are comments.

    Raises:
        SiteError: `tag-list-syntax` when it is no CSV, or has no header.
    """
    delimiter, says_so = sniff(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    table = _Table(name, decimal_comma=delimiter == ";")
    line = 1
    try:
        for number, row in enumerate(reader):
            start, line = line, reader.line_num + 1
            if says_so and number == 0:
                continue
            if not any(cell.strip() for cell in row) or row[0].lstrip().startswith("#"):
                continue
            table.row(row, start)
    except csv.Error as error:
        raise SiteError(
            "tag-list-syntax",
            f"`{name}` is not valid CSV",
            where=f"{name}:{line}",
            cause=str(error)[:200],
            hint='a text with a quote in it is written `"like ""this"""`',
        ) from None
    if table.columns is None:
        raise SiteError("tag-list-syntax", f"`{name}` is empty: its first row names the columns", where=f"{name}:1")
    return table.tags, table.problems


class _Table:
    """Rows of text cells on their way to tags."""

    def __init__(self, name: str, *, decimal_comma: bool) -> None:
        self.name = name
        self.decimal_comma = decimal_comma
        self.columns: list[str] | None = None
        self.tags: list[RawTag] = []
        self.problems: list[SiteError] = []

    def row(self, cells: Sequence[str], line: int) -> None:
        if self.columns is None:
            self.columns, found = header(cells, lambda _, title: f"{self.name}:{line} column {title}")
            self.problems += found
            return
        if len(self.tags) >= MOST_ROWS:
            raise SiteError("tag-list-syntax", f"`{self.name}` has more than {MOST_ROWS} tags", where=self.name)
        where = _place(self.name, line)
        if any(cell.strip() for cell in cells[len(self.columns) :]):
            self.problems.append(
                SiteError(
                    "tag-list-syntax",
                    f"the row has {len(cells)} cells, the header {len(self.columns)}",
                    where=where(),
                    hint="a cell that contains the delimiter needs quotes",
                )
            )
            return
        values: dict[str, Any] = {}
        for column, cell in zip(self.columns, cells, strict=False):
            text = cell.strip()
            if not text or not column:
                continue
            try:
                store_cell(values, column, parse_cell(column, text, decimal_comma=self.decimal_comma))
            except CellError as error:
                self.problems.append(SiteError("tag-list-cell", one_line(str(error)), where=where(column)))
        self.tags.append(RawTag(values, where))


def _place(name: str, line: int) -> Where:
    def where(*keys: str | int) -> str:
        return f"{name}:{line} column {'.'.join(str(key) for key in keys)}" if keys else f"{name}:{line}"

    return where


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


def _number(text: str, *, decimal_comma: bool) -> float:
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
        return {"percent": _number(text[:-1], decimal_comma=decimal_comma)}
    return _number(text, decimal_comma=decimal_comma)


def _span(text: str, *, decimal_comma: bool) -> list[float]:
    items = split_list(text, decimal_comma=decimal_comma)
    if len(items) != 2:  # noqa: PLR2004 - low and high
        raise CellError(f"`{show(text)[1:-1]}` is not a span; write low and high, e.g. `0;250`")
    return [_number(item, decimal_comma=decimal_comma) for item in items]


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
        return _number(text, decimal_comma=decimal_comma)
    match key:
        case "element":
            value: Any = _whole(text)
        case "invalid":
            value = [_whole(item) for item in split_list(text, decimal_comma=decimal_comma)]
        case "span":
            value = _span(text, decimal_comma=decimal_comma)
        case "siblings":
            value = split_list(text, decimal_comma=decimal_comma)
        case "stepped":
            value = _truth(text)
        case "deadband":
            value = _deadband(text, decimal_comma=decimal_comma)
        case "enum":
            value = _enum(text)
        case _:
            value = text
    return value
