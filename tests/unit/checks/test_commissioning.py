"""The commissioning of a loop is judged from its samples; what they cannot tell is open."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from iiotctl.checks.commissioning import Loop, Outcome, judge
from iiotctl.checks.tagdata import TagData
from iiotctl.findings import Confidence, Finding, Severity
from tests.checks.case import START, Case, data_of

NAMES = ["0 %", "50 %", "100 %", "range", "unit", "noise", "response time", "timestamps", "quality", "audit"]


def loop(
    *holds: tuple[float, float],
    noise: float = 0.02,
    tau: float = 2.0,
    period: float = 1.0,
    span: tuple[float, float] | None = (0.0, 10.0),
    **facts: object,
) -> tuple[TagData, np.ndarray, np.ndarray, np.ndarray]:
    """A loop to which (level, seconds) were injected one after the other, through a first-order lag."""
    goal = np.concatenate([np.full(round(s / period), float(level)) for level, s in holds])
    value = goal.copy()
    for i in range(1, len(goal)):
        value[i] = goal[i] + (value[i - 1] - goal[i]) * np.exp(-period / tau)
    value += np.random.default_rng(7).standard_normal(len(value)) * noise * 0.5
    ts = START + (np.arange(len(value)) * period * 1e6).astype(np.int64)
    length = f"{len(value) * period:.0f}s"
    recipe = tomllib.loads(f'length="{length}"\nperiod="{period:g}s"\n[tags.LT1]\ndelay="1s"')
    data = data_of(Case("x", "y", recipe, {}, Path("/none")), "LT1", learns=False)
    info = replace(data.info, span=span, unit=str(facts.pop("unit", "m")), **facts)  # type: ignore[arg-type]
    return replace(data, info=info), ts, value, np.zeros(len(value), np.uint32)


def outcomes(found: Loop) -> dict[str, Outcome]:
    assert [item.name for item in found.items] == NAMES
    return {item.name: item.outcome for item in found.items}


def test_a_loop_with_three_injections_passes() -> None:
    found = judge(*loop((0, 60), (5, 60), (10, 60), (0, 60)))
    assert set(outcomes(found).values()) == {Outcome.PASS}, found.items
    assert found.outcome is Outcome.PASS
    response = next(item for item in found.items if item.name == "response time")
    assert 3.5 < float(response.found.split()[0]) < 5.5  # 2.2 time constants of 2 s


def test_an_injection_that_reads_wrong_fails() -> None:
    found = judge(*loop((0, 60), (5.2, 60), (10, 60)))
    assert outcomes(found)["50 %"] is Outcome.FAIL
    assert "error +1.9" in found.items[1].found or "error +2.0" in found.items[1].found


def test_without_injections_nothing_of_them_is_passed() -> None:
    found = judge(*loop((4, 60), (6, 60)))
    assert {outcomes(found)[name] for name in ("0 %", "50 %", "100 %")} == {Outcome.OPEN}
    assert found.outcome is Outcome.OPEN


def test_a_missing_half_is_open() -> None:
    found = judge(*loop((0, 60), (10, 60)))
    assert [outcomes(found)[name] for name in NAMES[:3]] == [Outcome.PASS, Outcome.OPEN, Outcome.PASS]


def test_without_a_span_nothing_of_the_span_is_passed() -> None:
    found = judge(*loop((0, 60), (5, 60), (10, 60), span=None))
    open_ = {name for name, outcome in outcomes(found).items() if outcome is Outcome.OPEN}
    assert open_ == {"0 %", "50 %", "100 %", "range", "noise", "response time"}


def test_a_slow_sensor_fails_and_a_slow_capture_is_open() -> None:
    assert outcomes(judge(*loop((0, 200), (5, 200), (10, 200), tau=20.0)))["response time"] is Outcome.FAIL
    seldom = judge(*loop((0, 900), (5, 900), (10, 900), period=30.0))
    assert outcomes(seldom)["response time"] is Outcome.OPEN


@pytest.mark.parametrize(
    ("facts", "name"),
    [({"noise": 0.1}, "noise"), ({"unit": ""}, "unit"), ({"units_seen": ((0, "m"), (1, "cm"))}, "unit")],
)
def test_noise_and_units(facts: dict[str, object], name: str) -> None:
    expected = Outcome.OPEN if facts == {"unit": ""} else Outcome.FAIL
    assert outcomes(judge(*loop((0, 60), (5, 60), (10, 60), **facts)))[name] is expected  # type: ignore[arg-type]


def test_beyond_the_range_of_ne_43_fails() -> None:
    assert outcomes(judge(*loop((0, 60), (5, 60), (10, 60), (10.5, 60))))["range"] is Outcome.FAIL


def test_bad_rows_holes_and_findings_fail() -> None:
    data, ts, value, quality = loop((0, 60), (5, 60), (10, 60))
    quality[10:20] = 0x80000000
    keep = np.r_[0:100, 120:180]
    finding = Finding("spike", Severity.MEDIUM, Confidence.HIGH, "jumped", tag="LT1")
    found = outcomes(judge(data, ts[keep], value[keep], quality[keep], findings=[finding]))
    assert {name for name, outcome in found.items() if outcome is Outcome.FAIL} == {"timestamps", "quality", "audit"}


def test_what_the_audit_could_not_judge_is_open() -> None:
    assert outcomes(judge(*loop((0, 60), (5, 60), (10, 60)), audited=False))["audit"] is Outcome.OPEN


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_next_to_nothing_is_open(rows: int) -> None:
    data, ts, value, quality = loop((0, 60), (5, 60))
    found = judge(data, ts[:rows], value[:rows], quality[:rows])
    assert found.outcome is Outcome.OPEN


def test_nothing_but_nan_is_open_or_failed_but_never_passed() -> None:
    data, ts, value, quality = loop((0, 60), (5, 60))
    found = judge(data, ts, np.full_like(value, np.nan), quality)
    assert found.outcome is not Outcome.PASS
