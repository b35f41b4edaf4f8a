"""Faults: their text, their times, what they do to a value."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from iiotctl import quality
from iiotctl.errors import UsageError
from iiotctl.simulator.faults import FAULTS, FaultBank, Measured, parse_fault
from iiotctl.simulator.tags import TAGS

PRESSURE = next(tag for tag in TAGS if tag.name == "press1.hydraulics.pressure")
BATCH = next(tag for tag in TAGS if tag.name == "press1.press.batch")


def _values(text: str, times: list[float], value: float = 100.0) -> list[Measured]:
    bank = FaultBank([parse_fault(text)], seed=1)
    return [bank.apply(PRESSURE, t, round(t * 10), value + t) for t in times]


def test_the_example_of_the_docs_parses() -> None:
    fault = parse_fault("press1.hydraulics.pressure:drift:rate=0.5,start=60s,for=10min")
    assert (fault.target, fault.kind, fault.start, fault.lasts) == ("press1.hydraulics.pressure", "drift", 60.0, 600.0)
    assert fault.numbers == {"rate": 0.5}


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("press1.hydraulics.pressure", "it has no kind"),
        ("press1.hydraulics.presure:flat-line", "did you mean `press1.hydraulics.pressure`?"),
        ("pressure:flat-line", "did you mean `press1.hydraulics.pressure`?"),
        ("press1:flat-line", "did you mean `press1.hydraulics.pressure`?"),
        ("press1.hydraulics.pressure:disconnect", "did you mean `press1`?"),
        ("foo:flat-line", "e.g. `press1.hydraulics.pressure`; the file"),
        ("press1.hydraulics.pressure:flatline", "did you mean `flat-line`?"),
        ("press1.hydraulics.pressure:drift", "it needs `rate`"),
        ("press1.hydraulics.pressure:drift:rate=fast", "could not convert"),
        ("press1.hydraulics.pressure:drift:rate=nan", "`nan` is no value"),
        ("press1.hydraulics.pressure:drift:rate=1,start=60", "is not a duration"),
        ("press1.hydraulics.pressure:drift:speed=1", "is not a parameter of drift"),
        ("press1.hydraulics.pressure:drift:rate=1,for=10s,every=5s", "must be shorter"),
        ("press1.hydraulics.pressure:wire-break:raw=5", "`raw` is 32767 or -32768"),
        ("press1.hydraulics.pressure:dropout:code=99", "exception code"),
        ("press1.hydraulics.pressure:dropout:status=Worse", "invalid literal"),
        ("press1.press.batch:drift:rate=1", "is no number"),
        ("press1.hydraulics.pressure:silent", "is not a source"),
        ("press1:drift:rate=1", "is not a tag"),
        ("press1:pause", "does not exist for modbus"),
        ("line1:silent", "does not exist for opcua"),
        ("", "it has no kind"),
    ],
)
def test_a_wrong_text_says_why(text: str, cause: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_fault(text)
    assert caught.value.slug == "bad-fault"
    assert cause in (caught.value.cause or "")
    assert "--fault" in (caught.value.hint or "")


def test_intervals() -> None:
    once = parse_fault("press1.hydraulics.pressure:step:by=5,start=10s,for=5s")
    assert [once.begun(t) for t in (9.9, 10.0, 14.9, 15.0)] == [None, 10.0, pytest.approx(10.0), None]
    again = parse_fault("press1.hydraulics.pressure:step:by=5,start=10s,for=5s,every=60s")
    assert again.begun(72.0) == pytest.approx(70.0)
    assert again.begun(80.0) is None
    assert parse_fault("press1:silent").begun(1e6) == 0.0


def test_flat_line_holds_the_first_value_of_each_interval() -> None:
    text = "press1.hydraulics.pressure:flat-line:start=2s,for=3s,every=10s"
    values = [m.value for m in _values(text, [1.0, 2.0, 3.0, 4.9, 5.0, 12.0, 13.0])]
    assert values == [101.0, 102.0, 102.0, 102.0, 105.0, 112.0, 112.0]
    fixed = [m.value for m in _values("press1.hydraulics.pressure:flat-line:value=7", [0.0, 1.0])]
    assert fixed == [7.0, 7.0]


def test_each_kind_changes_the_value_as_it_says() -> None:
    def one(text: str, t: float = 61.0) -> Measured:
        return _values(f"press1.hydraulics.pressure:{text}", [t])[0]

    assert one("drift:rate=3,start=1s").value == pytest.approx(161.0 + 3.0)
    assert one("step:by=-20").value == pytest.approx(141.0)
    assert one("spike:size=50", 20.1).value == pytest.approx(170.1)
    assert one("spike:size=50", 20.3).value == pytest.approx(120.3)
    assert one("spike", 0.0).value == pytest.approx(175.0)  # 30 % of 250 bar
    assert one("clip:high=150").value == 150.0
    assert one("clip:low=200").value == 200.0
    assert one("dropout:code=4,status=BadSensorFailure") == Measured(None, quality.BAD_SENSOR_FAILURE, exception=4)
    assert one("wire-break:raw=-32768") == Measured(None, quality.BAD_SENSOR_FAILURE, sentinel=-32768)


def test_noise_is_as_strong_as_asked_and_the_same_again() -> None:
    times = [i / 10 for i in range(3000)]
    first = [m.value for m in _values("press1.hydraulics.pressure:noise:sigma=4", times)]
    extra = [value - 100.0 - t for value, t in zip(first, times, strict=True) if isinstance(value, float)]
    assert math.sqrt(sum(e * e for e in extra) / len(extra)) == pytest.approx(4.0, rel=0.1)
    assert first == [m.value for m in _values("press1.hydraulics.pressure:noise:sigma=4", times)]


def test_several_faults_act_in_order_and_only_on_their_tag() -> None:
    bank = FaultBank([parse_fault(f"press1.hydraulics.pressure:{kind}") for kind in ("step:by=500", "clip:high=250")])
    assert bank.apply(PRESSURE, 1.0, 10, 100.0).value == 250.0
    other = next(tag for tag in TAGS if tag.name == "press1.motor.current")
    assert bank.apply(other, 1.0, 10, 40.0) == Measured(40.0)
    dead = FaultBank([parse_fault(f"press1.hydraulics.pressure:{kind}") for kind in ("dropout", "step:by=1")])
    assert dead.apply(PRESSURE, 1.0, 10, 100.0).value is None


def test_a_text_can_stand_still_and_drop_out() -> None:
    bank = FaultBank([parse_fault("press1.press.batch:flat-line:start=1s")])
    assert [bank.apply(BATCH, t, 0, f"B{t:.0f}").value for t in (0.0, 1.0, 5.0)] == ["B0", "B1", "B1"]


def test_link_faults_are_found_by_source() -> None:
    bank = FaultBank([parse_fault("cooling1:exception:code=6,start=5s"), parse_fault("cooling1:delay:by=20ms")])
    assert set(bank.links("cooling1", 1.0)) == {"delay"}
    assert bank.links("cooling1", 6.0)["exception"].numbers["code"] == 6
    assert bank.links("press1", 6.0) == {}
    assert bank.active(6.0) == {0, 1}


def test_every_kind_and_parameter_stands_in_the_docs(project: Path) -> None:
    page = (project / "docs" / "how-to" / "simulate.md").read_text(encoding="utf-8")
    rows: dict[str, str] = {}
    for match in re.finditer(r"^\| `([a-z-]+)` \|.*$", page, re.MULTILINE):
        rows.setdefault(match[1], match[0])  # a table further down has the faults of labelled weeks
    for name, kind in FAULTS.items():
        assert kind.text in rows[name]
        assert all(f"`{key}`" in rows[name] for key in (*kind.numbers, *kind.durations, *kind.statuses))
