"""A baseline in a few figures, and what changed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from iiotctl.checks.baseline.learn import learn
from iiotctl.checks.baseline.model import TagBaseline
from iiotctl.checks.baseline.summary import changes, summary
from tests.unit.checks.faketags import tag


def _base(name: str = "A", level: float = 50.0, unit: str = "bar", **learnt: object) -> TagBaseline:
    data = tag(name, windows=120, learning=120, unit=unit)
    data.features.columns["median"][:] = level + np.linspace(-1, 1, 120)
    found = learn(data)
    assert found is not None
    return replace(found, learnt=learnt)  # type: ignore[arg-type]


def test_figures() -> None:
    found = summary(_base(kind={"resolution": 0.01, "counter": 0.0}, rest={"levels": [0.0]}, bias={"twin": "B"}))
    assert (found.tag, found.unit, found.hours, found.sort) == ("A", "bar", 2.0, "measured")
    assert found.figures["typical"] == 50
    assert found.figures["resolution"] == 0.01
    assert (found.rest, found.related) == ((0.0,), ("B",))
    assert summary(_base(kind={"discrete": 1.0})).sort == "state"
    assert summary(_base()).figures["resolution"] is None


def test_what_changed_by_more_than_a_tenth_is_told_with_its_ratio() -> None:
    assert not list(changes({"A": _base()}, {"A": _base(level=51)}))
    found = list(changes({"A": _base()}, {"A": _base(level=100)}))
    assert [(one.figure, round(one.ratio or 0, 1)) for one in found] == [("low", 2.0), ("typical", 2.0), ("high", 2.0)]


def test_units_rest_and_tags_that_only_one_knows() -> None:
    before = {"A": _base(rest={"levels": [0.0]}), "B": _base("B")}
    after = {"A": _base(unit="kPa"), "C": _base("C")}
    found = [(one.tag, one.figure, one.before, one.after) for one in changes(before, after)]
    assert found == [
        ("A", "unit", "bar", "kPa"),
        ("A", "rest", "0", None),
        ("B", "tag", "known", None),
        ("C", "tag", None, "known"),
    ]
