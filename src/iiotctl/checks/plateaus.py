"""Levels that were held for a while, and which of them were injected by a calibrator. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.checks.commissioning import Params

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

GOALS: Final = (0.0, 50.0, 100.0)
"""Injections, % of span."""
_SECOND: Final = 1e6


@dataclass(frozen=True, slots=True)
class Plateau:
    """A level that was held: rows [first, stop)."""

    first: int
    stop: int
    level: float


def plateaus(ts: Ints, value: Floats, span: tuple[float, float], params: Params) -> list[Plateau]:
    """Stretches held within `flat` for at least `hold`, each as long as it gets."""
    import numpy as np

    found: list[Plateau] = []
    smooth = _smooth(ts, value, params.hold)
    width = params.flat / 100 * (span[1] - span[0])
    count, first = len(ts), 0
    while first < count:
        stop = int(np.searchsorted(ts, ts[first] + round(params.hold * _SECOND), side="left")) + 1
        if stop > count:
            break
        piece = smooth[first:stop]
        if stop - first < 3 or float(piece.max() - piece.min()) > width:  # noqa: PLR2004 - a line lies through any two
            first += 1
            continue
        level = float(np.median(piece))
        out = np.flatnonzero(np.abs(smooth[stop:] - level) > width / 2)
        stop = stop + int(out[0]) if len(out) else count
        found.append(Plateau(first, stop, float(np.median(value[first:stop]))))
        first = stop
    return found


def _smooth(ts: Ints, value: Floats, hold: float) -> Floats:
    """Running median over at most nine rows and half of the shortest plateau; it keeps steps."""
    import numpy as np

    interval = float(np.median(np.diff(ts))) / _SECOND if len(ts) > 1 else 0.0
    half = min(int(hold / interval / 4), 4) if interval > 0 else 0
    if not half or len(value) <= 2 * half:
        return value
    padded = np.pad(value, half, mode="edge")
    found: Floats = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1), axis=1)
    return found


def percent(value: float, span: tuple[float, float]) -> float:
    """% of span."""
    return 100.0 * (value - span[0]) / (span[1] - span[0])


def injected(plateaus: Sequence[Plateau], span: tuple[float, float], params: Params) -> list[Plateau]:
    """Plateaus of an injection; none where 0 % and 100 % were not both held: then what moves is the process."""
    goals = [[goal for goal in GOALS if abs(percent(p.level, span) - goal) <= params.near] for p in plateaus]
    if not ([0.0] in goals and [100.0] in goals):
        return []
    return [plateau for plateau, near in zip(plateaus, goals, strict=True) if near]
