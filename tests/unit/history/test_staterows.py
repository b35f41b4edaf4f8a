"""How far a state holds at the end of a range: to the next sample, wherever it is, and no further."""

from __future__ import annotations

from pathlib import Path

import pytest

from iiotctl.history import tagfacts
from iiotctl.history.sql.reader import Reader, Selection
from iiotctl.history.states import staterows
from tests.unit.history.press import STATE, T0, S, Values, press

UNKNOWN = None


def states(root: Path, start: float, end: float, known_until: float | None) -> list[tuple[float, float | None]]:
    """Begin in seconds and state of each run."""
    with Reader(Selection(root), lambda event: None) as reader:
        (tag,) = tagfacts.find(reader, [STATE])
        until = None if known_until is None else T0 + round(known_until * S)
        found = staterows.read(reader, tag, T0 + round(start * S), T0 + round(end * S), until).runs
    return [
        ((at - T0) / S, None if state != state else state)  # noqa: PLR0124 - NaN
        for at, state in zip(found.at.tolist(), found.state.tolist(), strict=True)
    ]


@pytest.mark.parametrize(
    ("after", "known_until", "expected"),
    [
        pytest.param((20_000, 1), 0, [(100, 2)], id="a sample far behind the range"),
        pytest.param((300, 1), 0, [(100, 2)], id="a sample at the end of the range"),
        pytest.param((20_000, None), 0, [(100, 2)], id="a Bad sample behind the range"),
        pytest.param((299.999999, 1), 0, [(100, 2), (299.999999, 1), (299.999999, UNKNOWN)], id="just before the end"),
        pytest.param(None, 0, [(100, UNKNOWN)], id="nothing follows, nothing is known"),
        pytest.param(None, 150, [(100, 2), (150, UNKNOWN)], id="known for a while"),
        pytest.param(None, None, [(100, 2)], id="known without end"),
    ],
)
def test_a_state_holds_until_the_next_sample(
    tmp_path: Path,
    after: tuple[float, float | None] | None,
    known_until: float | None,
    expected: list[tuple[float, float | None]],
) -> None:
    values: Values = [(10, 0), (20, 2), *([] if after is None else [after])]
    assert states(press(tmp_path, state=values), 100, 300, known_until) == expected


def test_a_gap_behind_the_range_is_no_doubt_in_it(tmp_path: Path) -> None:
    root = press(tmp_path, state=[(10, 0), (20, 2)], gap=(400, 500))
    assert states(root, 100, 300, 0) == [(100, 2)]
