"""The notification decoder against asyncua's encoder and decoder, and against bytes that mean harm."""

from __future__ import annotations

import datetime as dt
import struct
from typing import Any

import numpy as np
import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary, variant_to_binary
from hypothesis import example, given
from hypothesis import strategies as st

from iiotctl.samples import SampleBatch
from iiotctl.site.model import Tag
from iiotctl.sources.base import CapturedTag
from iiotctl.sources.opcua import changes as module
from iiotctl.sources.opcua.book import Book
from iiotctl.sources.opcua.changes import Changes, walk
from iiotctl.sources.opcua.convert import Rule, to_batch
from iiotctl.sources.opcua.denial import denial
from iiotctl.sources.opcua.monitored import Watched
from iiotctl.sources.opcua.notification import decode_publish, decode_republish
from iiotctl.sources.opcua.resolve import Item
from iiotctl.sources.opcua.wire import MalformedError

RECEIVED = 1_790_000_000_000_000
RULES = [
    Rule(0),
    Rule(1, scale=0.1, offset=-3.0),
    Rule(2, invalid=frozenset({0, 1, 32767})),
    Rule(3, texts={0: "off", 1: "on"}),
    Rule(4, element=1),
    Rule(5, scale=1e300),
]
HANDLES = len(RULES)

NUMBERS: dict[ua.VariantType, st.SearchStrategy[Any]] = {
    ua.VariantType.Boolean: st.booleans(),
    ua.VariantType.SByte: st.integers(-128, 127),
    ua.VariantType.Byte: st.integers(0, 255),
    ua.VariantType.Int16: st.integers(-(2**15), 2**15 - 1),
    ua.VariantType.UInt16: st.integers(0, 2**16 - 1),
    ua.VariantType.Int32: st.integers(-(2**31), 2**31 - 1),
    ua.VariantType.UInt32: st.integers(0, 2**32 - 1),
    ua.VariantType.Int64: st.integers(-(2**63), 2**63 - 1),
    ua.VariantType.UInt64: st.integers(0, 2**64 - 1),
    ua.VariantType.Float: st.floats(width=32),
    ua.VariantType.Double: st.floats(),
}
OTHERS: dict[ua.VariantType, st.SearchStrategy[Any]] = {
    ua.VariantType.String: st.one_of(st.none(), st.text()),
    ua.VariantType.DateTime: st.datetimes(
        dt.datetime(1600, 1, 1), dt.datetime(9999, 12, 31), timezones=st.just(dt.UTC)
    ),
    ua.VariantType.LocalizedText: st.builds(ua.LocalizedText, st.one_of(st.none(), st.text())),
    ua.VariantType.Guid: st.uuids(),
    ua.VariantType.ByteString: st.one_of(st.none(), st.binary()),
    ua.VariantType.NodeId: st.one_of(
        st.builds(ua.NodeId, st.integers(0, 2**32 - 1), st.integers(0, 2**16 - 1)),
        st.builds(ua.NodeId, st.text(), st.integers(0, 2**16 - 1)),
    ),
    ua.VariantType.StatusCode: st.builds(ua.StatusCode, st.just(ua.UInt32(0x80050000))),
    ua.VariantType.QualifiedName: st.builds(ua.QualifiedName, st.text(), st.integers(0, 9)),
}


def variants(types: dict[ua.VariantType, st.SearchStrategy[Any]]) -> st.SearchStrategy[ua.Variant]:
    """Single values and arrays of the types."""
    single = st.one_of([values.map(lambda value, kind=kind: ua.Variant(value, kind)) for kind, values in types.items()])
    arrays = [
        st.lists(values, max_size=4).map(lambda value, kind=kind: ua.Variant(value, kind, is_array=True))
        for kind, values in types.items()
    ]
    return st.one_of(single, single, single, *arrays)


TIMES = st.one_of(st.none(), st.datetimes(dt.datetime(1601, 1, 1), dt.datetime(2100, 1, 1), timezones=st.just(dt.UTC)))
STATUS = st.sampled_from([0, 0, 0, 0x480, 0x40000000, 0x80050000, 0x803E0000, 0x803A0000, 0x80370000])


