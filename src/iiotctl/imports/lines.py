"""Lines to columns of text: at polars' speed where every line has the right number of fields, with care elsewhere.

No row gets lost: a line with too many or too few fields, or with zero bytes, is refused by its number.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Final

import polars as pl

from iiotctl.imports.opened import Block
from iiotctl.imports.rejects import Refusal, refusals

LINE: Final = "line"
_MOST_LINES_IN_QUOTES: Final = 1000


def columns(width: int) -> list[str]:
    """Names of the fields of a line, by their position."""
    return [f"c{number}" for number in range(width)]


def numeric(column: str) -> str:
    """Name of the column that tells which cells of a column were numbers, not text; only where some were."""
    return f"numeric_{column}"


def split(block: Block, separator: str, width: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Fields of every line.

    Args:
        block: lines.
        separator: one character.
        width: fields that a line must have.

    Returns:
        A frame of String columns `columns(width)` (empty field = null) with `line`, and the refused lines.
    """
    data, count = block.data, block.lines
    regular = width > 1 and data.count(separator.encode()) == (width - 1) * count and b"\0" not in data
    if regular and (data.isascii() or _is_utf8(data)):
        # Quotes change nothing unless they hold a separator or an end of line; then each line is looked at.
        quoted = b'"' in data
        try:
            frame = _parse(data, separator, width, quoted=quoted)
        except pl.exceptions.PolarsError:  # a line is too long, and another one too short by as much
            return _split_one_by_one(block, separator, width)
        if frame.height == count and not (quoted and _holds(frame, separator)):
            numbers = pl.int_range(block.first, block.first + count, dtype=pl.UInt64, eager=True)
            return frame.with_columns(numbers.alias(LINE)), refusals([])
    return _split_one_by_one(block, separator, width)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _holds(frame: pl.DataFrame, sign: str) -> bool:
    return bool(frame.select(pl.any_horizontal(pl.all().str.contains(sign, literal=True).any())).item())


def _parse(data: bytes, separator: str, width: int, *, quoted: bool) -> pl.DataFrame:
    frame = pl.read_csv(
        data,
        has_header=False,
        separator=separator,
        quote_char='"' if quoted else None,
        infer_schema=False,
        new_columns=columns(width),
        schema=dict.fromkeys(columns(width), pl.String),
        raise_if_empty=False,
    )
    return frame.with_columns(pl.when(pl.all() != "").then(pl.all())) if quoted else frame


def _split_one_by_one(block: Block, separator: str, width: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    good: list[list[str]] = []
    numbers: list[int] = []
    bad: list[Refusal] = []
    for number, text in _logical_lines(block):
        if not text.strip():
            continue
        if "\0" in text:
            bad.append(Refusal(number, "damaged", "the line holds zero bytes", text))
            continue
        if "\ufffd" in text:
            bad.append(Refusal(number, "damaged", "the line holds bytes that are no text in this encoding", text))
            continue
        fields = _fields(text, separator)
        if len(fields) == width + 1 and not fields[-1]:
            fields.pop()  # a separator at the end of the line
        if len(fields) != width:
            cause = f"the line has {len(fields)} fields instead of {width}"
            bad.append(Refusal(number, "fields", cause, text))
            continue
        good.append(fields)
        numbers.append(number)
    names = columns(width)
    data = {name: [fields[place] or None for fields in good] for place, name in enumerate(names)}
    frame = pl.DataFrame(data, schema=dict.fromkeys(names, pl.String))
    return frame.with_columns(pl.Series(LINE, numbers, dtype=pl.UInt64)), refusals(bad)


def _fields(text: str, separator: str) -> list[str]:
    if '"' not in text:
        return text.split(separator)
    try:
        return next(csv.reader(io.StringIO(text), delimiter=separator), [])
    except csv.Error:
        return text.split(separator)


def _logical_lines(block: Block) -> Iterator[tuple[int, str]]:
    """Lines with their numbers; lines that belong together by quotes as one."""
    number = block.first
    waiting: list[str] = []
    for raw in block.data.decode("utf-8", "replace").split("\n"):
        text = raw.removesuffix("\r")
        if waiting:
            waiting.append(text)
            if not sum(part.count('"') for part in waiting) % 2 or len(waiting) > _MOST_LINES_IN_QUOTES:
                yield number - len(waiting) + 1, "\n".join(waiting)
                waiting = []
        elif text.count('"') % 2:
            waiting = [text]
        else:
            yield number, text
        number += 1
    # a quote that nothing closes: each line for itself
    for place, text in enumerate(waiting):
        yield number - len(waiting) + place, text
