"""The checks as a library: arrays in, findings and flags out."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import iiotctl.checks
from iiotctl.checks import Flag, Samples, TagInfo, judge
from iiotctl.checks.features.columns import DAY
from tests.unit.checks.faketags import check, says
from tests.unit.ops.auditstores import HIGH, T0, raised, rows


def _samples(first: float = 3, last: float = 3.5, seed: int = 1) -> Samples:
    of = raised(rows(6, seed=seed), first, last)
    return Samples(of.ts, of.value, of.quality)


def test_findings_and_flags() -> None:
    given = _samples()
    result = judge({"A": given, "B": _samples(9, 9, seed=2)}, checks=[HIGH])
    (found,) = result.findings
    assert (found.tag, found.start, found.end) == ("A", T0 + 3 * DAY, T0 + 3 * DAY + DAY // 2)
    flags = result.flags["A"]
    assert (flags[given.ts < T0 + 2 * DAY] == Flag.NOT_JUDGED).all()
    inside = (given.ts >= T0 + 3 * DAY) & (given.ts < T0 + 3 * DAY + DAY // 2)
    assert (flags[inside] == Flag.BAD).all()
    assert (flags[~inside & (given.ts >= T0 + 2 * DAY)] == Flag.GOOD).all()
    assert set(result.baselines) == {"A", "B"}


def test_what_was_learnt_before_is_used() -> None:
    learnt = judge({"A": _samples(9, 9)}, checks=[HIGH]).baselines
    later = _samples(0, 1)
    result = judge({"A": later}, checks=[HIGH], baselines=learnt)
    assert (result.flags["A"][later.ts < T0 + DAY] == Flag.BAD).all()
    assert not (result.flags["A"] == Flag.NOT_JUDGED).any()


def test_a_named_end_of_learning_and_low_findings() -> None:
    given = _samples(0.5, 0.6)
    result = judge({"A": given}, checks=[HIGH], learn_until=T0 + DAY // 4)
    assert result.findings[0].evidence["learnt_from"] == "6 h"
    assert set(np.unique(result.flags["A"])) == {Flag.GOOD, Flag.NOT_JUDGED, Flag.SUSPECT}


def test_facts_reach_the_checks() -> None:
    seen: list[TagInfo] = []
    judge(
        {"A": _samples()}, infos=[TagInfo("A", unit="bar")], checks=[check(lambda data, params: seen.append(data.info))]
    )
    assert seen[0].unit == "bar"


@pytest.mark.parametrize("count", [0, 1, 2])
def test_next_to_nothing_ends_in_a_result(count: int) -> None:
    few = _samples()[slice(count)]
    result = judge({"A": few}, checks=[HIGH])
    assert len(result.flags["A"]) == count
    assert not result.failed
    assert not result.findings


def test_arrays_that_do_not_fit_are_refused() -> None:
    good = _samples()
    with pytest.raises(ValueError, match="differ in length"):
        judge({"A": Samples(good.ts, good.value[:-1], good.quality)}, checks=[HIGH])
    with pytest.raises(ValueError, match="do not ascend"):
        judge({"A": Samples(good.ts[::-1], good.value, good.quality)}, checks=[HIGH])


def test_a_crash_is_a_result() -> None:
    result = judge({"A": _samples()}, checks=[check(lambda data, params: 1 / 0), check(says(), "whole")])
    assert [one.check for one in result.failed] == ["fake"]


def test_every_public_name_is_there_and_nothing_heavy_is_loaded_for_it() -> None:
    for name in iiotctl.checks.__all__:
        assert getattr(iiotctl.checks, name).__doc__
    with pytest.raises(AttributeError):
        _ = iiotctl.checks.nothing  # type: ignore[attr-defined]
    code = "import sys, iiotctl.checks; print(sorted({'numpy', 'polars', 'duckdb'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