@st.composite
def data_values(draw: st.DrawFn, values: st.SearchStrategy[ua.Variant | None]) -> ua.DataValue:
    value = draw(values)
    status = draw(st.one_of(st.none(), STATUS))
    made = ua.DataValue(
        value,
        None if status is None else ua.StatusCode(ua.UInt32(status)),
        draw(TIMES),
        draw(TIMES),
    )
    if value is None:
        object.__setattr__(made, "Value", None)
    return made


MIXED = st.lists(
    st.tuples(
        st.integers(1, HANDLES), data_values(st.one_of(st.none(), variants(NUMBERS | OTHERS), variants(NUMBERS)))
    ),
    max_size=12,
)


@st.composite
def uniform(draw: st.DrawFn) -> list[tuple[int, ua.DataValue]]:
    """Items of one layout, as the stride path wants them."""
    kind, numbers = draw(st.sampled_from(sorted(NUMBERS.items(), key=lambda pair: pair[0].value)))
    has_status, source, server = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    times = TIMES.filter(lambda time: time is not None)
    return [
        (
            draw(st.integers(1, HANDLES)),
            ua.DataValue(
                ua.Variant(draw(numbers), kind),
                ua.StatusCode(ua.UInt32(draw(STATUS))) if has_status else None,
                draw(times) if source else None,
                draw(times) if server else None,
            ),
        )
        for _ in range(draw(st.integers(1, 8)))
    ]


def response(items: list[tuple[int, ua.DataValue]], **more: Any) -> ua.PublishResponse:
    made = ua.PublishResponse()
    made.Parameters.SubscriptionId = ua.UInt32(7)
    made.Parameters.AvailableSequenceNumbers = [ua.UInt32(3), ua.UInt32(4)]  # type: ignore[list-item]
    made.Parameters.Results = [ua.StatusCode()]
    notes = [ua.MonitoredItemNotification(ClientHandle=ua.UInt32(handle), Value=value) for handle, value in items]
    message = made.Parameters.NotificationMessage
    message.SequenceNumber = ua.UInt32(more.get("sequence", 4))
    message.NotificationData = [ua.DataChangeNotification(MonitoredItems=notes)]  # type: ignore[list-item]
    return made


def book() -> Book:
    made = Book()
    for rule in RULES:
        tag = Tag(name=f"t{rule.code}", source="s", address="i=1")
        made.add(
            Watched(Item(CapturedTag(rule.code, tag), ua.NodeId(), rule, True), rule, 1.0, 10, None, "status-value")
        )
    return made


def of_asyncua(data: bytes) -> tuple[SampleBatch | None, list[int]]:
    """Samples and denials by asyncua's decoder and `convert`, the way of a polled source."""
    decoded = struct_from_binary(ua.PublishResponse, Buffer(data))
    items = decoded.Parameters.NotificationMessage.NotificationData[0].MonitoredItems
    rows = [(RULES[item.ClientHandle - 1], item.Value) for item in items]
    denied = [rule.code for rule, value in rows if denial(value)]
    return to_batch([row for row in rows if not denial(row[1])], RECEIVED), denied


def assert_same(ours: SampleBatch, theirs: SampleBatch | None) -> None:
    if theirs is None:
        assert len(ours) == 0
        return
    for name in ("tag", "ts", "quality", "ts_source", "ts_server", "ts_received"):
        left, right = getattr(ours, name), getattr(theirs, name)
        assert (left is None) == (right is None), name
        if left is not None:
            assert left.dtype == right.dtype
            np.testing.assert_array_equal(left, right, err_msg=name)
    assert ours.value.tobytes() == theirs.value.tobytes() or np.array_equal(ours.value, theirs.value, equal_nan=True)
    assert (np.signbit(ours.value) == np.signbit(theirs.value))[~np.isnan(ours.value)].all(), "-0.0 stays -0.0"
    assert ours.text == theirs.text


