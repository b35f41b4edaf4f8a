"""Byte orders: doubted only when the declared one is absurd and another one is not."""

from __future__ import annotations

import struct

import pytest

from iiotctl.ops.orders import better_orders, decodings, plausible
from iiotctl.site.address import Order, parse_type
from iiotctl.site.model import Tag

VALUE = 123.25
FLOAT = struct.pack(">f", VALUE)  # ABCD: 42 F6 80 00


def tag(**keys: object) -> Tag:
    return Tag.model_validate({"name": "t", "source": "s", "address": "holding:0", "type": "float32"} | keys)


def wire(big_endian: bytes, order: Order) -> bytes:
    """The value as a device with that order sends it; written out, not computed by the code under test."""
    words = [big_endian[at : at + 2] for at in range(0, len(big_endian), 2)]
    if order in (Order.CDAB, Order.DCBA):
        words.reverse()
    if order in (Order.BADC, Order.DCBA):
        words = [word[::-1] for word in words]
    return b"".join(words)


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize(("type_", "code"), [("float32", ">f"), ("float64", ">d"), ("int32", ">i"), ("uint64", ">Q")])
def test_each_order_is_decoded(order: Order, type_: str, code: str) -> None:
    value = 123.25 if "f" in code or "d" in code else 12345
    raw = wire(struct.pack(code, value), order)
    assert decodings(raw, parse_type(type_))[order] == value


def test_types_without_orders_and_short_answers_are_left_alone() -> None:
    assert decodings(b"\0\1", parse_type("uint16")) == {}
    assert decodings(b"\0\1", parse_type("float32")) == {}
    assert better_orders(tag(), "not hex") == {}
    assert better_orders(tag(), "") == {}


@pytest.mark.parametrize("declared", Order)
@pytest.mark.parametrize("real", Order)
def test_a_wrong_order_is_found_within_the_span(declared: Order, real: Order) -> None:
    found = better_orders(tag(order=str(declared), span=[0, 250]), wire(FLOAT, real).hex(" "))
    if declared is real:
        assert found == {}
    else:
        assert found[real] == VALUE
        assert declared not in found


def test_without_a_span_an_absurd_magnitude_gives_it_away() -> None:
    assert better_orders(tag(order="DCBA"), FLOAT.hex())[Order.ABCD] == VALUE
    assert better_orders(tag(order="ABCD"), FLOAT.hex()) == {}


def test_a_value_outside_its_span_in_every_order_is_no_question_of_order() -> None:
    assert better_orders(tag(span=[0, 10]), FLOAT.hex()) == {}


def test_zero_is_zero_in_every_order() -> None:
    assert better_orders(tag(order="DCBA"), "00000000") == {}


def test_integers_are_judged_only_by_a_span() -> None:
    raw = struct.pack(">I", 1500).hex()
    assert better_orders(tag(type="uint32", order="CDAB"), raw) == {}
    assert better_orders(tag(type="uint32", order="CDAB", span=[0, 2000]), raw) == {Order.ABCD: 1500}


def test_scale_and_offset_are_applied_after_judging_the_size() -> None:
    found = better_orders(tag(order="DCBA", scale=2, offset=20, span=[0, 300]), FLOAT.hex())
    assert found[Order.ABCD] == VALUE * 2 + 20


@pytest.mark.parametrize(
    ("value", "span", "answer"),
    [
        (float("nan"), None, False),
        (float("inf"), None, False),
        (1e-40, None, False),
        (-3.0, None, True),
        (0.0, None, True),
        (1e12, None, False),
        (-20.0, [0, 250], True),
        (-30.0, [0, 250], False),
        (270.0, [0, 250], True),
        (280.0, [0, 250], False),
        (1e-40, [0, 250], False),
        (1e-3, [0, 250], True),
    ],
)
def test_plausible(value: float, span: list[float] | None, answer: bool) -> None:
    assert plausible(value, tag() if span is None else tag(span=span), 1e-6) is answer
