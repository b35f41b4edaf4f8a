"""A run of checks: crashes, what is left out, what could not be judged, order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from iiotctl.checks.base import Check, Judged, Skipped, Unjudged
from iiotctl.checks.baseline.teach import taught
from iiotctl.checks.features.columns import MINUTE
from iiotctl.checks.guard import Guard
from iiotctl.checks.kinds import KIND
from iiotctl.checks.runner import Outcome, concluded, run, view
from iiotctl.checks.tagdata import State, TagData
from iiotctl.findings import Confidence, Severity
from tests.unit.checks.faketags import START, at, check, says, says_of, spell, tag

_NOW = at(1000)


def _run(tags: list[TagData], *checks: Check) -> tuple[Outcome, Guard]:
    guard = Guard()
    outcome = run(tags, {one.id: one for one in checks}, guard, detected_at=_NOW)
    return replace(outcome, findings=concluded(outcome.findings, {one.info.tag: one.info for one in tags})), guard


def _breaks(data: Any, params: Any) -> Any:
    del data, params
    raise ZeroDivisionError("no span")


def test_a_check_that_crashes_is_reported_and_the_others_go_on() -> None:
    outcome, guard = _run([tag()], check(_breaks, "broken"), check(says(spell(10, 20)), "whole"))
    assert [one.check for one in outcome.findings] == ["whole"]
    (failed,) = guard.failed
    assert (failed.check, failed.tag, failed.error) == ("broken", "PT1", "ZeroDivisionError: no span")
    assert failed.where.startswith("test_runner.py:")


def test_a_group_check_that_crashes_is_reported_once() -> None:
    outcome, guard = _run([tag("A"), tag("B")], check(_breaks, "broken", scope="group"))
    assert [(one.check, one.tag) for one in guard.failed] == [("broken", "")]
    assert not outcome.tags


def test_a_finding_has_the_texts_of_the_check_and_the_numbers_of_the_spell() -> None:
    data = tag(asset="press1", description="oil pressure", unit="bar")
    outcome, _ = _run([data], check(says(spell(100, 130, unit="bar")), references=("NE 107",)))
    (found,) = outcome.findings
    assert (found.tag, found.asset, found.severity, found.confidence) == (
        "PT1",
        "press1",
        Severity.MEDIUM,
        Confidence.HIGH,
    )
    assert (found.start, found.end, found.detected_at) == (at(100), at(130), _NOW)
    assert (found.remediation, found.second_cause) == ("look at the transmitter", "the process stands still")
    assert found.evidence["statistic"] == 2.0
    assert found.evidence["rows"] == 180
    assert len(found.evidence["sparkline"]) == 60  # type: ignore[arg-type]
    assert found.references == ("NE 107",)
    assert found.work_order.splitlines() == [
        "Check PT1 (oil pressure) at press1.",
        "What: held 50 bar.",
        "When: 2026-03-02 01:40 UTC to 2026-03-02 02:10 UTC.",
        "First: look at the transmitter.",
        "Else: the process stands still.",
    ]


def test_numbers_that_json_cannot_hold_become_none() -> None:
    odd = spell(1, 2, statistic=float("inf"), evidence={"a": np.float32("nan"), "b": np.array([1.0, np.inf])})
    outcome, _ = _run([tag()], check(says(odd)))
    evidence = outcome.findings[0].evidence
    assert (evidence["statistic"], evidence["a"], evidence["b"]) == (None, None, [1.0, None])


def test_verdicts_without_a_finding_are_kept_apart() -> None:
    verdicts = {"A": Skipped("a counter"), "B": Unjudged("too little"), "C": Judged()}
    outcome, _ = _run([tag("A"), tag("B"), tag("C")], check(says_of(verdicts), scope="group"))
    assert [(one.tag, one.reason) for one in outcome.skipped] == [("A", "a counter")]
    assert [(one.tag, one.reason) for one in outcome.not_judged] == [("B", "too little")]
    assert outcome.tags == {"C"}


def test_a_check_that_learns_does_not_see_the_learning_period_as_judged() -> None:
    data = tag(learning=400)
    assert view(data, check(says(), learns=True)).judged.sum() == 600
    assert view(data, check(says(), learns=False)).judged.sum() == 1000


def test_what_was_all_learnt_from_could_not_be_judged() -> None:
    outcome, _ = _run([tag(learning=1000)], check(says(spell(1, 2)), learns=True))
    assert not outcome.findings
    assert "learnt from" in outcome.not_judged[0].reason


@pytest.mark.parametrize(
    ("state", "moving_only", "left"),
    [
        (State.OFF, True, 0),
        (State.OFF, False, 1),
        (State.MAINTENANCE, False, 0),
        (State.STEADY, True, 1),
        (State.UNKNOWN, True, 1),
    ],
)
def test_rest_suspends_checks_of_motion_and_maintenance_all(state: State, moving_only: bool, left: int) -> None:
    outcome, _ = _run([tag(state=state)], check(says(spell(1, 200)), moving_only=moving_only))
    assert len(outcome.findings) == left
    assert len(outcome.skipped) == 1 - left


def test_the_settle_time_suspends_checks_of_motion() -> None:
    settled = np.arange(1000) >= 10
    data = replace(tag(), settled=settled)
    assert (view(data, check(says(), moving_only=True)).judged == settled).all()


def test_a_unit_that_changed_is_a_result_with_a_name() -> None:
    outcome, _ = _run([tag(units_seen=((START, "bar"), (at(60), "kPa")))], check(says()))
    (noted,) = outcome.not_judged
    assert noted.check == "unit-changed"
    assert "from `bar` to `kPa` at 2026-03-02 01:00 UTC" in noted.reason


def test_a_check_the_baseline_does_not_know_could_not_judge() -> None:
    learning = check(says(spell(700, 800)), learns=True, learn=lambda data, params: {"a": 1.0})
    guard = Guard()
    (data,) = taught([tag(learning=500)], {}, guard)
    outcome, _ = _run([data], learning)
    assert "baseline knows nothing of `fake`" in outcome.not_judged[0].reason


def test_what_checks_learnt_is_handed_back_to_them() -> None:
    seen: list[Any] = []

    def judge(data: TagData, params: Any) -> Judged:
        del params
        seen.append(data.learnt)
        return Judged()

    one = check(judge, learns=True, learn=lambda data, params: {"level": data.baseline.quantile("median", 0.5)})
    guard = Guard()
    (data,) = taught([tag(learning=500)], {one.id: one}, guard)
    assert not guard.failed
    assert data.baseline is not None
    assert data.baseline.windows == 500
    assert KIND in data.baseline.learnt
    _run([data], one)
    assert seen == [{"level": 50.0}]


def test_a_check_that_cannot_learn_is_reported_and_cannot_judge() -> None:
    one = check(says(spell(700, 800)), learns=True, learn=_breaks)
    guard = Guard()
    (data,) = taught([tag(learning=500)], {one.id: one}, guard)
    outcome, _ = _run([data], one)
    assert [failed.check for failed in guard.failed] == ["fake"]
    assert not outcome.findings
    assert outcome.not_judged


def test_who_learnt_from_less_than_a_day_says_low_at_most() -> None:
    one = check(says(spell(700, 800)), learns=True)
    guard = Guard()
    (data,) = taught([tag(learning=500)], {}, guard)
    outcome, _ = _run([data], one)
    assert (outcome.findings[0].severity, outcome.findings[0].confidence) == (Severity.LOW, Confidence.LOW)
    assert outcome.findings[0].evidence["learnt_from"] == "8 h 20 min"
    (data,) = taught([tag(windows=2000, learning=1440)], {}, guard)
    outcome, _ = _run([data], check(says(spell(1500, 1600)), learns=True))
    assert outcome.findings[0].severity is Severity.MEDIUM


def test_the_worst_comes_first_and_what_matters_to_the_plant() -> None:
    tags = [tag("A", criticality="low"), tag("B", criticality="high"), tag("C")]
    verdicts = {
        "A": Judged((spell(1, 2),)),
        "B": Judged((spell(300, 310),)),
        "C": Judged((spell(600, 620, severity=Severity.HIGH),)),
    }
    outcome, _ = _run(tags, check(says_of(verdicts), scope="group"))
    assert [one.tag for one in outcome.findings] == ["C", "B", "A"]


@pytest.mark.parametrize("data", [tag(windows=0), tag(windows=1), tag(without=slice(0, 1000)), tag(text=True)])
def test_odd_tags_end_in_a_result(data: TagData) -> None:
    outcome, guard = _run([data], check(says(spell(0, None))))
    assert not guard.failed
    assert len(outcome.findings) == 1


def test_minutes_are_windows() -> None:
    assert tag().features.window == MINUTE