@given(st.one_of(MIXED, uniform()))
def test_samples_are_those_of_asyncua_and_convert(items: list[tuple[int, ua.DataValue]]) -> None:
    data = struct_to_binary(response(items))
    published = decode_publish(data)
    assert (published.result, published.subscription, published.available) == (0, 7, [3, 4])
    assert published.message.sequence == 4
    assert published.results == [0]
    assert published.more
    (part,) = published.message.changes
    assert len(part) == len(items)
    taken = book().take(part, RECEIVED)
    theirs, denied = of_asyncua(data)
    assert_same(taken.batch, theirs)
    assert [entry.rule.code for entry, _ in taken.denied] == denied


@given(uniform())
def test_stride_and_walk_agree(items: list[tuple[int, ua.DataValue]]) -> None:
    body = struct_to_binary(ua.DataChangeNotification(MonitoredItems=[
        ua.MonitoredItemNotification(ClientHandle=ua.UInt32(handle), Value=value) for handle, value in items
    ]))  # fmt: skip
    fast = module._stride(body, 4, len(body), len(items))
    assert fast is not None, "items of one layout take the fast path"
    assert_columns_equal(fast, walk(body, 4, len(body), len(items)))


def assert_columns_equal(left: Changes, right: Changes) -> None:
    for name in ("handle", "kind", "value", "status", "source", "server"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name))
    assert left.odd == right.odd


@given(uniform(), st.data())
def test_one_item_of_another_layout_leaves_the_fast_path(
    items: list[tuple[int, ua.DataValue]], data: st.DataObject
) -> None:
    body = bytearray(struct_to_binary(ua.DataChangeNotification(MonitoredItems=[
        ua.MonitoredItemNotification(ClientHandle=ua.UInt32(handle), Value=value) for handle, value in items
    ])))  # fmt: skip
    size = (len(body) - 8) // len(items)
    place = data.draw(st.integers(1, len(items) - 1)) if len(items) > 1 else 0
    offset = data.draw(st.sampled_from([4, 5]))
    body[4 + place * size + offset] ^= data.draw(st.integers(1, 0x3F))
    if len(items) > 1:
        assert module._stride(bytes(body), 4, len(body), len(items)) is None


@given(uniform(), st.integers(1, 7))
def test_bytes_that_are_left_behind_the_items_are_damage(items: list[tuple[int, ua.DataValue]], extra: int) -> None:
    body = struct_to_binary(ua.DataChangeNotification(MonitoredItems=[
        ua.MonitoredItemNotification(ClientHandle=ua.UInt32(handle), Value=value) for handle, value in items
    ]))  # fmt: skip
    assert len(module.decode(body, 0, len(body))) == len(items)
    longer = body + bytes(extra)
    with pytest.raises(MalformedError):
        module.decode(longer, 0, len(longer))


def finishes(data: bytes) -> None:
    """A value or an error of ours; what is a value can be made into samples."""
    for decode in (decode_publish, decode_republish):
        try:
            decoded = decode(data)
        except MalformedError:
            continue
        message = decoded[1] if isinstance(decoded, tuple) else decoded.message
        for part in message.changes:
            taken = book().take(part, RECEIVED)
            assert len(taken.batch) + len(taken.denied) <= len(part)


GOOD = struct_to_binary(
    response(
        [
            (1, ua.DataValue(ua.Variant(1.5, ua.VariantType.Double), ua.StatusCode(), dt.datetime(2026, 1, 1), dt.datetime(2026, 1, 1))),
            (2, ua.DataValue(ua.Variant("text", ua.VariantType.String))),
            (5, ua.DataValue(ua.Variant([1, 2, 3], ua.VariantType.Int32))),
        ]
    )
)  # fmt: skip


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    finishes(data)
    finishes(GOOD[:4] + data)
    finishes(GOOD[:60] + data)


