"""The order table, broken sensors, odd floats, exact digits, text."""

from __future__ import annotations

import math
import struct

import pytest

from iiotctl import quality
from iiotctl.site.address import DataType, Order, parse_type
from iiotctl.sources.modbus.decode import Decoder, Field, byte_positions, read_text


def one(raw: bytes, type_: str, **rest: object) -> tuple[float | None, str, str | None]:
    result = Decoder([Field(0, parse_type(type_), **rest)]).decode(raw)
    value = float(result.value[0])
    return (
        None if math.isnan(value) else value,
        quality.name(int(result.quality[0])),
        None if result.text is None else result.text[0],
    )


@pytest.mark.parametrize(
    ("order", "wire16", "wire32", "wire64"),
    [
        (Order.ABCD, "AB", "ABCD", "ABCDEFGH"),
        (Order.CDAB, "AB", "CDAB", "GHEFCDAB"),
        (Order.BADC, "BA", "BADC", "BADCFEHG"),
        (Order.DCBA, "BA", "DCBA", "HGFEDCBA"),
    ],
)
def test_the_table_of_orders(order: Order, wire16: str, wire32: str, wire64: str) -> None:
    for type_, wire in (("uint16", wire16), ("float32", wire32), ("uint64", wire64)):
        positions = byte_positions(DataType(type_), order)
        assert "".join(wire[p] for p in positions) == "ABCDEFGH"[: len(wire)]
    text = "BADCFE" if order.swaps_bytes else "ABCDEF"
    assert "".join(text[p] for p in byte_positions(DataType("string", 5), order)) == "ABCDE"


def test_known_float_words() -> None:
    # 123.456 = 0x42F6E979
    for order, raw in {"ABCD": "42F6E979", "CDAB": "E97942F6", "BADC": "F64279E9", "DCBA": "79E9F642"}.items():
        value, _, _ = one(bytes.fromhex(raw), "float32", order=Order(order))
        assert value == pytest.approx(123.456, rel=1e-6)


def test_scale_and_offset() -> None:
    assert one(b"\xff\x38", "int16", scale=0.1, offset=5.0)[0] == pytest.approx(-15.0)


def test_minus_zero_stays_minus_zero_beside_a_tag_with_offset() -> None:
    fields = [Field(0, DataType("float32")), Field(4, DataType("int16"), scale=2.0, offset=1.0)]
    value = Decoder(fields).decode(struct.pack(">fh", -0.0, 4)).value
    assert math.copysign(1, value[0]) == -1
    assert value[1] == 9


@pytest.mark.parametrize("given", [-32768, 32768])
def test_invalid_words_in_both_readings(given: int) -> None:
    for type_ in ("int16", "uint16"):
        assert one(b"\x80\x00", type_, invalid=(7, given), scale=0.1) == (None, "BadSensorFailure", None)
        assert one(b"\x80\x01", type_, invalid=(7, given))[1] == "Good"


def test_invalid_is_judged_per_tag_and_before_scaling() -> None:
    fields = [
        Field(0, DataType("int16"), invalid=(100,), scale=0.1),
        Field(2, DataType("int16"), scale=0.1),
        Field(4, DataType("int16"), invalid=(10, 0), scale=0.1),
    ]
    result = Decoder(fields).decode(struct.pack(">hhh", 100, 100, 100))
    assert math.isnan(result.value[0])
    assert result.value[1:].tolist() == [10.0, 10.0]
    assert [quality.name(int(q)) for q in result.quality] == ["BadSensorFailure", "Good", "Good"]


def test_a_tag_without_invalid_may_be_zero_beside_one_that_has_some() -> None:
    fields = [Field(0, DataType("int16"), invalid=(7, 0)), Field(2, DataType("int16"))]
    result = Decoder(fields).decode(bytes(4))
    assert [quality.name(int(q)) for q in result.quality] == ["BadSensorFailure", "Good"]


def test_invalid_floats_by_bits_and_by_value() -> None:
    assert one(struct.pack(">f", -9999.0), "float32", invalid=(-9999,))[1] == "BadSensorFailure"
    assert one(bytes.fromhex("C61C3C00"), "float32", invalid=(0xC61C3C00,))[1] == "BadSensorFailure"
    assert one(struct.pack(">f", -9998.0), "float32", invalid=(-9999,))[1] == "Good"


@pytest.mark.parametrize(
    ("raw", "name"), [("7FC00000", "NaN"), ("7F800000", "inf"), ("FF800000", "-inf"), ("7F800001", "NaN")]
)
def test_floats_that_are_no_numbers_keep_their_name(raw: str, name: str) -> None:
    assert one(bytes.fromhex(raw), "float32", scale=-2.0, offset=1.0) == (None, "BadSensorFailure", name)


def test_a_scale_that_overflows_gives_no_infinity() -> None:
    assert one(struct.pack(">d", 1e300), "float64", scale=1e300) == (None, "BadOutOfRange", None)


def test_digits_beyond_two_to_the_53_are_kept() -> None:
    assert one(struct.pack(">Q", 2**53 + 1), "uint64") == (2.0**53, "Good", "9007199254740993")
    assert one(struct.pack(">q", -(2**63)), "int64")[2] == "-9223372036854775808"
    assert one(struct.pack(">Q", 2**64 - 1), "uint64", scale=0.001)[2] == "18446744073709551.615"
    assert one(struct.pack(">Q", 2**53), "uint64")[2] is None


@pytest.mark.parametrize("raw", ["00A0", "F000", "123B"])
def test_a_nibble_that_is_no_digit_is_bad(raw: str) -> None:
    assert one(bytes.fromhex(raw), "bcd16") == (None, "BadDecodingError", None)


def test_bcd_in_word_order() -> None:
    assert one(bytes.fromhex("56781234"), "bcd32", order=Order.CDAB)[0] == 12_345_678


def test_eight_bits_are_the_low_byte() -> None:
    assert one(b"\x01\xfe", "int8")[0] == -2
    assert one(b"\x01\xfe", "uint8")[0] == 254
    assert one(b"\x01\xfe", "uint8", order=Order.DCBA)[0] == 1


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"PUMP 7\0\0", "PUMP 7"),
        (b"  A  \0xx", "A"),
        (b"\0\0\0\0", ""),
        ("20 °C".encode(), "20 °C"),
        (b"20 \xb0C", "20 °C"),
        (b"a\x1b[2J", "a\x1b[2J"),
    ],
)
def test_strings_end_at_nul_and_lose_outer_spaces(raw: bytes, text: str) -> None:
    assert read_text(raw) == text


def test_odd_length_strings_take_the_right_last_byte() -> None:
    assert one(b"abc?", "string(3)")[2] == "abc"
    assert one(b"ba?c", "string(3)", order=Order.BADC)[2] == "abc"
