"""Who is asked next: healthy first, suspects in the slack, demoted rarely. No time passes in here."""

from __future__ import annotations

import pytest

from iiotctl.sources.modbus.failure import Failure, Kind
from iiotctl.sources.modbus.frame import Request
from iiotctl.sources.modbus.queue import RequestQueue, Scan, Unit

SILENT = Failure(Kind.TIMEOUT)


def _scan(queue: RequestQueue, unit: int, deadline: float = 0.0, n: int = 1) -> Scan:
    scan = Scan(queue.unit(unit), [Request(unit, 3, at, 1, 2) for at in range(n)], deadline, 1.0, 2.0)
    queue.submit(scan)
    return scan


def _answer(queue: RequestQueue, now: float, took: float = 0.01) -> int:
    taken = queue.take(now)
    assert taken is not None
    scan, index, _ = taken
    queue.answered(scan, index, b"\0\0", now=now, at=0, took=took)
    return scan.unit.number


def _silence(queue: RequestQueue, now: float) -> tuple[int, float]:
    taken = queue.take(now)
    assert taken is not None
    scan, index, timeout = taken
    queue.silent(scan, index, SILENT, now=now + timeout, at=0, took=timeout)
    return scan.unit.number, timeout


def _healthy(queue: RequestQueue, *units: int) -> None:
    for number in units:
        unit = queue.unit(number)
        unit.answered = True
        unit.last_try = 0.0


def test_the_earliest_deadline_goes_first_among_the_healthy() -> None:
    queue = RequestQueue()
    _healthy(queue, 1, 2)
    _scan(queue, 1, deadline=5.0)
    _scan(queue, 2, deadline=4.0)
    assert [_answer(queue, 5.0), _answer(queue, 5.0)] == [2, 1]
    assert not queue


def test_equal_deadlines_go_by_unit_whatever_came_first() -> None:
    queue = RequestQueue()
    _healthy(queue, 1, 2, 3)
    for unit in (3, 1, 2):
        _scan(queue, unit, deadline=4.0)
    assert [_answer(queue, 5.0) for _ in range(3)] == [1, 2, 3]


def test_a_suspect_waits_for_every_healthy_unit_and_gets_the_slack() -> None:
    queue = RequestQueue()
    _healthy(queue, 1)
    queue.expect("a", queue.unit(1), 11.0)
    queue.unit(2).last_try = 1.0
    _scan(queue, 2, deadline=10.0)
    _scan(queue, 1, deadline=10.0)
    assert _answer(queue, 10.0) == 1
    unit, timeout = _silence(queue, 10.4)
    assert unit == 2
    assert 0.5 < timeout < 0.6


def test_too_little_slack_puts_a_suspect_off_but_not_for_ever() -> None:
    queue = RequestQueue()
    _healthy(queue, 1)
    queue.unit(2).last_try = 1.0
    _scan(queue, 2, deadline=10.0)
    queue.expect("a", queue.unit(1), 10.05)
    assert queue.take(10.0) is None
    queue.expect("a", queue.unit(1), 12.15)
    assert queue.take(12.1) is not None


def test_the_floor_grows_with_the_round_trip_of_the_healthy() -> None:
    queue = RequestQueue()
    _healthy(queue, 1)
    queue.unit(1).round_trip = 0.05
    queue.expect("a", queue.unit(1), 10.26)
    _scan(queue, 2, deadline=10.0)
    taken = queue.take(10.0)
    assert taken is not None
    assert taken[2] == 0.25


def test_a_lonely_unit_has_its_whole_timeout() -> None:
    queue = RequestQueue()
    _scan(queue, 2)
    queue.expect("b", queue.unit(2), 1.0)
    assert _silence(queue, 0.0) == (2, 1.0)


def test_a_unit_known_to_answer_is_asked_once_a_period_while_it_is_silent() -> None:
    queue = RequestQueue()
    _healthy(queue, 1)
    queue.unit(1).round_trip = 0.1
    queue.expect("a", queue.unit(1), 0.5)
    _scan(queue, 1)
    assert _silence(queue, 0.0) == (1, 1.0)  # healthy till now: all the time it may take
    queue.expect("a", queue.unit(1), 1.5)
    _scan(queue, 1, 1.0)
    _, timeout = _silence(queue, 1.0)
    assert 0.4 < timeout < 0.5
    queue.expect("a", queue.unit(1), 2.05)
    _scan(queue, 1, 2.0)
    _, timeout = _silence(queue, 2.0)
    assert timeout == pytest.approx(0.15)  # never less than it is known to need


