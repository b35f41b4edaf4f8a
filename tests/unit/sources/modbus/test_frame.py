"""Framing and the judgement of answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iiotctl.sources.modbus.failure import Failure, Kind
from iiotctl.sources.modbus.frame import Answer, Request
from iiotctl.sources.modbus.framing.mbap import Framer, StreamError

REQUEST = Request(unit=5, function=3, address=300, quantity=2, payload=4)


def test_a_request_on_the_wire() -> None:
    assert REQUEST.pdu.hex() == "03012c0002"


@given(
    bodies=st.lists(st.binary(min_size=1, max_size=251), min_size=1, max_size=5),
    cuts=st.lists(st.integers(1, 40), max_size=40),
)
def test_answers_come_whole_however_the_stream_is_cut(bodies: list[bytes], cuts: list[int]) -> None:
    wire = b"".join(
        n.to_bytes(2, "big") + b"\0\0" + (len(body) + 2).to_bytes(2, "big") + b"\5\3" + body
        for n, body in enumerate(bodies)
    )
    framer = Framer()
    found: list[Answer] = []
    for cut in cuts:
        found += framer.feed(wire[:cut])
        wire = wire[cut:]
    found += framer.feed(wire)
    assert found == [Answer(n, 5, 3, body) for n, body in enumerate(bodies)]
    assert not framer.incomplete


@pytest.mark.parametrize(
    "head", ["0001 0001 0005 05 03", "0001 0000 0002 05 03", "0001 0000 00ff 05 03", "0001 0000 0000 05 03"]
)
def test_headers_that_no_server_sends_end_the_stream(head: str) -> None:
    with pytest.raises(StreamError):
        Framer().feed(bytes.fromhex(head) + bytes(300))


@given(st.binary(max_size=600))
def test_noise_is_an_error_or_answers_never_a_crash(noise: bytes) -> None:
    framer = Framer()
    try:
        for answer in framer.feed(noise):
            assert isinstance(REQUEST.judge(answer), bytes | Failure)
    except StreamError:
        pass


def test_the_right_answer_gives_its_data() -> None:
    assert REQUEST.judge(Answer(1, 5, 3, b"\4abcd")) == b"abcd"


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (Answer(1, 6, 3, b"\4abcd"), Kind.GARBLED, 0),
        (Answer(1, 5, 4, b"\4abcd"), Kind.GARBLED, 0),
        (Answer(1, 5, 3, b"\4abc"), Kind.GARBLED, 0),
        (Answer(1, 5, 3, b"\4abcde"), Kind.GARBLED, 0),
        (Answer(1, 5, 3, b"\2abcd"), Kind.GARBLED, 0),
        (Answer(1, 5, 0x84, b"\2"), Kind.GARBLED, 0),
        (Answer(1, 5, 0x83, b"\2\2"), Kind.GARBLED, 0),
        (Answer(1, 5, 0x83, b"\2"), Kind.REFUSED, 2),
        (Answer(1, 5, 0x83, b"\x0b"), Kind.GATEWAY, 11),
    ],
)
def test_anything_else_is_a_failure(answer: Answer, kind: Kind, code: int) -> None:
    result = REQUEST.judge(answer)
    assert isinstance(result, Failure)
    assert (result.kind, result.code) == (kind, code)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"\2ab", "announces 2 bytes of data and holds 2, asked for were 4"),
        (b"\2abcd", "announces 2 bytes of data and holds 4, asked for were 4"),
    ],
)
def test_a_wrong_length_says_what_was_announced_and_what_came(answer: bytes, told: str) -> None:
    assert told in str(REQUEST.judge(Answer(1, 5, 3, answer)))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"HTTP/1.1 400 Bad", "begins with the text 'HTTP/1.1'"),
        (bytes.fromhex("0001 0007 0005 05 03"), "protocol identifier 7 instead of 0"),
        (bytes.fromhex("0001 0000 ffff 05 03"), "announces 65535 bytes, and Modbus TCP allows 3 to 254"),
    ],
)
def test_what_is_no_modbus_is_told_in_words(data: bytes, told: str) -> None:
    with pytest.raises(StreamError, match=told.replace("(", r"\(")):
        Framer().feed(data)
