"""No value is ever stored under another's name, however late, often or lagging the answers come (RTU framing)."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iiotctl.sources.modbus.failure import Failure
from iiotctl.sources.modbus.frame import Request
from iiotctl.sources.modbus.framing.dialogue import Asked, Done
from iiotctl.sources.modbus.framing.rtu import RtuDialogue, Timing
from iiotctl.sources.modbus.queue import Scan, Unit
from tests.properties.rtu_model import TIMEOUT, UNIT, Behaviour, Device, Outcome, checksum, converse, wrong

_LATEST = 2.5 * TIMEOUT


def _reads(*places: tuple[int, int]) -> list[Request]:
    return [Request(UNIT, 3, address, quantity, 2 * quantity) for address, quantity in places]


SAME = _reads((100, 2), (200, 2), (300, 2))
"""Answers that look alike; a single shorter shape is left for a fence."""
LONGER = _reads((100, 10), (200, 10), (300, 10), (400, 10))
MIXED = _reads((100, 10), (200, 10), (300, 4), (400, 1), (500, 1))

_delays = st.one_of(st.just(0.01), st.floats(0.0, 0.9), st.floats(0.9, _LATEST), st.none())


def _device(delays: list[float | None], copies: list[int], lag: int = 0) -> Device:
    """Faults as drawn, then a device without fault."""

    def behaviour(number: int) -> Behaviour:
        if number >= len(delays):
            return Behaviour()
        return Behaviour(delays[number], (0.005,) * copies[number % len(copies)])

    return Device(behaviour, lag)


@pytest.mark.parametrize("requests", [SAME, LONGER, MIXED], ids=["pairs", "longer", "mixed"])
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_answers_at_any_time_never_give_a_wrong_value(requests: list[Request], data: st.DataObject) -> None:
    device = _device(data.draw(st.lists(_delays, min_size=1, max_size=25)), [0])
    outcomes = converse(device, requests, rounds=12, idle=lambda _: 0.05)
    assert not wrong(outcomes, device)


@pytest.mark.parametrize("requests", [SAME, LONGER, MIXED], ids=["pairs", "longer", "mixed"])
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_nor_do_copies(requests: list[Request], data: st.DataObject) -> None:
    delays = data.draw(st.lists(_delays, min_size=1, max_size=25))
    copies = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=7))
    idle = data.draw(st.sampled_from([0.0, 0.003, 0.05]))
    device = _device(delays, copies)
    outcomes = converse(device, requests, rounds=12, idle=lambda _: idle)
    assert not wrong(outcomes, device)


@pytest.mark.parametrize("requests", [SAME, LONGER, MIXED], ids=["pairs", "longer", "mixed"])
@given(seed=st.integers(0, 10**6), share=st.floats(0.02, 0.9), after=st.sampled_from([0.011, 0.03, 0.05, 0.2]))
@settings(max_examples=100, deadline=None)
def test_nor_do_copies_behind_other_answers(requests: list[Request], seed: int, share: float, after: float) -> None:
    """A gateway repeats some answers a while later, in between others; after the first it is known for it."""
    chance = random.Random(seed)
    device = Device(lambda _: Behaviour(0.004, (after,) if chance.random() < share else ()), echoes=True)
    outcomes = converse(device, requests, rounds=40, idle=lambda goal: 0.15 if goal % len(requests) == 0 else 0.001)
    assert not wrong(outcomes, device)
    assert sum(isinstance(outcome.result, bytes) for outcome in outcomes) > len(outcomes) // 4


@pytest.mark.parametrize("requests", [SAME, LONGER, MIXED], ids=["pairs", "longer", "mixed"])
@pytest.mark.parametrize("lag", [1, 2, 3])
def test_a_device_that_is_requests_behind_gives_no_value_at_all(requests: list[Request], lag: int) -> None:
    device = Device(lambda _: Behaviour(), lag)
    outcomes = converse(device, requests, rounds=30, idle=lambda _: 0.05)
    assert not wrong(outcomes, device)
    assert all(isinstance(outcome.result, Failure) for outcome in outcomes)


@pytest.mark.parametrize("requests", [SAME, LONGER, MIXED], ids=["pairs", "longer", "mixed"])
@pytest.mark.parametrize("lag", [1, 2, 3])
def test_falling_behind_in_the_middle_is_noticed(requests: list[Request], lag: int) -> None:
    device = Device(lambda n: Behaviour())

    def idle(goal: int) -> float:
        device.lag = lag if 7 <= goal < 40 else 0
        return 0.05

    outcomes = converse(device, requests, rounds=40, idle=idle)
    assert not wrong(outcomes, device)
    assert isinstance(outcomes[6].result, bytes)


@pytest.mark.parametrize("requests", [SAME, LONGER, MIXED], ids=["pairs", "longer", "mixed"])
@given(lost=st.lists(st.booleans(), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_values_come_back_when_the_faults_end(requests: list[Request], lost: list[bool]) -> None:
    device = _device([None if gone else 0.01 for gone in lost], [0])
    outcomes = converse(device, requests, rounds=30, idle=lambda _: 0.2)
    assert not wrong(outcomes, device)
    assert all(isinstance(outcome.result, bytes) for outcome in outcomes[-len(requests) :])


def test_one_late_answer_costs_one_value() -> None:
    device = _device([0.01, 0.01, 1.2], [0])
    outcomes = converse(device, SAME, rounds=4, idle=lambda _: 0.5)
    assert [isinstance(outcome.result, bytes) for outcome in outcomes] == [True, True, False, *[True] * 9]
    # the fence, and the request again
    assert len(device.seen) == len(outcomes) + 1


def test_a_dead_unit_is_asked_once_a_cycle() -> None:
    device = Device(lambda _: Behaviour(None))
    outcomes = converse(device, LONGER, rounds=5, idle=lambda _: 0.0)
    assert len(device.seen) == len(outcomes)


def test_constant_values_are_proved_a_few_times_and_then_believed() -> None:
    """All registers are zero, so every answer equals the one before it."""
    device = Device(lambda _: Behaviour(), contents=lambda _n, _a: 0)
    outcomes = converse(device, SAME, rounds=20, idle=lambda _: 0.0)
    assert all(outcome.result == bytes(4) for outcome in outcomes)
    assert len(device.seen) == len(outcomes) + 3 * 2


def test_registers_alone_are_read_again_and_again_instead() -> None:
    """Requests for one register each: no other shape can serve as a fence."""
    requests = _reads((100, 1), (200, 1))
    device = _device([0.01, 0.01, 1.2, None], [0])
    outcomes = converse(device, requests, rounds=10, idle=lambda _: 0.5)
    assert not wrong(outcomes, device)
    assert all(isinstance(outcome.result, bytes) for outcome in outcomes[-4:])


def test_a_refusal_after_a_timeout_is_believed_when_it_is_repeated() -> None:
    device = Device(lambda n: Behaviour(None if n == 0 else 0.01, exception=2))
    outcomes = converse(device, SAME, rounds=3, idle=lambda _: 0.1)
    kinds = [outcome.result.code for outcome in outcomes if isinstance(outcome.result, Failure)]
    assert kinds == [0, *[2] * 8]


def test_what_comes_before_a_fence_was_sent_is_not_its_answer() -> None:
    talk = RtuDialogue({}, Timing())
    scan = Scan(Unit(UNIT), SAME, 0.0, TIMEOUT, 2.0)
    talk.ask(Asked(scan, 0, TIMEOUT), 0.0)
    talk.expire(TIMEOUT)
    talk.ask(Asked(scan, 0, TIMEOUT), 2.0)
    for data in (bytes(4), bytes(2)):  # the answer to the knock, then one of the fence's shape while the line rests
        body = bytes([UNIT, 3, len(data)]) + data
        assert not any(isinstance(item, Done) for item in talk.hear(body + checksum(body), 2.1))
        assert talk.has_turn
    fence = talk.turn(talk.not_before)
    assert int.from_bytes(fence[4:6], "big") == 1


def test_the_model_can_fail() -> None:
    """A dialogue that believes every answer of the right shape is found out."""
    device = Device(lambda _: Behaviour(), lag=1)
    frame = bytes([UNIT]) + SAME[0].pdu
    device.take(frame + checksum(frame), 0.0)
    ((_, data),) = device.take(frame + checksum(frame), 1.0)
    assert wrong([Outcome(SAME[0], 1.0, data[3:-2])], device)
