"""What registers may mean: what the user knows decides, else size and movement do."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iiotctl.ops.candidates import Candidate, Hints, candidates
from iiotctl.site.address import Order, parse_type
from iiotctl.site.model import Tag
from iiotctl.sources.modbus.decode import Decoder, Field, byte_positions

ORDERS = list(Order)


def wire(code: str, value: float, type_: str, order: Order) -> bytes:
    """A value as a device with this order sends it."""
    plain = struct.pack(code, value)
    sent = bytearray(len(plain))
    for byte, place in zip(plain, byte_positions(parse_type(type_), order), strict=True):
        sent[place] = byte
    return bytes(sent)


def best(readings: list[bytes], hints: Hints | None = None) -> Candidate:
    return candidates(readings, hints)[0]


@pytest.mark.parametrize("order", ORDERS)
@settings(max_examples=40, deadline=None)
@given(value=st.floats(0.015625, 99_999, width=32))
def test_a_moving_float_is_found_in_every_order(order: Order, value: float) -> None:
    readings = [wire(">f", value * factor, "float32", order) for factor in (1, 1.001, 0.999, 1.0005, 1.002)]
    found = candidates(readings)
    right = next(each for each in found if (each.type, each.order) == ("float32", order))
    assert right.value == pytest.approx(value * 1.002, rel=1e-6)
    assert right.score > 0.85
    assert sum(each.score > right.score for each in found) <= 2  # by chance, another one looks right


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("type_", "code"), [("float32", ">f"), ("int32", ">i"), ("float64", ">d"), ("int64", ">q")])
@settings(max_examples=40, deadline=None)
@given(value=st.integers(1000, 90_000))
def test_the_display_decides(type_: str, code: str, order: Order, value: int) -> None:
    shown = value * 1.003
    found = candidates([wire(code, value, type_, order)], Hints(near=shown))
    assert found[0].value == pytest.approx(shown, rel=0.02)
    assert found[0].score > 0.5
    # another reading may happen to show the same; the right one is no worse than half of it
    right = next(each for each in found if (each.type, each.order) == (type_, order))
    assert right.score > 0.5 * found[0].score


@given(st.integers(100, 30_000), st.sampled_from([0.1, 0.01]))
def test_an_integer_in_tenths_is_found_by_the_display(raw: int, scale: float) -> None:
    found = best([struct.pack(">h", raw)], Hints(near=raw * scale))
    assert found.value == pytest.approx(raw * scale, rel=0.02)
    assert found.why == f"near {raw * scale:g}"


def test_the_range_decides_between_signed_and_unsigned() -> None:
    found = best([struct.pack(">h", -40)], Hints(span=(-50, 50)))
    assert (found.type, found.value, found.why) == ("int16", -40, "in the span")
    assert all(
        each.score < 0.05 for each in candidates([struct.pack(">h", -40)], Hints(span=(60, 90)))[1:] if each.scale == 1
    )


def test_what_lies_outside_the_range_cannot_be() -> None:
    found = candidates([struct.pack(">f", -0.194)], Hints(span=(0, 250)))
    outside = [each for each in found if each.value is not None and not 0 <= each.value <= 250]
    assert any((each.type, each.order) == ("float32", Order.ABCD) for each in outside)
    assert {each.score for each in outside} == {0}
    assert {each.why for each in outside} == {"outside the span"}
    assert "in the span" not in {each.why for each in outside}


def test_a_counter_is_an_integer_and_not_next_to_nothing() -> None:
    found = candidates([struct.pack(">I", 70_000 + step) for step in range(5)])
    assert (found[0].type, found[0].order) == ("int32", Order.ABCD)
    assert next(each for each in found if each.type == "float32").score == 0


def test_text_is_text() -> None:
    found = best([b"PUMP"])
    assert (found.type, found.text, found.value) == ("string(4)", "PUMP", None)


def test_zeros_say_little() -> None:
    assert best([bytes(4)]).why == "zero says little"


def test_the_row_can_be_pasted_and_gives_the_value() -> None:
    raw = wire(">f", 123.4, "float32", Order.CDAB)
    found = best([raw], Hints(near=123))
    assert found.keys == 'type = "float32", order = "CDAB"'
    tag = Tag(name="t", source="s", address="holding:0", type=found.type, order=found.order)
    assert Decoder([Field(0, tag.data_type, tag.order)]).decode(raw).value[0] == found.value


@given(
    st.sampled_from([2, 4, 8]).flatmap(lambda n: st.lists(st.binary(min_size=n, max_size=n), min_size=1, max_size=5))
)
def test_any_registers_are_ranked(readings: list[bytes]) -> None:
    for hints in (None, Hints(near=0.0), Hints(near=5.0, span=(0, 10))):
        found = candidates(readings, hints)
        assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
        assert all(0 <= each.score <= 1 for each in found)
        assert len({(each.type, each.order) for each in found}) == len(found)
