"""Modbus addresses, ranges and types as engineers write them."""

from __future__ import annotations

import pytest

from iiotctl.site.address import DATA_TYPES, Order, Table, parse_address, parse_range, parse_type


@pytest.mark.parametrize(
    ("text", "shown", "function_code"),
    [
        ("holding:11", "holding:11", 3),
        (" Input:0 ", "input:0", 4),
        ("coil:5", "coil:5", 1),
        ("discrete:65535", "discrete:65535", 2),
        ("holding:11/15", "holding:11/15", 3),
        ("40001", "holding:0", 3),
        ("400012", "holding:11", 3),
        ("465536", "holding:65535", 3),
        ("30001", "input:0", 4),
        ("10001", "discrete:0", 2),
        ("00001", "coil:0", 1),
        ("40012/3", "holding:11/3", 3),
    ],
)
def test_address(text: str, shown: str, function_code: int) -> None:
    address = parse_address(text)
    assert (str(address), address.table.function_code) == (shown, function_code)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a Modbus address"),
        ("11", "is not a Modbus address"),
        ("20001", "is not a Modbus address"),
        ("4x0012", "is not a Modbus address"),
        ("holding:-1", "is not a Modbus address"),
        ("40012.10", "is not a Modbus address"),
        ("40000", "references start at 1, e.g. `40001`"),
        ("400000", "references start at 1, e.g. `400001`"),
        ("465537", "beyond the last address"),
        ("holding:65536", "beyond the last address"),
        ("holding:1/16", "bits 0 to 15"),
        ("coil:1/0", "one bit already"),
    ],
)
def test_not_an_address(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_address(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("holding:500-599", (Table.HOLDING, 500, 599)),
        ("INPUT:7", (Table.INPUT, 7, 7)),
        ("coil:0-65535", (Table.COIL, 0, 65535)),
    ],
)
def test_range(text: str, expected: tuple[Table, int, int]) -> None:
    assert parse_range(text) == expected


@pytest.mark.parametrize("text", ["", "500-599", "holding:599-500", "holding:0-65536", "holding:1/3"])
def test_not_a_range(text: str) -> None:
    with pytest.raises(ValueError, match="is"):
        parse_range(text)


@pytest.mark.parametrize(
    ("text", "registers"),
    [
        ("bool", 1),
        ("int8", 1),
        ("UINT16", 1),
        ("float32", 2),
        ("float64", 4),
        ("bcd32", 2),
        ("string(5)", 3),
        ("string(250)", 125),
    ],
)
def test_type(text: str, registers: int) -> None:
    assert parse_type(text).registers == registers
    assert parse_type(str(parse_type(text))) == parse_type(text)


@pytest.mark.parametrize("text", ["", "float", "string", "string(0)", "string(251)", "string(n)", "real"])
def test_not_a_type(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a type|a string has"):
        parse_type(text)


def test_every_listed_type_parses() -> None:
    assert [str(parse_type(name)) for name in DATA_TYPES if name != "string(n)"] == list(DATA_TYPES[:-1])


def test_orders() -> None:
    assert {(order.swaps_words, order.swaps_bytes): str(order) for order in Order} == {
        (False, False): "ABCD",
        (True, False): "CDAB",
        (False, True): "BADC",
        (True, True): "DCBA",
    }