def test_three_silences_demote_and_probes_come_ever_more_rarely() -> None:
    queue = RequestQueue()
    _healthy(queue, 1)
    dead = queue.unit(2)
    queue.expect("a", queue.unit(1), 1e9)
    queue.expect("b", dead, 1e9)
    now = 0.0
    for _ in range(3):
        assert queue.may_ask(dead, now)
        _scan(queue, 2, now)
        _silence(queue, now)
        now += 1.0
    waits = []
    for _ in range(5):
        assert dead.probe_at is not None
        assert not queue.may_ask(dead, dead.probe_at - 0.1)
        assert queue.may_ask(dead, dead.probe_at)
        waits.append(round(dead.probe_at - now))
        now = dead.probe_at
        _scan(queue, 2, now)
        _silence(queue, now)
    assert [round(w, -1) for w in waits] == [30, 60, 120, 240, 300]
    _scan(queue, 2, now)
    assert _answer(queue, now) == 2
    assert dead.healthy
    assert queue.may_ask(dead, now)


def test_a_short_silence_of_many_requests_demotes_nobody() -> None:
    queue = RequestQueue()
    _healthy(queue, 1)
    _healthy(queue, 2)
    unit = queue.unit(2)
    queue.expect("a", queue.unit(1), 1e9)
    for now in (0.0, 0.5, 1.0, 1.5):
        _scan(queue, 2, now, n=2)
        _silence(queue, now)
        assert queue.may_ask(unit, now + 0.5), now
    _scan(queue, 2, 3.0)
    _silence(queue, 3.0)
    assert not queue.may_ask(unit, 3.5)


def test_the_rest_of_a_scan_is_given_up_at_the_second_silence() -> None:
    queue = RequestQueue()
    _healthy(queue, 1)
    scan = _scan(queue, 1, n=5)
    _answer(queue, 0.0)
    _silence(queue, 0.1)
    assert queue
    _silence(queue, 1.2)
    assert not queue
    assert scan.missing == 0
    assert scan.results == [b"\0\0", SILENT, SILENT, SILENT, SILENT]


def test_when_nobody_is_healthy_the_one_that_waited_longest_is_asked() -> None:
    queue = RequestQueue()
    for number in (1, 2):
        unit = queue.unit(number)
        queue.expect(number, unit, 1e9)
        unit.answered, unit.silences, unit.probe_at, unit.last_try = True, 3, 1e9, float(number)
        unit.silent_since = 5.0
    assert queue.may_ask(queue.unit(1), 10.0)
    assert not queue.may_ask(queue.unit(2), 10.0)
    # the first answer after the silence of the link brings back all
    _scan(queue, 1, 10.0)
    _answer(queue, 10.0)
    assert queue.may_ask(queue.unit(2), 10.0)


def test_an_answer_after_its_timeout_teaches_how_long_the_unit_needs() -> None:
    queue = RequestQueue()
    _healthy(queue, 1)
    queue.expect("a", queue.unit(1), 10.5)
    _scan(queue, 2, 10.0)
    _silence(queue, 9.9)
    _scan(queue, 1, 10.0)
    _answer(queue, 10.0)  # the link was not silent: it is the unit that is slow
    queue.late(2, 0.4, 10.3)
    _scan(queue, 2, 10.0)
    queue.expect("a", queue.unit(1), 11.0)
    taken = queue.take(10.0)
    assert taken is not None
    assert taken[2] == 1.0  # within its timeout, so that it has all of it


def test_a_slow_moment_of_a_neighbour_keeps_no_known_unit_waiting() -> None:
    queue = RequestQueue()
    for number in (1, 2):
        _healthy(queue, number)
    queue.unit(1).round_trip = 1.0
    _scan(queue, 2, 10.0)
    _silence(queue, 10.0)
    queue.expect("a", queue.unit(1), 11.2)
    _scan(queue, 2, 11.0)
    taken = queue.take(11.0)
    assert taken is not None
    assert 0.1 <= taken[2] <= 0.2


