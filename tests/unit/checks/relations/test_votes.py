"""Votes: with three the culprit is named, with two nobody knows."""

from __future__ import annotations

import numpy as np

from iiotctl.checks.relations.coarse import per_cell
from iiotctl.checks.relations.shape import deviations
from tests.unit.checks.relations.relatives import DAY, Floats, heard, noisy, process, tag

CELL = per_cell(60_000_000)

OFF = slice(3 * DAY // CELL + 5, 4 * DAY // CELL - 5)
"""Cells in which one of them is off."""


def _levels(names: str) -> dict[str, Floats]:
    x = process(5)
    levels = {name: noisy(x, at) for at, name in enumerate(names)}
    levels["A"][3 * DAY : 4 * DAY] += 1.5
    return levels


def test_three_name_the_culprit() -> None:
    found = heard([tag(name, level) for name, level in _levels("ABC").items()])
    a, b = found["A"].vote, found["B"].vote
    assert a is not None
    assert b is not None
    can = a.able[OFF] == 2
    assert can.mean() > 0.7
    assert np.median(a.supporters[OFF][can]) == 2
    assert a.against[OFF][can].max() == 0
    assert abs(np.nanmedian(a.away[OFF]) - 1.5) < 0.1
    assert np.median(b.supporters[OFF]) == 1  # A says it, …
    assert np.median(b.against[OFF]) == 1  # … C does not
    assert False in [one.undecided for one in deviations(found["A"])]
    assert all(one.undecided for name in "BC" for one in deviations(found[name]))


def test_two_do_not_know_which_of_them_it_is() -> None:
    found = heard([tag(name, level) for name, level in _levels("AB").items()])
    for name in "AB":
        (one,) = deviations(found[name])
        assert one.undecided
        assert one.supporters == 1


def test_before_and_after_nobody_objects() -> None:
    vote = heard([tag(name, level) for name, level in _levels("ABC").items()])["A"].vote
    assert vote is not None
    quiet = np.r_[: 3 * DAY // CELL - 3, 4 * DAY // CELL + 3 : len(vote.away)]
    assert np.mean(vote.supporters[quiet] > 0) < 0.02


def test_a_tag_without_witnesses_has_no_vote() -> None:
    found = heard([tag("A", noisy(process(3), 1)), tag("B", noisy(process(3, seed=7), 2))])
    assert found["A"].vote is None


def test_a_single_wild_cell_is_smoothed_away() -> None:
    x = process(4)
    levels = {name: noisy(x, at) for at, name in enumerate("ABC")}
    levels["A"][3 * DAY : 3 * DAY + CELL] += 50
    vote = heard([tag(name, level) for name, level in levels.items()])["A"].vote
    assert vote is not None
    assert np.nanmax(np.abs(vote.away[3 * DAY // CELL - 5 : 3 * DAY // CELL + 5])) < 1
