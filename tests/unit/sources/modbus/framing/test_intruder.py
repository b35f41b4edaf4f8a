"""Another master is known by its requests; our own echo, late answers and noise are none."""

from __future__ import annotations

import random

import pytest

from iiotctl.sources.modbus.crc import sealed
from iiotctl.sources.modbus.framing.intruder import Watch
from tests.unit.sources.modbus.test_sniff import answer, ask, words

OURS = ask(5, 3, 100, 2)
ANSWER = answer(5, 3, words(7, 8))
WRITE = sealed(bytes([9, 6, 0, 1, 0, 2]))


def watched(*frames: bytes, piece: int = 300) -> list[str]:
    """What is said of frames that come in after our request, 10 ms apart."""
    watch = Watch()
    watch.sent(OURS, 1.0)
    found, now = [], 1.0
    for frame in frames:
        now += 0.01
        found += [watch.hear(frame[at : at + piece], now) for at in range(0, len(frame), piece)]
    return [text for text in found if text]


@pytest.mark.parametrize("piece", [1, 3, 300])
@pytest.mark.parametrize(
    "frames",
    [
        (ANSWER,),
        (OURS, ANSWER),
        (b"\0" + OURS, ANSWER),
        (OURS + ANSWER,),
        (ANSWER, ANSWER, ANSWER),
        (answer(5, 3, words(1)), answer(5, 4, words(*range(50)))),
        (answer(5, 1, b"\0\0\5"), answer(5, 1, b"\0\0\5")),
        (sealed(bytes([5, 0x83, 2])), sealed(bytes([6, 0x83, 11]))),
        (b"\x55\xaa\0\xff" * 20,),
        (sealed(bytes([5, 43, 14, 1, 1, 0, 0, 1, 0, 2]) + b"ab"),) * 3,
    ],
    ids=["answer", "echo", "noise", "together", "copies", "late", "three bytes", "refusal", "garbage", "identity"],
)
def test_nobody_else_is_there(frames: tuple[bytes, ...], piece: int) -> None:
    assert watched(*frames, piece=piece) == []


@pytest.mark.parametrize("piece", [1, 3, 300])
@pytest.mark.parametrize(
    ("frames", "told"),
    [
        ((ANSWER, ask(9, 3, 0, 10)), "`unit 9 FC 3 0-9`"),
        ((ask(9, 3, 0, 10), answer(9, 3, words(*range(10))), ANSWER), "`unit 9 FC 3 0-9`"),
        ((ANSWER, *(ask(5, 3, 100, 2),) * 3), "`unit 5 FC 3 100-101`"),
        ((b"\x55\xaa" + ANSWER[3:] + ask(9, 3, 0, 10),), "`unit 9 FC 3 0-9`"),
        ((WRITE, WRITE), "function 6"),
    ],
    ids=["request", "exchange", "ours again and again", "behind garbage", "write"],
)
def test_somebody_else_asks(frames: tuple[bytes, ...], told: str, piece: int) -> None:
    found = watched(*frames, piece=piece)
    assert told in found[0]


def test_our_own_answers_are_never_taken_for_requests_whatever_they_hold() -> None:
    """A third are read again and again with data that makes the first eight bytes a request."""
    chance = random.Random(7)
    watch, now = Watch(), 1.0
    for _ in range(3000):
        head = sealed(bytes([5, 3, 20, chance.randrange(256), 0, chance.randrange(1, 125)]))
        now += 0.02
        watch.sent(ask(5, 3, 100, 10), now)
        assert watch.hear(answer(5, 3, head[3:] + bytes(15)), now + 0.01) == ""


def test_a_broken_answer_makes_no_intruder_of_our_next_requests() -> None:
    """What begins like a long frame waits for its rest; our own requests must not become part of it."""
    chance = random.Random(3)
    watch, now = Watch(), 1.0
    for n in range(3000):
        request = ask(n % 3 + 1, 3, 10 * (n % 2), 2)
        broken = bytearray(answer(n % 3 + 1, 3, words(chance.randrange(65536), chance.randrange(65536))))
        broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
        now += 0.03
        watch.sent(request, now)
        assert watch.hear(bytes(broken), now + 0.01) == ""
        assert watch.hear(request + answer(n % 3 + 1, 3, words(1, 2)), now + 0.02) == ""
