"""The harness itself: recipes do what README.md says, `learn` and `judge` are called as in a run, `expect.toml` can fail."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from iiotctl.checks.base import Check, Judged, Skipped, Spell, Unjudged, Verdict
from iiotctl.checks.tagdata import State, TagData
from iiotctl.findings import Confidence, Ne107, Severity
from tests.checks import test_cases
from tests.checks.case import START, Case, data_of, run
from tests.checks.recipe import SECOND, Samples, us

HOUR = 3600 * SECOND


def case(text: str, expect: str = "silent = true") -> Case:
    return Case("toy", "x", tomllib.loads(text), tomllib.loads(expect), Path("/nowhere"))


def rows(fault: str, tag: str = "level = 50.0\nresolution = 0.01\nwander = { size = 3.0 }\nnoise = 0.1") -> Samples:
    return case(f'length = "6h"\n[tags.A]\n{tag}\n[[tags.A.faults]]\n{fault}').samples("A")


@dataclass(frozen=True)
class Params:
    """Limits.

    Attributes:
        limit: largest level.
    """

    limit: float = 60.0


def spell(data: TagData, value: float) -> Spell:
    return Spell(START + HOUR, None, value, 60.0, f"reached {value:g}", key="high")


def judge(data: TagData, params: Params) -> Verdict:
    if data.info.kind == "counter":
        return Skipped("it is a counter")
    if data.baseline is None:
        return Unjudged("no baseline")
    highest = float(np.nanmax(data.features["max"]))
    assert data.learnt == {"seen": data.info.tag}
    return Judged((spell(data, highest),)) if highest > params.limit else Judged()


def judge_all(tags: Sequence[TagData], params: Params) -> Mapping[str, Verdict]:
    assert all(data.learnt == {"of": len(tags)} for data in tags)
    return {data.info.tag: judge_one(data, params) for data in tags}


def judge_one(data: TagData, params: Params) -> Verdict:
    highest = float(np.nanmax(data.features["max"]))
    return Judged((spell(data, highest),)) if highest > params.limit else Judged()


def check(scope: str = "tag") -> Check:
    alone = scope == "tag"
    return Check(
        "toy",
        "Toy",
        Severity.MEDIUM,
        Confidence.HIGH,
        Ne107.FAILURE,
        Params,
        judge if alone else judge_all,  # type: ignore[arg-type]
        "x",
        "y",
        scope=scope,  # type: ignore[arg-type]
        learn=(lambda data, params: {"seen": data.info.tag})
        if alone
        else (lambda tags, params: {data.info.tag: {"of": float(len(tags))} for data in tags}),
    )


TWO = """
length = "6h"
learning = "2h"
[tags.A]
level = 50.0
[[tags.A.faults]]
kind = "set"
at = "3h"
for = "1h"
value = 70.0
[tags.B]
follows = "A"
gain = 0.5
"""


def test_a_check_of_single_tags_is_taught_and_asked() -> None:
    verdicts = run(case(TWO), check())
    assert [spell.key for spell in verdicts["A"].spells] == ["high"]  # type: ignore[union-attr]
    assert verdicts["B"] == Judged()  # follows the process, not the fault


def test_a_check_of_groups_is_taught_and_asked_once() -> None:
    assert run(case(TWO), check("group"))["A"] != Judged()


def test_parameters_of_the_case_count() -> None:
    assert run(case("params = { limit = 80.0 }\n" + TWO), check())["A"] == Judged()


@pytest.mark.parametrize(
    ("expect", "fine"),
    [
        ('[[fires]]\nstart = "1h"\nend = "open"', True),
        ('[[fires]]\nstart = "1h"\nkey = "high"\nreaches = "medium"\nmessage = "reached 70"', True),
        ("silent = true", False),
        ('quiet = "medium"', True),
        ('quiet = "low"', False),
        ('[[fires]]\nstart = "3h"', False),
        ('[[fires]]\nstart = "1h"\nend = "2h"', False),
        ('[[fires]]\nstart = "1h"\nseverity = "high"', False),
        ('[[fires]]\nstart = "1h"\nkey = "low"', False),
        ('[[fires]]\nstart = "1h"\nmessage = "fell"', False),
        ('[[fires]]\nstart = "1h"\n[[fires]]\nstart = "1h"', False),
        ('[[fires]]\nstart = "1h"\ntag = "B"', False),
        ('skipped = "counter"', False),
        ('unjudged = "baseline"', False),
    ],
)
def test_what_is_expected_can_fail(expect: str, fine: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_cases, "_checks", lambda: {"toy": check()})
    if fine:
        test_cases.test_case(case(TWO, expect))
    else:
        with pytest.raises(AssertionError):
            test_cases.test_case(case(TWO, expect))


def test_skipped_and_unjudged_with_their_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_cases, "_checks", lambda: {"toy": check()})
    test_cases.test_case(case('length = "1h"\n[tags.A]\nkind = "counter"', 'skipped = "counter"'))
    blind = 'length = "1h"\nbaseline = false\n[tags.A]\nlevel = 1.0'
    test_cases.test_case(case(blind, 'unjudged = "no baseline"'))
    with pytest.raises(AssertionError):
        test_cases.test_case(case(blind, 'unjudged = "something else"'))


def test_the_same_recipe_gives_the_same_samples() -> None:
    one, two = case(TWO).samples("A"), case(TWO).samples("A")
    assert np.array_equal(one.value, two.value)


def test_faults() -> None:
    plain = rows('kind = "add"\nat = "1h"\nby = 0.0')
    first, count = 360, 360
    at = slice(first, first + count)
    assert np.unique(rows('kind = "hold"\nat = "1h"\nfor = "1h"').value[at]).size == 1
    spike = rows('kind = "add"\nat = "1h"\nby = 9.0').value - plain.value
    assert np.flatnonzero(np.abs(spike) > 1).tolist() == [first]
    every = rows('kind = "add"\nat = "1h"\nfor = "1h"\nevery = "20min"\nby = 9.0').value - plain.value
    assert np.flatnonzero(np.abs(every) > 1).tolist() == [360, 480, 600]
    drift = rows('kind = "ramp"\nat = "1h"\nfor = "5h"\nper_day = 24.0').value - plain.value
    assert drift[-1] == pytest.approx(5.0, abs=0.05)
    assert rows('kind = "clip"\nat = "1h"\nfor = "1h"\nhigh = 49.0').value[at].max() <= 49.0
    coarse = rows('kind = "quantise"\nat = "1h"\nfor = "1h"\nstep = 0.5').value[at]
    assert np.allclose(coarse * 2, np.round(coarse * 2))
    loud = rows('kind = "noise"\nat = "1h"\nfor = "1h"\nfactor = 10.0').value[at]
    assert np.std(np.diff(loud)) > 5 * np.std(np.diff(plain.value[at]))
    again = rows('kind = "replay"\nat = "3h"\nfor = "1h"\nfrom = "1h"').value
    assert np.array_equal(again[3 * 360 : 4 * 360], again[at])
    bad = rows('kind = "status"\nat = "1h"\nfor = "1h"\nstatus = "BadSensorFailure"')
    assert (bad.quality[at] >> 31 == 1).all()
    assert len(rows('kind = "gap"\nat = "1h"\nfor = "1h"').ts) == 5 * 360
    with pytest.raises(ValueError, match="no such kind"):
        rows('kind = "magic"\nat = "1h"')


def test_times_out_of_order_are_noted_as_the_store_does() -> None:
    late = rows('kind = "shift"\nat = "1h"\nfor = "1h"\nby = "5min"')
    assert (np.diff(late.ts) > 0).all()
    assert "backward" in {one.kind for one in late.disorder}
    twice = rows('kind = "repeat"\nat = "1h"\nfor = "1h"')
    assert [(one.kind, one.rows) for one in twice.disorder] == [("repeated", 360)]


def test_states_and_rest() -> None:
    recipe = 'length = "6h"\n[tags.A]\nlevel = 5.0\nrest = [["1h", "1h"]]\nstates = [["4h", "1h", "maintenance"]]'
    data = data_of(case(recipe), "A", learns=True)
    assert data.state[90] == State.OFF
    assert data.state[270] == State.MAINTENANCE
    assert data.state[200] == State.STEADY
    assert not data.settled[62]
    assert data.settled[75]
    assert data.features["max"][90] == 0.0


def test_durations() -> None:
    assert us("2d 4h") == 52 * HOUR
    assert us("0") == 0
