"""What sort of tag this is, in one place for all checks: counter, held state, constant, text; and its resolution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.checks.base import Learnt
    from iiotctl.checks.tagdata import TagData

KIND: Final = "kind"
"""Under this name `TagBaseline.learnt` keeps what `learn_kind` found."""
NEEDS: Final = frozenset({"n", "min", "max", "first", "last", "same", "steps", "step_min", "step_net", "jut"})
"""Feature columns that it is learnt from."""

_FEW: Final = 20
"""A state has at most so many different values in the learning period …"""
_HELD: Final = 0.95
"""… and at least this share of its steps and of its windows shows no change."""
_COUNTER_KINDS: Final = frozenset({"counter", "totaliser", "totalizer"})
_STATE_KINDS: Final = frozenset({"state", "setpoint", "status", "mode", "bool"})


@dataclass(frozen=True, slots=True)
class Kind:
    """What sort of tag it is.

    Attributes:
        text: it has texts, no numbers.
        counter: it only ever counts up (a totaliser); values say how much so far, not how it is now.
        discrete: it holds one of few values until something changes it: states, setpoints, valve positions.
        constant: it never changed in the learning period.
        resolution: smallest step that it makes, in the tag's unit (LSB); NaN where it never moved.
        levels: different values seen in the learning period; at most 1 more than 20 is counted.
        windows: windows with samples that this was learnt from; 0 = nothing is known.
    """

    text: bool = False
    counter: bool = False
    discrete: bool = False
    constant: bool = False
    resolution: float = float("nan")
    levels: int = 0
    windows: int = 0

    @property
    def skip(self) -> str:
        """Why checks of measured values do not apply, or "": a text, a counter, a held state."""
        if self.text:
            return "a text"
        if self.counter:
            return "a counter: it has checks of its own"
        if self.discrete:
            return "a state or setpoint that is held by nature"
        return ""


def kind_of(data: TagData) -> Kind:
    """What sort of tag this is: from the site file, else from the baseline, else from the learning windows."""
    learnt: Learnt = data.baseline.learnt.get(KIND, {}) if data.baseline is not None else {}
    if not learnt:
        learnt = learn_kind(data)
    return _kind(data, learnt)


def learn_kind(data: TagData) -> dict[str, float]:
    """What the learning windows say of the sort of tag, as plain numbers for the baseline.

    Returns:
        `windows`, `counter`, `discrete`, `constant` (0 or 1), `resolution` (tag's unit; absent if it never moved),
        `levels`. Only `windows` = 0 where there is nothing to learn from.
    """
    import numpy as np

    features = data.features
    if not features.columns.keys() >= NEEDS:
        return {"windows": 0.0}
    at = np.flatnonzero(data.learning & (features["n"] > 0))
    if not len(at):
        return {"windows": 0.0}
    column = {name: features[name][at].astype(np.float64) for name in NEEDS}
    resolution = smallest_step(column["step_min"])
    levels = _levels(column, resolution)
    found = {
        "windows": float(len(at)),
        "constant": float(column["min"].min() == column["max"].max()),
        "counter": float(_counts(column)),
        "discrete": float(_holds(column, levels)),
        "levels": float(levels),
    }
    if np.isfinite(resolution):
        found["resolution"] = resolution
    return found


def smallest_step(step_min: npt.NDArray[Any]) -> float:
    """The resolution: the 1 % quantile of the windows' smallest non-zero steps, NaN where nothing ever moved.

    Not the smallest of all: one conversion error of a float would make every later step look huge.
    """
    import numpy as np

    known = step_min[np.isfinite(step_min)]
    return float(np.quantile(known, 0.01, method="lower")) if len(known) else float("nan")


def _kind(data: TagData, learnt: Mapping[str, Any]) -> Kind:
    info = data.info
    kind = info.kind.lower()
    windows = int(learnt.get("windows", 0))
    counter = kind in _COUNTER_KINDS or (not kind and bool(learnt.get("counter", 0)))
    state = kind in _STATE_KINDS or info.stepped or info.type == "bool"
    return Kind(
        text=info.text,
        counter=counter,
        discrete=not counter and (state or bool(learnt.get("discrete", 0))),
        constant=windows > 0 and bool(learnt.get("constant", 0)),
        resolution=float(learnt.get("resolution", float("nan"))),
        levels=int(learnt.get("levels", 0)),
        windows=windows,
    )


def _counts(column: Mapping[str, npt.NDArray[np.float64]]) -> bool:
    """Whether it only ever went up, in at least a twentieth of at least 30 windows, but for a few resets."""
    import numpy as np

    net = column["step_net"]
    known = np.isfinite(net)
    if np.count_nonzero(known) < 30:  # noqa: PLR2004 - too few to call it a habit
        return False
    rising = (net > 0) & (column["first"] <= column["min"]) & (column["last"] >= column["max"])
    still = net == 0
    upward = (rising | (still & (column["min"] == column["max"]))) & ~(column["jut"] > 0)
    moved = np.count_nonzero(rising & known)
    return bool(np.mean(upward[known]) >= 0.99 and moved >= 0.05 * np.count_nonzero(known))  # noqa: PLR2004


def _levels(column: Mapping[str, npt.NDArray[np.float64]], resolution: float) -> int:
    """Different values among the windows' extremes, in steps of half the resolution; stops counting behind `_FEW`."""
    import numpy as np

    seen = np.concatenate([column["min"], column["max"]])
    if np.isfinite(resolution) and resolution > 0:
        with np.errstate(over="ignore"):
            seen = np.round(seen / (resolution / 2))
    return min(_FEW + 1, len(np.unique(seen)))


def _holds(column: Mapping[str, npt.NDArray[np.float64]], levels: int) -> bool:
    import numpy as np

    steps = column["steps"].sum()
    if levels < 2 or levels > _FEW or not steps:  # noqa: PLR2004 - one level is a constant
        return False
    still = np.mean(column["min"] == column["max"])
    return bool(column["same"].sum() / steps >= _HELD and still >= _HELD)
