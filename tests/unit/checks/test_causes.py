"""One physical cause on many tags is one finding."""

from __future__ import annotations

from dataclasses import replace

from iiotctl.checks.causes import decided, merged
from iiotctl.checks.features.columns import SECOND
from iiotctl.checks.tagdata import TagInfo
from iiotctl.findings import Confidence, Finding, Severity
from tests.unit.checks.faketags import at

_INFOS = {f"T{number}": TagInfo(f"T{number}", source="plc1" if number < 4 else "plc2") for number in range(6)}


def _finding(tag: str, start: float, end: float | None, **more: object) -> Finding:
    return Finding(
        "gap",
        Severity.MEDIUM,
        Confidence.HIGH,
        "nothing came for 10 min",
        tag=tag,
        start=at(start),
        end=None if end is None else at(end),
        remediation="check the link",
        **more,  # type: ignore[arg-type]
    )


def test_three_tags_of_one_source_at_the_same_time_are_one_finding() -> None:
    (found,) = merged([_finding("T0", 10, 20), _finding("T1", 11, 21), _finding("T2", 10.5, 20.5)], _INFOS)
    assert (found.tag, found.tags) == (None, ("T0", "T1", "T2"))
    assert (found.start, found.end) == (at(10), at(21))
    assert found.message.startswith("3 tags of `plc1` at the same time (T0, T1, T2); at T0: nothing came")
    assert found.remediation.startswith("look at what they share first: link")
    assert found.work_order.startswith("Check 3 tags of `plc1`")


def test_two_tags_or_other_sources_or_other_times_are_not() -> None:
    assert len(merged([_finding("T0", 10, 20), _finding("T1", 10, 20), _finding("T4", 10, 20)], _INFOS)) == 3
    assert len(merged([_finding("T0", 10, 20), _finding("T1", 10, 20), _finding("T2", 10, 60)], _INFOS)) == 3
    assert len(merged([_finding("T0", 10, 20), _finding("T1", 10, 20), _finding("T2", 15, 20)], _INFOS)) == 3
    assert len(merged([_finding("T0", 10, 20), _finding("T1", 10, 20), _finding("T2", 10, None)], _INFOS)) == 3
    assert len(merged([_finding("T0", 10, 20), _finding("T1", 10, 20), _finding("T2", 10, 20, key="x")], _INFOS)) == 3


def test_all_tags_there_are_have_one_cause_whatever_their_source() -> None:
    (found,) = merged([_finding(tag, 10, None) for tag in _INFOS], _INFOS)
    assert found.message.startswith("all tags at the same time (T0, T1, T2 and 3 more)")
    assert found.end is None


def test_the_fingerprint_of_a_source_does_not_depend_on_which_tags_were_hit() -> None:
    first = merged([_finding(f"T{n}", 10, 20) for n in (0, 1, 2)], _INFOS)[0]
    other = merged([_finding(f"T{n}", 90, 95) for n in (1, 2, 3)], _INFOS)[0]
    assert first.fingerprint == other.fingerprint


def _pair(start: float, end: float | None) -> Finding:
    return replace(_finding("T0", start, end), tag=None, tags=("T0", "T1"), key="T0 or T1", severity=Severity.LOW)


def test_a_pair_of_which_one_is_at_fault_is_decided() -> None:
    pair = _pair(10, 60)
    assert pair.undecided
    for known in (
        _finding("T1", 50, None),
        _finding("T0", 0, 11),
        replace(_finding("T0", 0, 11), tag=None, tags=("T1", "T9")),
    ):
        assert decided([pair, known]) == [known]


def test_a_pair_stays_where_nothing_else_is_known_of_it_at_that_time() -> None:
    pair = _pair(10, 60)
    others = [_finding("T5", 10, 60), _finding("T1", 60, 70), replace(_finding("T1", 10, 60), severity=Severity.LOW)]
    assert decided([pair, *others]) == [pair, *others]
    assert decided([pair, _pair(20, None)]) == [pair, _pair(20, None)]


def test_pairs_that_a_check_could_not_decide_between_stay_pairs() -> None:
    pairs = [_finding(f"T{n}", 10, 20, tags=(f"T{n}", "T5")) for n in (0, 1, 2)]
    assert merged(pairs, _INFOS) == pairs


def test_times_are_compared_to_the_minute_not_the_microsecond() -> None:
    later = 100 * SECOND / 60e6
    assert len(merged([_finding("T0", 10, 20), _finding("T1", 10 + later, 20), _finding("T2", 10, 20)], _INFOS)) == 1
