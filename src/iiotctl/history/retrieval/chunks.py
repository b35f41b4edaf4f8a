"""The samples of one tag in pieces of a size that memory does not notice, in either direction of time.

A piece is a stretch of time. How long the next one is follows from how many samples the last one had, so that a
tag of 1 Hz over a year comes in the same pieces as one of a sample a day over ten.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, cast

from iiotctl import quality as codes
from iiotctl.history.gaps import of_tag
from iiotctl.history.retrieval.block import Block, joined, of
from iiotctl.history.sql.connect import quoted
from iiotctl.history.sql.views import literal

if TYPE_CHECKING:
    import duckdb

    from iiotctl.history.sql.reader import Reader

_ROWS: Final = 200_000
"""Rows that a piece should have: about 5 MB."""
_FIRST_US: Final = 3_600_000_000
"""Length of the first piece: few sources send more than a million values an hour."""
_GROWTH: Final = 16
_DAY_US: Final = 24 * 3_600_000_000
_REACHES: Final = (_FIRST_US, _DAY_US, 8 * _DAY_US, 64 * _DAY_US, None)
"""How far to look for a neighbour, in steps: most are near, and a year is not read to find one."""
Gap = tuple[int, int | None, str]


def chunks(
    reader: Reader, tag: str, start: int, end: int, *, descending: bool = False, text: bool = False
) -> Iterator[Block]:
    """Samples in [start, end), piece by piece; each piece by rising time, empty ones left out.

    Args:
        reader: of the store.
        tag: exact name.
        start: µs UTC.
        end: µs UTC.
        descending: the latest piece first.
        text: with texts.

    Raises:
        StoreError: no store; a file went away meanwhile.
    """
    at, span = (end if descending else start), _FIRST_US
    while start < at if descending else at < end:
        low, high = (max(start, at - span), at) if descending else (at, min(end, at + span))
        block = _read(reader, tag, low, high, text=text)
        if len(block):
            yield block
        at = low if descending else high
        span = max(1, int(span * min(_GROWTH, _ROWS / max(len(block), 1))))


def _read(reader: Reader, tag: str, low: int, high: int, *, text: bool) -> Block:
    def work(connection: duckdb.DuckDBPyConnection) -> Block:
        sql = (
            f"SELECT epoch_us(ts) AS ts, CAST(value AS DOUBLE) AS value, quality{', text' if text else ''}"
            f" FROM {reader.source('samples', start=low, end=high, tags=[tag])}"
            f" WHERE tag = {quoted(tag)} AND ts >= {literal(low)} AND ts < {literal(high)}"
        )
        return _block(tag, connection.execute(sql).fetchnumpy())

    return reader.ask(work)


def together(reader: Reader, tags: Sequence[str], start: int, end: int, *, text: bool = False) -> dict[str, Block]:
    """Samples of several tags in [start, end), each by time, from one pass over the files: tags whose names are
    neighbours stand side by side there, and to read one is to read through the others.

    Args:
        reader: of the store.
        tags: exact names.
        start: µs UTC.
        end: µs UTC.
        text: with texts.

    Raises:
        StoreError: no store; a file went away meanwhile.
    """
    import numpy as np

    names = ", ".join(map(quoted, tags))

    def work(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        return connection.execute(
            f"SELECT list_position([{names}], tag) AS place, epoch_us(ts) AS ts, CAST(value AS DOUBLE) AS value, quality"
            f"{', text' if text else ''} FROM {reader.source('samples', start=start, end=end, tags=tags)}"
            f" WHERE tag IN ({names}) AND ts >= {literal(start)} AND ts < {literal(end)}"
        ).fetchnumpy()

    arrays = reader.ask(work)
    place = np.asarray(arrays.pop("place"))
    order = np.lexsort((np.asarray(arrays["ts"]), place))
    rows = _block("", {name: column[order] for name, column in arrays.items()}, ordered=True)
    cuts = np.searchsorted(place[order], np.arange(1, len(tags) + 2))
    return {tag: replace(rows[low:high], tag=tag) for tag, (low, high) in zip(tags, pairwise(cuts), strict=True)}


def counts(reader: Reader, tags: Sequence[str], start: int, end: int) -> dict[str, tuple[int, int]]:
    """How many samples tags have in [start, end), and how many of these have a text; tags without any are left out.

    Raises:
        StoreError: no store; a file went away meanwhile.
    """
    names = ", ".join(map(quoted, tags))

    def work(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[int, int]]:
        rows = connection.execute(
            f"SELECT tag, count(*), count(text) FROM {reader.source('samples', start=start, end=end, tags=tags)}"
            f" WHERE tag IN ({names}) AND ts >= {literal(start)} AND ts < {literal(end)} GROUP BY tag"
        ).fetchall()
        return {tag: (number, texts) for tag, number, texts in rows}

    return reader.ask(work)


def _block(tag: str, arrays: dict[str, Any], *, ordered: bool = False) -> Block:
    import numpy as np

    value = arrays["value"].astype(np.float64)
    if isinstance(value, np.ma.MaskedArray):  # DuckDB masks nulls only where there are some
        value = value.filled(np.nan)  # type: ignore[no-untyped-call]
    text: Any = arrays.get("text")
    if hasattr(text, "mask"):  # likewise; its `filled` knows no None
        text = None if text.mask.all() else np.where(text.mask, cast("Any", None), text.data)
    block = of(tag, np.asarray(arrays["ts"]), value, np.asarray(arrays["quality"]), text)
    # files hold a tag by time; only where one has late rows the order must be made, and equal times keep theirs
    return block if ordered or (np.diff(block.ts) >= 0).all() else block[np.argsort(block.ts, kind="stable")]


def count(reader: Reader, tag: str, stretches: Sequence[tuple[int, int]]) -> int:
    """How many samples a tag has in some stretches [start, end).

    Raises:
        StoreError: no store; a file went away meanwhile.
    """

    def work(connection: duckdb.DuckDBPyConnection) -> int:
        total = 0
        for low, high in stretches:
            row = connection.execute(
                f"SELECT count(*) FROM {reader.source('samples', start=low, end=high, tags=[tag])}"
                f" WHERE tag = {quoted(tag)} AND ts >= {literal(low)} AND ts < {literal(high)}"
            ).fetchone()
            total += row[0] if row else 0
        return total

    return reader.ask(work)


def extent(reader: Reader, tags: Sequence[str]) -> tuple[int, int] | None:
    """From the first sample of some tags to just behind their last, µs UTC; None when there is none.

    Raises:
        StoreError: no store; a file went away meanwhile.
    """
    names = ", ".join(map(quoted, tags))

    def work(connection: duckdb.DuckDBPyConnection) -> tuple[int, int] | None:
        row = connection.execute(
            f"SELECT epoch_us(min(ts)), epoch_us(max(ts)) + 1 FROM samples WHERE tag IN ({names})"
        ).fetchone()
        return None if row is None or row[0] is None else (row[0], row[1])

    return reader.ask(work)


def neighbour(
    reader: Reader, tag: str, at: int, *, forward: bool, good: bool = False, text: bool = False
) -> Block | None:
    """The nearest sample at or before an instant (or at or behind it); None when there is none.

    Args:
        reader: over the whole store.
        tag: exact name.
        at: µs UTC.
        forward: look behind the instant.
        good: with everything up to the nearest Good number, by rising time; None when there is no such.
        text: with texts.

    Raises:
        StoreError: no store; a file went away meanwhile.
    """
    such = f" AND quality < {codes.UNCERTAIN} AND value IS NOT NULL AND NOT isnan(value)" if good else ""

    def found(connection: duckdb.DuckDBPyConnection, low: int | None, high: int | None) -> int | None:
        limits = [f"tag = {quoted(tag)}"]
        limits += [] if low is None else [f"ts >= {literal(low)}"]
        limits += [] if high is None else [f"ts < {literal(high)}"]
        row = connection.execute(
            f"SELECT epoch_us({'min' if forward else 'max'}(ts)) FROM"
            f" {reader.source('samples', start=low, end=high, tags=[tag])} WHERE {' AND '.join(limits)}{such}"
        ).fetchone()
        return None if row is None else row[0]

    for reach in _REACHES:
        far = None if reach is None else at + reach if forward else at - reach
        low, high = (at, far) if forward else (far, at + 1)
        nearest = reader.ask(lambda connection, low=low, high=high: found(connection, low, high))  # type: ignore[misc]
        if nearest is not None:
            first, last = (at, nearest) if forward else (nearest, at)
            block = _read(reader, tag, first, last + 1, text=text)
            return block if good else block[-1:] if not forward else block[:1]
    return None


def gaps(reader: Reader, tag: str, start: int, end: int) -> list[Gap]:
    """Gaps of a tag and of its source that reach into [start, end) and were not filled: (start, end, reason) in µs UTC
    by start; the end is None while the gap is open.

    Raises:
        StoreError: no store; a file went away meanwhile.
    """
    sql = (
        'SELECT epoch_us(start), epoch_us("end"), reason FROM gaps WHERE filled_by IS NULL'
        f' AND start < {literal(end)} AND ("end" IS NULL OR "end" >= {literal(start)}) AND {of_tag(tag)} ORDER BY ALL'
    )
    return reader.ask(lambda connection: connection.execute(sql).fetchall())


def with_holes(block: Block, begins: Sequence[int]) -> Block:
    """The block with a Bad row (BadNoData) where gaps begin and no row stands, so that nothing runs across them."""
    import numpy as np

    extra = np.setdiff1d(np.array(sorted(begins), dtype=np.int64), block.ts)
    if not extra.size:
        return block
    holes = of(block.tag, extra, np.full(extra.size, np.nan), np.full(extra.size, codes.BAD_NO_DATA))
    both = joined(block.tag, [block, holes])
    return both[np.argsort(both.ts, kind="stable")]
