"""A listener never makes up a value: whatever the bytes, whatever the pieces they come in."""

from __future__ import annotations

import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from iiotctl.sources.modbus.crc import sealed
from iiotctl.sources.modbus.rtuframes import payload_of
from iiotctl.sources.modbus.sniff import GIVE_UP_US, Exchange, Read, Sniffer

MS = 1000
units = st.integers(1, 5)
reads = st.builds(
    lambda unit, function, address, size: Read(unit, function, address, size * (8 if function <= 2 else 1)),
    units,
    st.integers(1, 4),
    st.sampled_from([0, 1, 100, 0x0310, 0x0400]),
    st.integers(1, 6),
)
pauses = st.sampled_from([0, 1, 5, 40, 300, 1500, 4000])


def request(read: Read) -> bytes:
    return sealed(struct.pack(">BBHH", *read))


def answer(read: Read, data: bytes) -> bytes:
    return sealed(bytes([read.unit, read.function, len(data)]) + data)


def hear(pieces: list[tuple[bytes, int]]) -> list[Exchange]:
    """Feed pieces, each so many ms after the one before."""
    sniffer, at, found = Sniffer(), 10**15, []
    for piece, after in pieces:
        at += after * MS
        found += sniffer.idle(at)
        found += sniffer.feed(piece, at)
    return found + sniffer.idle(at + GIVE_UP_US) + sniffer.idle(at + 2 * GIVE_UP_US)


def data_of(found: list[Exchange]) -> list[tuple[Read, bytes]]:
    return [(exchange.read, exchange.result) for exchange in found if isinstance(exchange.result, bytes)]


# bytes that look like frames, so that the search is not over at once
likely = st.binary(max_size=12) | st.builds(request, reads) | st.builds(bytes, st.lists(st.integers(0, 4), max_size=9))


@given(st.lists(st.tuples(likely, pauses), max_size=40))
@settings(max_examples=300)
def test_any_bytes_give_only_what_stands_in_them(pieces: list[tuple[bytes, int]]) -> None:
    stream = b"".join(piece for piece, _ in pieces)
    for read, data in data_of(hear(pieces)):
        asked = stream.find(request(read))
        assert asked >= 0
        assert stream.find(answer(read, data), asked + 8) >= 0
        assert len(data) == payload_of(read.function, read.quantity)


@st.composite
def traffic(draw: st.DrawFn) -> tuple[list[tuple[Read, bytes]], list[bytes]]:
    """Exchanges whose data tell them apart, and their frames, some of them damaged."""
    truth: list[tuple[Read, bytes]] = []
    frames: list[bytes] = []
    for number, read in enumerate(draw(st.lists(reads, min_size=1, max_size=25))):
        size = payload_of(read.function, read.quantity)
        # no value of bits that could be a request: such are refused, see test_sniff
        data = bytes([number]).ljust(size, b"\xee")
        truth.append((read, data))
        for frame in (request(read), answer(read, data)):
            damaged = bytearray(frame)
            for bit in draw(st.sets(st.integers(0, 8 * len(frame) - 1), max_size=3) if draw(damages) else st.just(())):
                damaged[bit // 8] ^= 1 << bit % 8
            frames.append(bytes(damaged))
    return truth, frames


damages = st.sampled_from([False, False, False, True])


@given(traffic(), st.data())
@settings(max_examples=200)
def test_a_damaged_bus_gives_true_values_or_none(
    bus: tuple[list[tuple[Read, bytes]], list[bytes]], data: st.DataObject
) -> None:
    truth, frames = bus
    stream = b"".join(frames)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=30)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    steps = data.draw(st.lists(st.sampled_from([1, 10, 60]), min_size=len(pieces), max_size=len(pieces)))
    found = data_of(hear(list(zip(pieces, steps, strict=True))))
    remaining = iter(truth)
    assert all(pair in remaining for pair in found), "each once, in order, and with its own data"


@given(st.lists(reads, min_size=1, max_size=25), st.data())
@settings(max_examples=200)
def test_an_undamaged_bus_gives_every_value(wanted: list[Read], data: st.DataObject) -> None:
    truth = []
    for number, read in enumerate(wanted):
        size = payload_of(read.function, read.quantity)
        truth.append((read, bytes([number]).ljust(size, b"\xee")))
    stream = b"".join(request(read) + answer(read, values) for read, values in truth)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=60)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert data_of(hear([(piece, 3) for piece in pieces])) == truth
