"""What is said of a deviation, and how sure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from iiotctl.checks.base import Judged
from iiotctl.checks.relations.shape import Deviation
from iiotctl.checks.relations.words import amount, grade, pair, said, undecided
from iiotctl.checks.sensors import bias, drift, relation_break
from iiotctl.findings import Confidence, Severity
from tests.unit.checks.faketags import START
from tests.unit.checks.relations.relatives import tag, vote

ONE = Deviation(
    start=START,
    end=None,
    shape="step",
    clear=True,
    size=1.234,
    per_day=0.5,
    limit=0.2,
    strength=6.0,
    supporters=3,
    able=3,
    cells=30,
    share=0.5,
    names=("B", "C", "D"),
    undecided=False,
    range=20.0,
)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("B", "B"),
        ("BC", "B and C"),
        ("BCD", "B, C and D"),
        ("BCDE", "B, C, D and 1 other"),
        ("BCDEF", "B, C, D and 2 others"),
    ],
)
def test_witnesses_are_listed_as_people_do(names: str, words: str) -> None:
    assert said(tuple(names)) == words


def test_amounts_have_three_digits_and_a_unit_where_there_is_one() -> None:
    assert amount(-1.2345, "bar") == "1.23 bar"
    assert amount(-1.2345, "", sign=True) == "-1.23"


def test_who_is_sure_is_medium() -> None:
    assert grade(ONE, 1.5, 3, twin="")["severity"] is Severity.MEDIUM
    assert grade(ONE, 1.5, 3, twin="")["confidence"] is Confidence.HIGH
    assert grade(replace(ONE, strength=1.4), 1.5, 3, twin="")["severity"] is Severity.LOW
    two = replace(ONE, supporters=2)
    assert grade(two, 1.5, 3, twin="")["confidence"] is Confidence.MEDIUM
    assert grade(replace(two, strength=2.9), 1.5, 3, twin="")["severity"] is Severity.LOW


def test_a_pair_is_low_and_names_both() -> None:
    lonely = replace(ONE, undecided=True, names=("B",), supporters=1)
    data = tag("A", np.arange(100.0))
    assert pair(data, lonely) == ("A", "B")
    assert pair(data, ONE) == ()
    assert undecided(data, lonely, "drift apart").startswith("A and B drift apart: one of the two is off")
    assert grade(lonely, 1.5, 3, twin="")["severity"] is Severity.LOW


def test_each_check_tells_its_own_shape_and_no_other() -> None:
    cells = 6 * 144
    time = np.arange(cells - 432)
    courses = {
        bias: np.full(len(time), -5.0),
        drift: 0.05 * time,
        relation_break: 5 * np.sin(2 * np.pi * time / 54),
    }
    expected = {
        bias: "shows 5 bar less than",
        drift: "drifts by +7.",
        relation_break: "no longer goes with",
    }
    for shape, course in courses.items():
        size = np.concatenate([np.zeros(432), course])
        data = replace(tag("A", np.linspace(0, 100, cells * 10), unit="bar"), vote=vote(size))
        for check in courses:
            verdict = check.judge(data, check.Params())
            assert isinstance(verdict, Judged)
            told = [spell.message for spell in verdict.spells]
            if check is shape:
                assert len(told) == 1
                assert told[0].startswith(expected[shape])
                assert "W0, W1 and W2" in told[0]
            else:
                assert told == []
