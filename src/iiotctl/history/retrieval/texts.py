"""Texts among numbers: samples of a tag that has changed its type, which no line can show and no mode may hide."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from iiotctl.events import Event, Level
from iiotctl.history.sql.connect import quoted
from iiotctl.history.sql.views import literal

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import numpy.typing as npt

    from iiotctl.history.retrieval.block import Block
    from iiotctl.history.retrieval.request import Request
    from iiotctl.history.sql.reader import Reader

_MOST_NAMED: Final = 3


def filled(reader: Reader, block: Block) -> Block:
    """The block with the texts of those samples that are not Bad and have no number.

    Args:
        reader: of the store.
        block: chosen samples, few enough to look up one by one.

    Raises:
        StoreError: no store; a file went away meanwhile.
    """
    import numpy as np

    blank = np.flatnonzero(block.blank)
    if block.text is not None or not blank.size:
        return block
    found = reader.ask(lambda connection: _at(connection, reader, block.tag, block.ts[blank]))
    text = np.full(len(block), None, dtype=np.object_)
    for row in blank.tolist():
        text[row] = found.get(int(block.ts[row]))
    return replace(block, text=text)


def _at(
    connection: duckdb.DuckDBPyConnection, reader: Reader, tag: str, times: npt.NDArray[np.int64]
) -> dict[int, str]:
    start, end = int(times.min()), int(times.max()) + 1
    rows: list[Any] = connection.execute(
        f"SELECT epoch_us(ts), text FROM {reader.source('samples', start=start, end=end, tags=[tag])}"
        f" WHERE tag = {quoted(tag)} AND ts >= {literal(start)} AND ts < {literal(end)} AND text IS NOT NULL"
        " AND epoch_us(ts) IN (SELECT unnest(?::BIGINT[]))",
        [times.tolist()],
    ).fetchall()
    return dict(rows)


def count(reader: Reader, tag: str, stretches: Sequence[tuple[int, int]]) -> int:
    """How many samples of some stretches [start, end) are texts, and not Bad.

    Raises:
        StoreError: no store; a file went away meanwhile.
    """

    def work(connection: duckdb.DuckDBPyConnection) -> int:
        total = 0
        for low, high in stretches:
            row = connection.execute(
                f"SELECT count(*) FROM {reader.source('samples', start=low, end=high, tags=[tag])}"
                f" WHERE tag = {quoted(tag)} AND ts >= {literal(low)} AND ts < {literal(high)}"
                " AND text IS NOT NULL AND value IS NULL AND NOT is_bad(quality)"
            ).fetchone()
            total += row[0] if row else 0
        return total

    return reader.ask(work)


def counts(reader: Reader, tags: Iterable[str], request: Request) -> dict[str, int]:
    """How many texts there are of each tag of which samples without a number were met; none where there are none.

    Raises:
        StoreError: no store; a file went away meanwhile.
    """
    found = {tag: count(reader, tag, request.stretches) for tag in tags if request.blank[tag]}
    return {tag: number for tag, number in found.items() if number}


def tell(found: dict[str, int], request: Request, notice: Callable[[Event], None]) -> None:
    """Say which tags have texts that a mode left out.

    Args:
        found: of `counts`.
        request: what was asked.
        notice: is told.
    """
    if not found:
        return
    named = ", ".join(f"`{tag}`" for tag in list(found)[:_MOST_NAMED])
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    number = sum(found.values())
    what = f"{number:,} texts" if number > 1 else "a text"
    has = "has" if len(found) == 1 else "have"
    words = f"{named}{more} {has} {what} in this range; mode `{request.mode}` is for numbers, `iiotctl export --mode raw` gives the texts"
    notice(Event(Level.WARNING, "texts-left-out", words))
