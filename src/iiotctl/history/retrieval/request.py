"""What is asked of each tag: which mode, over which range, and what stands at its ends."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeVar

from iiotctl.errors import UsageError
from iiotctl.history.names import near

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MOST_WIDTH: Final = 1_000_000
"""Intervals of `plot` and samples of `lttb`; more is no drawing."""
_ANOTHER: Final = {"recorded": "raw", "compressed": "raw", "cyclic": "interpolated", "interpolate": "interpolated"}


class Mode(StrEnum):
    """How samples are retrieved."""

    RAW = "raw"
    """As recorded."""
    INTERPOLATED = "interpolated"
    """One value at each of given times."""
    PLOT = "plot"
    """Of each interval the first, last, smallest, largest and exceptional sample, as far as they differ."""
    LTTB = "lttb"
    """So many samples as keep the shape of the line best (largest triangle three buckets)."""


class Boundary(StrEnum):
    """What stands at the ends of a range of recorded samples."""

    INSIDE = "inside"
    """Nothing more than what lies in it."""
    OUTSIDE = "outside"
    """The nearest sample before it and the nearest at or behind its end as well."""
    INTERPOLATED = "interpolated"
    """A value interpolated at either end."""


@dataclass(frozen=True, slots=True)
class Request:
    """One question to one tag after the other.

    Attributes:
        start: µs UTC, inclusive, the earlier end.
        end: µs UTC, exclusive.
        mode: see `Mode`.
        descending: newest first.
        boundary: see `Boundary`; of `interpolated` mode nothing.
        times: (n,) int64, µs UTC, rising: where `interpolated` mode wants values.
        width: intervals of `plot` mode, samples of `lttb` mode.
        stepped: the value holds between samples; None = as the tag says.
        windows: only inside these stretches [start, end), rising and apart; None = all of the range.
        text: texts are wanted, too.
        tally: counts the samples of the store that were looked at, by tag.
        blank: counts those of them that are not Bad and have no number; not of `raw` mode.
    """

    start: int
    end: int
    mode: Mode = Mode.RAW
    descending: bool = False
    boundary: Boundary = Boundary.INSIDE
    times: npt.NDArray[np.int64] | None = None
    width: int = 1000
    stepped: bool | None = None
    windows: tuple[tuple[int, int], ...] | None = None
    text: bool = False
    tally: Counter[str] = field(default_factory=Counter)
    blank: Counter[str] = field(default_factory=Counter)

    @property
    def stretches(self) -> list[tuple[int, int]]:
        """What is looked at of the range, in the order asked for."""
        whole = ((self.start, self.end),) if self.windows is None else self.windows
        cut = [(max(first, self.start), min(last, self.end)) for first, last in whole]
        cut = [(first, last) for first, last in cut if first < last]
        return cut[::-1] if self.descending else cut


_Word = TypeVar("_Word", Mode, Boundary)


def word(kind: type[_Word], text: str, option: str) -> _Word:
    """A mode or a boundary that a person named.

    Raises:
        UsageError: `bad-value`, with the one that was probably meant.
    """
    meant = text.strip().lower()
    try:
        return kind(meant)
    except ValueError:
        known = [str(one) for one in kind]
        other = _ANOTHER.get(meant)
        raise UsageError(
            "bad-value",
            f"there is no {kind.__name__.lower()} `{text}`",
            where=option,
            hint=f"did you mean `{other}`?" if other in known else near(meant, known) or f"one of {', '.join(known)}",
        ) from None


def check_width(width: int, option: str = "--width") -> int:
    """Refuse a number of intervals or samples that nothing can be drawn with.

    Raises:
        UsageError: `bad-value`.
    """
    if not 2 <= width <= MOST_WIDTH:  # noqa: PLR2004 - a first and a last one
        raise UsageError(
            "bad-value",
            f"`{width}` is not a width",
            where=option,
            hint=f"2 to {MOST_WIDTH:,}, e.g. as many as the drawing has columns",
        )
    return width
