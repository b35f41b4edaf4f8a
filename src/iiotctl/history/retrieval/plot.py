"""Thinning for a drawing as historians do it: of each column of the screen the samples that may be seen.

An interval gives its first and last sample, the smallest and the largest value that is not Bad, and the exceptional
sample: the first of the worst quality, if any is not Good. So neither a spike of one sample nor one bad
reading is hidden, whatever the width. Of a tag with texts comes the first sample without a number, too: it breaks the line. (PI Web API reference, `GetPlot`.) DuckDB finds them in one pass over the files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from iiotctl.history.retrieval.block import Block, empty, of
from iiotctl.history.sql.connect import quoted
from iiotctl.history.sql.views import literal
from iiotctl.quality import BAD, UNCERTAIN

if TYPE_CHECKING:
    import duckdb

    from iiotctl.history.sql.reader import Reader

_USABLE: Final = f"quality < {BAD} AND value IS NOT NULL AND NOT isnan(value)"
_SAMPLE: Final = "{'t': t, 'v': value, 'q': quality}"
_BLANK: Final = f"quality < {BAD} AND (value IS NULL OR isnan(value))"
_EXCEPTIONAL: Final = f"quality >= {UNCERTAIN}"
_WORST_FIRST: Final = "t - ((quality >> 30)::BIGINT << 60)"
# extremes by structs: of equal values the earliest, whichever thread finds it, so that a drawing is the same every time
_CHOSEN: Final = {
    "first": f"arg_min({_SAMPLE}, t)",
    "least": f"min({{'v': value, 't': t, 'q': quality}}) FILTER ({_USABLE})",
    "most": f"min({{'d': -value, 't': t, 'v': value, 'q': quality}}) FILTER ({_USABLE})",
    "worst": f"arg_min({_SAMPLE}, {_WORST_FIRST}) FILTER ({_EXCEPTIONAL})",
    "blank": f"arg_min({_SAMPLE}, t) FILTER ({_BLANK})",
    "last": f"arg_max({_SAMPLE}, t)",
}


def plot(
    reader: Reader, tag: str, whole: tuple[int, int], stretches: Sequence[tuple[int, int]], width: int
) -> tuple[Block, int, int]:
    """The samples of a drawing, by time, none twice; how many there are of which they were chosen; and how many of
    these are not Bad and have no number.

    Args:
        reader: of the store.
        tag: exact name.
        whole: [start, end) of the drawing, µs UTC, which the intervals divide evenly.
        stretches: [start, end) within it, by time: only what lies in one of them counts.
        width: intervals.

    Raises:
        StoreError: no store; a file went away meanwhile.
    """

    def work(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        source = reader.source("samples", start=stretches[0][0], end=stretches[-1][1], tags=[tag])
        return connection.execute(statement(source, tag, whole, stretches, width)).fetchnumpy()

    if not stretches:
        return empty(tag), 0, 0
    arrays = reader.ask(work)
    return samples(tag, arrays), int(arrays["n"].sum()), int(arrays["blanks"].sum())


def statement(source: str, tag: str, whole: tuple[int, int], stretches: Sequence[tuple[int, int]], width: int) -> str:
    """SQL that gives a row for each interval with samples: their number `n`, of which `blanks` are not Bad
    and have no number, and time, value and quality of each chosen.

    Args:
        source: what stands behind FROM.
        tag: see `plot`.
        whole: see `plot`.
        stretches: see `plot`; at least one.
        width: see `plot`.
    """
    within = " OR ".join(f"ts >= {literal(first)} AND ts < {literal(last)}" for first, last in stretches)
    chosen = ", ".join(f"{sql} AS {name}" for name, sql in _CHOSEN.items())
    fields = ", ".join(f'{name}.{field} AS "{name}.{field}"' for name in _CHOSEN for field in "tvq")
    start, end = whole
    # as doubles, because the product leaves 64 bits
    interval = f"floor((t - {start})::DOUBLE * {width} / {end - start})"
    return (
        f"SELECT n, blanks, {fields} FROM (SELECT count(*) AS n, count(*) FILTER ({_BLANK}) AS blanks, {chosen}"
        f" FROM (SELECT epoch_us(ts) AS t, CAST(value AS DOUBLE) AS value, quality FROM {source}"
        f" WHERE tag = {quoted(tag)} AND ({within})) GROUP BY {interval})"
    )


def samples(tag: str, arrays: dict[str, Any]) -> Block:
    """What `statement` found, as samples by time, none twice."""
    import numpy as np

    ts, value, quality = (
        np.ma.concatenate([np.ma.asarray(arrays[f"{name}.{field}"]) for name in _CHOSEN])  # type: ignore[no-untyped-call]
        for field in "tvq"
    )
    there = ~np.ma.getmaskarray(ts)  # type: ignore[no-untyped-call]
    numbers = value.astype(np.float64).filled(np.nan)[there] + 0.0  # a minimum does not know of -0.0
    block = of(tag, ts.data[there], numbers, quality.data[there])
    order = np.lexsort((block.value.view(np.int64), block.quality, block.ts))
    block = block[order]
    same = np.zeros(len(block), dtype=bool)
    same[1:] = (
        (np.diff(block.ts) == 0)
        & (block.quality[1:] == block.quality[:-1])
        & (block.value.view(np.int64)[1:] == block.value.view(np.int64)[:-1])
    )
    return block[~same]
