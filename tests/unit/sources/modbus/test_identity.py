"""Device identification: pieces are put together, and nothing that a device answers makes it hang or crash."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iiotctl.sources.allowlist import check_modbus
from iiotctl.sources.modbus.failure import Failure, Kind
from iiotctl.sources.modbus.frame import Answer
from iiotctl.sources.modbus.identity import Identity, IdentityRequest, identify, parse


def body(
    objects: dict[int, bytes], *, category: int = 1, conformity: int = 0x81, more: int | None = None, count: int = -1
) -> bytes:
    head = struct.pack(
        "BBBBBB",
        14,
        category,
        conformity,
        0 if more is None else 255,
        more or 0,
        len(objects) if count < 0 else count,
    )
    return head + b"".join(bytes([key, len(text)]) + text for key, text in objects.items())


def run(answers: Sequence[bytes | Failure]) -> tuple[Identity, list[IdentityRequest]]:
    asked: list[IdentityRequest] = []

    async def ask(request: IdentityRequest) -> bytes | Failure:
        asked.append(request)
        return answers[min(len(asked), len(answers)) - 1]

    return asyncio.run(identify(7, ask)), asked


def test_a_basic_device_is_asked_once() -> None:
    found, asked = run([body({0: b"ACME", 1: b"X-1", 2: b"2.0"})])
    assert dict(found.objects) == {"vendor": "ACME", "product code": "X-1", "revision": "2.0"}
    assert asked == [IdentityRequest(7, 1, 0)]
    assert not found.silence


def test_pieces_are_put_together_and_regular_objects_follow() -> None:
    found, asked = run(
        [
            body({0: b"ACME"}, conformity=0x82, more=1),
            body({1: b"X-1", 2: b"2.0"}, conformity=0x82),
            body({3: b"acme.example", 4: "Ofen Größe".encode("latin-1")}, category=2, conformity=0x82),
        ]
    )
    assert list(found.objects.values()) == ["ACME", "X-1", "2.0", "acme.example", "Ofen Größe"]
    assert asked == [IdentityRequest(7, 1, 0), IdentityRequest(7, 1, 1), IdentityRequest(7, 2, 3)]


def test_a_device_that_does_not_know_the_function_says_nothing() -> None:
    found, asked = run([Failure(Kind.REFUSED, code=1)])
    assert not found
    assert found.silence == "exception 01 (illegal function)"
    assert found.is_answered
    assert len(asked) == 1


def test_a_device_that_ignores_the_request_is_told_apart() -> None:
    assert not run([Failure(Kind.TIMEOUT, cause="no answer")])[0].is_answered


def test_what_came_before_a_failure_is_kept() -> None:
    found, _ = run([body({0: b"ACME"}, more=1), Failure(Kind.TIMEOUT, cause="no answer")])
    assert dict(found.objects) == {"vendor": "ACME"}
    assert found.silence == "no answer"


@pytest.mark.parametrize("more", [0, 1])
def test_a_device_that_goes_round_in_circles_is_left(more: int) -> None:
    found, asked = run([body({0: b"ACME"}, more=1), body({1: b"X"}, more=more)])
    assert len(asked) == 2
    assert "after object 1" in found.silence


def test_the_request_is_on_the_list_and_as_the_standard_draws_it() -> None:
    request = IdentityRequest(1, 1, 0)
    assert request.pdu == bytes([0x2B, 0x0E, 1, 0])
    check_modbus(request.pdu)


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (Answer(1, 8, 43, body({})), "unit 8 answered"),
        (Answer(1, 7, 3, body({})), "function 3 came back"),
        (Answer(1, 7, 43, body({0: b"ACME"}, count=2)), "cut or padded"),
        (Answer(1, 7, 43, body({0: b"ACME"}) + b"x"), "cut or padded"),
        (Answer(1, 7, 43, b""), "cut or padded"),
        (Answer(1, 7, 43, bytes([13, 1, 1, 0, 0, 0])), "cut or padded"),
    ],
)
def test_an_answer_that_does_not_fit_is_not_used(answer: Answer, cause: str) -> None:
    result = IdentityRequest(7, 1, 0).judge(answer)
    assert isinstance(result, Failure)
    assert cause in result.cause


def test_exceptions_are_told_apart() -> None:
    refused = IdentityRequest(7, 1, 0).judge(Answer(1, 7, 0xAB, b"\x01"))
    gateway = IdentityRequest(7, 1, 0).judge(Answer(1, 7, 0xAB, b"\x0b"))
    assert isinstance(refused, Failure)
    assert isinstance(gateway, Failure)
    assert (refused.kind, gateway.kind) == (Kind.REFUSED, Kind.GATEWAY)


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=4))
def test_any_bytes_end_in_texts_or_a_reason(bodies: list[bytes]) -> None:
    judged = [IdentityRequest(7, 1, 0).judge(Answer(1, 7, 43, each)) for each in bodies]
    found, asked = run(judged)
    assert len(asked) <= 64
    assert found or found.silence or not any(isinstance(each, bytes) and parse(each).objects for each in judged)  # type: ignore[union-attr]
    assert all(isinstance(text, str) for text in found.objects.values())