def test_late_answers_after_a_silence_of_the_whole_link_teach_nothing() -> None:
    queue = RequestQueue()
    for number in (1, 2):
        _healthy(queue, number)
    _scan(queue, 2, 10.0)
    _silence(queue, 10.0)
    queue.late(2, 3.0, 13.0)
    assert queue.unit(2).round_trip < 1.0


def test_a_new_connection_gives_demoted_units_a_try() -> None:
    queue = RequestQueue()
    unit: Unit = queue.unit(4)
    unit.probe_at = 500.0
    queue.connected(10.0)
    assert queue.may_ask(unit, 10.0)


def _overload(queue: RequestQueue, *units: int, until: float) -> list[int]:
    """Who is asked on a link where 40 ms an answer are too long for three scans in 100 ms; unit 9 is dead."""
    order, now = [], 0.0
    scans = {unit: _scan(queue, unit, 0.0, n=3) for unit in units}
    for unit in units:
        queue.expect(unit, queue.unit(unit), 0.1)
    while now < until:
        taken = queue.take(now)
        assert taken is not None
        scan, index, timeout = taken
        order.append(scan.unit.number)
        if scan.unit.number == 9:
            now += timeout
            queue.silent(scan, index, SILENT, now=now, at=0, took=timeout)
        else:
            now += 0.04
            queue.answered(scan, index, b"\0\0", now=now, at=0, took=0.04)
        due = now // 0.1 / 10
        for unit in units:
            if not scans[unit].missing and queue.may_ask(queue.unit(unit), now):
                scans[unit] = _scan(queue, unit, due, n=3)
                queue.expect(unit, queue.unit(unit), due + 0.1)
    return order


def test_an_overloaded_link_is_shared_by_all_its_units() -> None:
    order = _overload(RequestQueue(), 1, 2, 3, until=10.0)
    assert min(order.count(unit) for unit in (1, 2, 3)) > 0.3 * len(order)
    assert set(order[:9]) == {1, 2, 3}


def test_on_an_overloaded_link_a_dead_unit_has_its_turn_and_costs_little() -> None:
    order = _overload(RequestQueue(), 1, 2, 9, until=30.0)
    assert order.count(9) >= 3
    assert min(order.count(unit) for unit in (1, 2)) * 0.04 > 0.35 * 30


def test_a_suspect_has_a_turn_on_a_link_that_is_always_busy() -> None:
    queue = RequestQueue()
    _healthy(queue, 1)
    queue.unit(2).last_try = 1.0
    _scan(queue, 2, deadline=1.0)
    asked = []
    for n in range(100):
        now = 1.0 + n * 0.1
        queue.expect("a", queue.unit(1), now)
        _scan(queue, 1, now)
        asked.append(_answer(queue, now))
    assert asked.index(2) == 20


def test_a_newcomer_that_answers_within_its_timeout_but_not_within_the_time_it_got_is_no_failure() -> None:
    queue = RequestQueue()
    _healthy(queue, 1)
    queue.expect("a", queue.unit(1), 0.15)
    scan = _scan(queue, 2)
    number, timeout = _silence(queue, 0.0)
    assert (number, scan.missing) == (2, 1)
    assert timeout < 0.2
    _scan(queue, 1, 0.15)
    assert _answer(queue, 0.15) == 1
    assert queue.take(0.3) is None  # nobody asks it again while it may still answer
    queue.late(2, 0.4, 0.4)
    assert queue.take(0.41) == (scan, 0, 1.0)


def test_a_newcomer_that_does_not_answer_at_all_fails_when_its_whole_timeout_is_over() -> None:
    queue = RequestQueue()
    _healthy(queue, 1)
    queue.expect("a", queue.unit(1), 0.15)
    scan = _scan(queue, 2)
    _silence(queue, 0.0)
    assert queue.take(0.9) is None
    assert scan.results == [None]
    assert queue.take(1.0) is None
    assert scan.results == [SILENT]
    assert not queue
