"""decode is the inverse of encode for every type and order, wherever the tags stand in the buffer."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iiotctl import quality
from iiotctl.site.address import DataType, Order, parse_type
from iiotctl.sources.modbus.decode import Decoder, Field
from tests.properties.modbus_encode import encode

TYPES = [
    "bool",
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "uint64",
    "float16",
    "float32",
    "float64",
    "bcd16",
    "bcd32",
    "string(1)",
    "string(7)",
    "string(8)",
]


def values(type_: DataType) -> st.SearchStrategy[float | str]:
    match type_.name:
        case "bool":
            return st.sampled_from([0, 1])
        case "bcd16":
            return st.integers(0, 9999)
        case "bcd32":
            return st.integers(0, 99_999_999)
        case "string":
            plain = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=type_.length)
            wide = st.text(st.sampled_from("äß°µΩ"), max_size=type_.length // 2)
            return plain | wide
        case "float16" | "float32" | "float64":
            return st.floats(width=int(type_.name[5:]), allow_nan=False, allow_infinity=False)
        case name:
            bits = int(name.removeprefix("u").removeprefix("int"))
            return (
                st.integers(0, 2**bits - 1) if name[0] == "u" else st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
            )


@st.composite
def _tags(draw: st.DrawFn) -> list[tuple[DataType, Order, float | str]]:
    tags = []
    for _ in range(draw(st.integers(1, 12))):
        type_ = parse_type(draw(st.sampled_from(TYPES)))
        tags.append((type_, draw(st.sampled_from(Order)), draw(values(type_))))
    return tags


def _same(decoded: float, text: str | None, wanted: float | str) -> bool:
    if isinstance(wanted, str):
        return math.isnan(decoded) and text == wanted
    if isinstance(wanted, int) and abs(wanted) > 2**53:
        return decoded == float(wanted) and text == str(wanted)
    return decoded == wanted and math.copysign(1, decoded) == math.copysign(1, wanted) and text is None


@given(tags=_tags(), padding=st.integers(0, 5))
def test_decode_undoes_encode_for_any_mix_of_tags(
    tags: list[tuple[DataType, Order, float | str]], padding: int
) -> None:
    buffer = b"\x5a" * (2 * padding)
    fields = []
    for type_, order, value in tags:
        fields.append(Field(len(buffer), type_, order))
        buffer += encode(value, type_, order)
    result = Decoder(fields).decode(buffer)
    assert (result.quality == quality.GOOD).all()
    for index, (_, _, value) in enumerate(tags):
        text = None if result.text is None else result.text[index]
        assert _same(float(result.value[index]), text, value), (tags[index], result)


@pytest.mark.parametrize("order", list(Order))
@pytest.mark.parametrize("type_", TYPES)
def test_every_type_in_every_order(type_: str, order: Order) -> None:
    kind = parse_type(type_)

    @given(value=values(kind))
    def undone(value: float | str) -> None:
        result = Decoder([Field(0, kind, order)]).decode(encode(value, kind, order))
        assert _same(float(result.value[0]), result.text and result.text[0], value)

    undone()


@given(word=st.integers(0, 65535), order=st.sampled_from(Order), bit=st.integers(0, 15))
def test_bits_count_from_the_least_significant(word: int, order: Order, bit: int) -> None:
    raw = encode(word, DataType("uint16"), order)
    result = Decoder([Field(0, DataType("bool"), order, bit=bit), Field(0, DataType("bool"), order)]).decode(raw)
    assert result.value.tolist() == [float(word >> bit & 1), float(word != 0)]


@given(bits=st.lists(st.booleans(), min_size=1, max_size=40))
def test_coils_stand_eight_a_byte_from_the_low_end(bits: list[bool]) -> None:
    raw = bytes(sum(bit << i for i, bit in enumerate(bits[at : at + 8])) for at in range(0, len(bits), 8))
    fields = [Field(i // 8, DataType("bool"), bit=i % 8, packed=True) for i in range(len(bits))]
    assert Decoder(fields).decode(raw).value.tolist() == [float(bit) for bit in bits]


@given(buffer=st.binary(min_size=120, max_size=120), tags=_tags())
def test_any_bytes_decode_without_a_warning(buffer: bytes, tags: list[tuple[DataType, Order, float | str]]) -> None:
    fields = [
        Field(
            4 * i, type_, order, scale=1e300, offset=-1.5, invalid=() if type_.name in ("string", "bool") else (1, -1)
        )
        for i, (type_, order, _) in enumerate(tags)
    ]
    result = Decoder(fields).decode(buffer)
    for value, status, (type_, _, _) in zip(result.value, result.quality, tags, strict=True):
        assert not math.isinf(value)
        assert math.isnan(value) == (type_.name == "string" or quality.is_bad(int(status)))
