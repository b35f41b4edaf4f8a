"""The order of a file's rows: where the time of a tag steps back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from iiotctl.store import disorder

if TYPE_CHECKING:
    import numpy.typing as npt

_BY_DESIGN: Final = 0.01
"""With a larger share of steps back the file is sorted otherwise (newest first, by value …): nothing is out of order."""
_FEW: Final = 10
"""So many steps back are never a design."""
_PRUNE: Final = 100_000
_SECOND_US: Final = 1_000_000


class OrderBook:
    """Notes steps back tag by tag, chunk by chunk, in the order of the file."""

    def __init__(self) -> None:
        self._last = np.empty(0, np.int64)
        self._steps = np.empty(0, np.int64)
        self._back = np.empty(0, np.int64)
        self._found: list[pl.DataFrame] = []
        self._held = 0

    def take(self, rows: pl.DataFrame) -> None:
        """Look at coded rows (`tag`, `ts` in µs UTC)."""
        if not rows.height:
            return
        tag, ts = rows["tag"].to_numpy().astype(np.int64), rows["ts"].to_numpy()
        if (np.diff(tag) < 0).any():
            order = np.argsort(tag, kind="stable")
            tag, ts = tag[order], ts[order]
        self._grow(int(tag[-1]) + 1)
        begins = np.flatnonzero(np.diff(tag, prepend=-1))
        before = np.empty_like(ts)
        before[1:] = ts[:-1]
        before[begins] = self._last[tag[begins]]
        ends = np.append(begins[1:], len(ts)) - 1
        self._last[tag[ends]] = ts[ends]
        self._steps[tag[ends]] += ends - begins + 1
        back = np.flatnonzero(ts < before)
        if len(back):
            self._note(tag[back], ts[back], before[back])

    def _grow(self, tags: int) -> None:
        more = max(0, tags - len(self._last))
        self._last = np.append(self._last, np.full(more, np.iinfo(np.int64).min))
        self._steps = np.append(self._steps, np.zeros(more, np.int64))
        self._back = np.append(self._back, np.zeros(more, np.int64))

    def _note(self, tag: npt.NDArray[np.int64], ts: npt.NDArray[np.int64], before: npt.NDArray[np.int64]) -> None:
        np.add.at(self._back, tag, 1)
        step = (before - ts) / _SECOND_US
        self._found.append(pl.DataFrame({"tag": tag, "start": ts, "end": before, "step": step}))
        self._held += len(tag)
        if self._held > _PRUNE:
            kept = pl.concat(self._found)
            self._found = [kept.filter(~pl.col("tag").is_in(np.flatnonzero(self._otherwise())))]
            self._held = 0

    def _otherwise(self) -> npt.NDArray[np.bool_]:
        """By tag code: whether its rows are sorted otherwise than by time."""
        return (self._back > _FEW) & (self._back > _BY_DESIGN * self._steps)

    def found(self, names: dict[int, str]) -> pl.DataFrame:
        """Stretches of steps back, see `store.disorder`.

        Args:
            names: of the tag codes.
        """
        if not self._found:
            return disorder.nothing()
        steps = pl.concat(self._found).filter(~pl.col("tag").is_in(np.flatnonzero(self._otherwise())))
        named = steps.select(
            pl.col("tag").replace_strict(names, return_dtype=pl.String),
            pl.lit(disorder.BACKWARD).alias("kind"),
            "start",
            "end",
            pl.lit(1, dtype=pl.Int64).alias("rows"),
            "step",
        )
        return disorder.together([named])
