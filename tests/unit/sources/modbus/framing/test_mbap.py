"""Several requests on their way: answers in any order, twice, late, foreign."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from iiotctl.sources.modbus.frame import Request
from iiotctl.sources.modbus.framing.dialogue import Asked, Broken, Done, Expired, Heard, Late, Stray
from iiotctl.sources.modbus.framing.mbap import MbapDialogue
from iiotctl.sources.modbus.queue import Scan, Unit


def _talk(window: int, count: int) -> tuple[MbapDialogue, Scan, list[bytes]]:
    talk = MbapDialogue(transaction=0xFFFD)
    talk.admit(window)
    scan = Scan(Unit(1), [Request(1, 3, at, 1, 2) for at in range(count)], 0.0, 1.0, 2.0)
    return talk, scan, []


def _answer(frame: bytes) -> bytes:
    """Register A holds A."""
    return frame[:4] + b"\0\5\1\3\2" + frame[8:10]


def _values(heard: list[Heard]) -> dict[int, int]:
    return {
        item.asked.number: int.from_bytes(item.result, "big")
        for item in heard
        if isinstance(item, Done) and isinstance(item.result, bytes)
    }


def test_no_more_than_the_window_are_on_their_way() -> None:
    talk, scan, frames = _talk(3, 5)
    while talk.has_room:
        frames.append(talk.ask(Asked(scan, len(frames), 1.0), 0.0))
    assert len(frames) == 3
    talk.hear(_answer(frames[1]), 0.1)
    assert talk.has_room


@given(st.permutations(range(8)), st.lists(st.integers(0, 7), max_size=8), st.lists(st.integers(1, 30), max_size=20))
def test_answers_in_any_order_and_any_number_find_their_request(
    order: list[int], twice: list[int], cuts: list[int]
) -> None:
    talk, scan, _ = _talk(8, 8)
    frames = [talk.ask(Asked(scan, number, 1.0), 0.0) for number in range(8)]
    wire = b"".join(_answer(frames[number]) for number in [*order, *twice])
    heard: list[Heard] = []
    for cut in [*cuts, len(wire)]:
        heard += talk.hear(wire[:cut], 0.1)
        wire = wire[cut:]
    assert _values(heard) == {number: number for number in range(8)}
    assert sum(isinstance(item, Stray) for item in heard) == len(twice)


def test_a_late_answer_is_known_as_one_and_a_foreign_one_as_none() -> None:
    talk, scan, _ = _talk(2, 3)
    first, second = (talk.ask(Asked(scan, number, 1.0 + number), 0.0) for number in (0, 1))
    assert talk.deadline == 1.0
    (expired,) = talk.expire(1.0)
    assert isinstance(expired, Expired)
    third = talk.ask(Asked(scan, 2, 1.0), 1.0)
    heard = talk.hear(_answer(first) + b"\x77\x77" + _answer(second)[2:] + _answer(third) + _answer(second), 1.5)
    assert heard[:2] == [Late(1, 1.5), Stray(1)]
    assert _values(list(heard)) == {1: 1, 2: 2}


@given(st.binary(max_size=600), st.lists(st.integers(1, 60), max_size=20))
def test_any_bytes_are_dropped_or_end_the_connection(noise: bytes, cuts: list[int]) -> None:
    talk, scan, _ = _talk(4, 4)
    for number in range(4):
        talk.ask(Asked(scan, number, 1.0), 0.0)
    for cut in [*cuts, len(noise)]:
        for item in talk.hear(noise[:cut], 0.1):
            assert isinstance(item, Broken | Stray | Done)
            if isinstance(item, Broken):
                return
        noise = noise[cut:]


def test_a_server_that_miscounts_hits_no_other_request() -> None:
    talk, scan, _ = _talk(16, 80)
    frames = [talk.ask(Asked(scan, number, 1.0), 0.0) for number in range(80)]
    ids = [int.from_bytes(frame[:2], "big") for frame in frames]
    assert min(abs((a - b + 0x8000) % 0x10000 - 0x8000) for n, a in enumerate(ids) for b in ids[:n]) > 256
    assert not {a ^ 1 << bit for a in ids for bit in range(16)} & set(ids)
