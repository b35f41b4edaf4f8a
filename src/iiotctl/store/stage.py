"""Rows on their way into the store, by UTC date: in memory, and in scratch files as soon as they become many.

What comes out are blocks of one date in the order of arrival, each small enough to sort: a date with more rows than
`BLOCK_ROWS` is handed out by the hour (design §5 of the layout: files of an hour of 500 tags are the standing form).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

from iiotctl.store.layout import day_of

if TYPE_CHECKING:
    import polars as pl

MEMORY_ROWS: Final = 4_000_000
"""About 200 MB of the usual columns."""
BLOCK_ROWS: Final = 4_000_000
_DAY_US: Final = 86_400_000_000
_HOUR_US: Final = 3_600_000_000


class Stage:
    """Not thread-safe. Raises OSError as the disk does."""

    def __init__(self, folder: Path, run: str, *, memory_rows: int = MEMORY_ROWS, block_rows: int = BLOCK_ROWS) -> None:
        self._folder, self._run = folder, run
        self._memory_rows, self._block_rows = memory_rows, block_rows
        self._held: dict[int, list[pl.DataFrame]] = {}
        self._held_rows = 0
        self._spilled: dict[int, list[Path]] = {}
        self._rows: dict[int, int] = {}
        self._files = 0

    def add(self, rows: pl.DataFrame) -> None:
        """Take coded rows (`ts` i64) of any dates."""
        import polars as pl

        if not rows.height:
            return
        low, high = rows["ts"].min(), rows["ts"].max()
        assert isinstance(low, int)
        assert isinstance(high, int)
        if low // _DAY_US == high // _DAY_US:
            self._hold(low // _DAY_US, rows)
        else:
            days = rows.with_columns((pl.col("ts") // _DAY_US).alias("_day"))
            for key, part in days.partition_by("_day", as_dict=True, maintain_order=True, include_key=False).items():
                self._hold(int(str(key[0])), part)
        if self._held_rows > self._memory_rows:
            self._spill()

    def _hold(self, day: int, rows: pl.DataFrame) -> None:
        self._held.setdefault(day, []).append(rows)
        self._held_rows += rows.height
        self._rows[day] = self._rows.get(day, 0) + rows.height

    def _spill(self) -> None:
        """Write all that is held: a file a date, so that a date of many parts stays in the order of arrival."""
        import polars as pl

        for day, parts in self._held.items():
            self._files += 1
            path = self._folder / f"rows-{self._run}-{self._files:06d}.ipc"
            pl.concat(parts, how="diagonal").write_ipc(path, compression="lz4")
            self._spilled.setdefault(day, []).append(path)
        self._held, self._held_rows = {}, 0

    def blocks(self) -> Iterator[tuple[date, pl.DataFrame]]:
        """Blocks of one date each, oldest first, rows in the order of arrival; what was handed out is forgotten."""
        import polars as pl

        for day in sorted(self._rows):
            paths, held = self._spilled.pop(day, []), self._held.pop(day, [])
            if self._rows.pop(day) <= self._block_rows:
                parts = [pl.read_ipc(path) for path in paths] + held
                yield day_of(day), pl.concat(parts, how="diagonal")
            else:
                yield from ((day_of(day), block) for block in _by_hour(day, paths, held))
            for path in paths:
                path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget all rows and remove their files."""
        for paths in self._spilled.values():
            for path in paths:
                path.unlink(missing_ok=True)
        self._held, self._held_rows, self._spilled, self._rows = {}, 0, {}, {}


def _by_hour(day: int, paths: list[Path], held: list[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    import polars as pl

    for start in range(day * _DAY_US, (day + 1) * _DAY_US, _HOUR_US):
        inside = (pl.col("ts") >= start) & (pl.col("ts") < start + _HOUR_US)
        parts = [pl.read_ipc(path).filter(inside) for path in paths]
        block = pl.concat([*parts, *(part.filter(inside) for part in held)], how="diagonal")
        if block.height:
            yield block