@given(st.integers(0, len(GOOD)), st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), max_size=6))
def test_cut_and_flipped(end: int, flips: list[tuple[int, int]]) -> None:
    data = bytearray(GOOD)
    for place, value in flips:
        data[place] = value
    finishes(bytes(data))
    finishes(bytes(data[:end]))
    if end < len(GOOD) - 4:  # the last four bytes count the diagnostics, which nobody reads
        with pytest.raises(MalformedError):
            decode_publish(GOOD[:end])


@given(st.integers(4, len(GOOD) - 4), st.sampled_from([-1, -2, 0x7FFFFFFF, -(2**31), 1 << 24]))
@example(4, 0x7FFFFFFF)
def test_hostile_lengths(place: int, length: int) -> None:
    finishes(GOOD[:place] + struct.pack("<i", length) + GOOD[place + 4 :])


def item(variant: bytes, handle: int = 5) -> bytes:
    """A notification of one item whose value is given as bytes."""
    empty = struct_to_binary(ua.DataChangeNotification())
    body = struct.pack("<i", 1) + struct.pack("<IB", handle, 1) + variant + empty[4:]
    whole = struct_to_binary(response([]))
    old = struct.pack("<i", len(empty)) + empty
    return whole.replace(old, struct.pack("<i", len(body)) + body)


@pytest.mark.parametrize(
    "variant",
    [
        b"\x80" + struct.pack("<i", 0x7FFFFFFF),  # two thousand million nulls
        b"\x98" * 100,  # an array of variants of arrays of variants …
        b"\x98" + struct.pack("<i", 1) * 1 + (b"\x98" + struct.pack("<i", 1)) * 2000,
        b"\x17\x01" * 2000,  # a data value in a variant in a data value …
        b"\xc6" + struct.pack("<iiiIII", 1, 5, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1),  # dimensions without elements
        b"\xc6" + struct.pack("<iii", 1, 5, 500_000) + b"\xff" * 2_000_000,
        b"\x46\x00\x00\x00\x00",
        b"\x19" + b"\x40" * 5000,  # diagnostics in diagnostics
        b"\x0c" + struct.pack("<i", 1 << 30),
    ],
)
def test_attacks_end_in_an_error(variant: bytes) -> None:
    with pytest.raises(MalformedError):
        decode_publish(item(variant))


def test_a_null_byte_string_is_no_value() -> None:
    data = struct_to_binary(response([(1, ua.DataValue(ua.Variant(None, ua.VariantType.ByteString)))]))
    (part,) = decode_publish(data).message.changes
    theirs, _ = of_asyncua(data)
    assert_same(book().take(part, RECEIVED).batch, theirs)


def test_an_array_of_several_dimensions_is_no_value() -> None:
    grid = ua.Variant([[1, 2], [3, 4], [5, 6]], ua.VariantType.Int32)
    data = struct_to_binary(response([(5, ua.DataValue(grid))]))
    (part,) = decode_publish(data).message.changes
    theirs, _ = of_asyncua(data)
    assert_same(book().take(part, RECEIVED).batch, theirs)


def test_picoseconds_stand_behind_their_time() -> None:
    """OPC 10000-6 §5.2.2.17; asyncua reads them in another order and gets the server's time wrong."""
    ticks = 134_000_000_000_000_000
    data = item(variant_to_binary(ua.Variant(2.5, ua.VariantType.Double)))
    plain = b"\x05\x00\x00\x00\x01\x0b" + struct.pack("<d", 2.5)
    timed = b"\x05\x00\x00\x00\x3d\x0b" + struct.pack("<dqHqH", 2.5, ticks, 17, ticks + 50, 18)
    assert plain in data
    grown = data.replace(plain, timed)
    size = len(struct_to_binary(ua.DataChangeNotification())) + len(plain)
    grown = grown.replace(
        struct.pack("<i", size) + b"\x01\x00\x00\x00\x05", struct.pack("<i", size + 20) + b"\x01\x00\x00\x00\x05"
    )
    (part,) = decode_publish(grown).message.changes
    assert (part.source.tolist(), part.server.tolist()) == ([ticks], [ticks + 50])
    assert part.value.tolist() == [2.5]
