"""What the devices hold: rounding, limits, registers."""

from __future__ import annotations

import math
import struct

import pytest

from iiotctl.simulator.codec import to_engineering, to_raw, to_registers
from iiotctl.simulator.tags import TAGS, SimTag
from iiotctl.site.address import Order, parse_type

BYTES_OF_ABCD = [0x4142, 0x4344]


@pytest.mark.parametrize(
    ("order", "registers"),
    [
        (Order.ABCD, [0x4142, 0x4344]),
        (Order.CDAB, [0x4344, 0x4142]),
        (Order.BADC, [0x4241, 0x4443]),
        (Order.DCBA, [0x4443, 0x4241]),
    ],
)
def test_orders_of_32_bits(order: Order, registers: list[int]) -> None:
    assert to_registers(parse_type("uint32"), order, 0x41424344) == registers


@pytest.mark.parametrize(
    ("order", "text"), [("ABCD", "ABCDEFGH"), ("CDAB", "GHEFCDAB"), ("BADC", "BADCFEHG"), ("DCBA", "HGFEDCBA")]
)
def test_orders_of_64_bits_are_those_of_the_table(order: str, text: str) -> None:
    registers = to_registers(parse_type("uint64"), Order(order), int.from_bytes(b"ABCDEFGH", "big"))
    assert b"".join(word.to_bytes(2, "big") for word in registers).decode() == text


def test_small_types_bcd_and_strings() -> None:
    assert to_registers(parse_type("int8"), Order.ABCD, -3) == [0x00FD]
    assert to_registers(parse_type("int16"), Order.BADC, -2) == [0xFEFF]
    assert to_registers(parse_type("bcd16"), Order.ABCD, 1234) == [0x1234]
    assert to_registers(parse_type("bcd32"), Order.DCBA, 12345678) == [0x7856, 0x3412]
    assert to_registers(parse_type("string(5)"), Order.ABCD, "abcdefgh") == [0x6162, 0x6364, 0x6500]
    assert to_registers(parse_type("string(4)"), Order.BADC, "ab") == [0x6261, 0x0000]
    assert to_registers(parse_type("float16"), Order.ABCD, 1.5) == [int.from_bytes(struct.pack(">e", 1.5), "big")]


def test_a_value_keeps_inside_its_type_and_resolution() -> None:
    analog = SimTag("t", "press1", "v", "pressure", "bar", "holding:0", "int16", scale=0.1, broken=(32767,))
    assert to_raw(analog, 181.97) == 1820
    assert to_raw(analog, 1e9) == 32767
    assert to_engineering(analog, 1820) == pytest.approx(182.0)
    assert to_engineering(analog, 32767) is None
    shifted = SimTag("t", "press1", "v", "temperature", "degC", "input:9", "uint16", scale=0.1, offset=-40.0)
    assert to_raw(shifted, -100.0) == 0
    assert to_engineering(shifted, to_raw(shifted, 23.14)) == pytest.approx(23.1)
    real = SimTag("t", "press1", "v", "current", "A", "holding:0", "float32", resolution=0.01)
    assert to_raw(real, 12.3456) == struct.unpack(">f", struct.pack(">f", 12.35))[0]
    assert to_engineering(real, math.nan) is None


def test_all_types_and_orders_occur_and_no_two_tags_overlap() -> None:
    modbus = [tag for tag in TAGS if tag.address]
    assert {tag.data_type.name for tag in modbus} == {
        "bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
        "float16", "float32", "float64", "bcd16", "bcd32", "string",
    }  # fmt: skip
    assert {tag.order for tag in modbus} == set(Order)
    taken = set()
    for tag in modbus:
        place = tag.modbus_address
        for offset in range(place.offset, place.offset + tag.data_type.registers):
            cell = (tag.source, place.table, offset, place.bit)
            assert cell not in taken, tag.name
            taken.add(cell)
    assert len({tag.name for tag in TAGS}) == len(TAGS)
