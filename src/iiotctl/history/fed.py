"""Until when a store is known to have been fed: what is silent may still be watched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iiotctl.history.sql.views import condition

if TYPE_CHECKING:
    import duckdb

    from iiotctl.history.sql.reader import Reader


def fed_until(reader: Reader, start: int, end: int) -> int | None:
    """The time of the newest sample of any tag in [start, end), µs UTC; None when there is none.

    Raises:
        StoreError: no store; a file went away meanwhile.
    """

    def work(connection: duckdb.DuckDBPyConnection) -> int | None:
        source = reader.source("samples", start=start, end=end)
        sql = f"SELECT epoch_us(max(ts)) FROM {source} WHERE true{condition('ts', start, end)}"
        (newest,) = connection.execute(sql).fetchall()[0]
        return None if newest is None else int(newest)

    return reader.ask(work)
