"""What a listener makes of the bytes on a bus."""

from __future__ import annotations

import struct

import pytest

from iiotctl.sources.modbus.crc import crc16, sealed
from iiotctl.sources.modbus.failure import Failure, Kind
from iiotctl.sources.modbus.sniff import GIVE_UP_US, LATE_US, PAUSE_US, Exchange, Read, Sniffer, heard

MS = 1000


def ask(unit: int, function: int, address: int, quantity: int) -> bytes:
    return sealed(struct.pack(">BBHH", unit, function, address, quantity))


def answer(unit: int, function: int, data: bytes) -> bytes:
    return sealed(bytes([unit, function, len(data)]) + data)


def words(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}H", *numbers)


def results(exchanges: list[Exchange]) -> list[tuple[Read, object]]:
    return [(e.read, e.result.kind if isinstance(e.result, Failure) else e.result) for e in exchanges]


class Bus:
    """Feeds a sniffer with 10 ms between frames unless told otherwise."""

    def __init__(self) -> None:
        self.sniffer = Sniffer()
        self.at = 1_000_000
        self.done: list[Exchange] = []

    def hear(self, *frames: bytes, after: int = 10 * MS) -> list[tuple[Read, object]]:
        found = []
        for frame in frames:
            self.at += after
            found += self.sniffer.feed(frame, self.at)
        self.done += found
        return results(found)


def test_checksum_is_that_of_the_standard() -> None:
    # Modbus over serial line V1.02, appendix B: 02 07 -> 41 12
    assert sealed(bytes([2, 7])) == bytes([2, 7, 0x41, 0x12])
    assert crc16(sealed(b"anything")) == 0


def test_a_request_and_its_answer_are_an_exchange() -> None:
    bus = Bus()
    assert bus.hear(ask(1, 3, 10, 2)) == []
    assert bus.hear(answer(1, 3, words(7, 8))) == [(Read(1, 3, 10, 2), words(7, 8))]
    assert bus.done[0].at == bus.at


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 1000])
def test_merged_and_split_reads_make_no_difference(size: int) -> None:
    bus = Bus()
    stream = b""
    expected: list[tuple[Read, object]] = []
    for number in range(20):
        unit, function = 1 + number % 3, 1 + number % 4
        quantity = 9 if function <= 2 else 3
        data = bytes([number, 1]) if function <= 2 else words(number, number + 1, number + 2)
        stream += ask(unit, function, number, quantity) + answer(unit, function, data)
        expected.append((Read(unit, function, number, quantity), data))
    for start in range(0, len(stream), size):
        bus.hear(stream[start : start + size], after=MS)
    assert results(bus.done) == expected


def test_a_bad_checksum_gives_no_value_and_the_next_exchange_does() -> None:
    bus = Bus()
    bad = bytearray(answer(1, 3, words(7, 8)))
    bad[4] ^= 1
    good = answer(1, 3, words(9, 9))
    assert bus.hear(ask(1, 3, 10, 2), bytes(bad), ask(1, 3, 10, 2), good) == [
        (Read(1, 3, 10, 2), Kind.GARBLED),
        (Read(1, 3, 10, 2), words(9, 9)),
    ]


def test_an_answer_whose_request_was_damaged_is_not_taken_for_the_one_before() -> None:
    bus = Bus()
    bad_answer, bad_request = bytearray(answer(1, 3, words(100))), bytearray(ask(1, 3, 200, 1))
    bad_answer[3] ^= 1
    bad_request[3] ^= 1
    bus.hear(ask(1, 3, 100, 1), bytes(bad_answer), bytes(bad_request), answer(1, 3, words(200)))
    bus.done += bus.sniffer.idle(bus.at + GIVE_UP_US)
    assert results(bus.done) == [(Read(1, 3, 100, 1), Kind.GARBLED)]


@pytest.mark.parametrize("noise", [b"\0", b"\xff\xff", b"\x01\x03"])
def test_a_glitch_before_a_frame_is_skipped(noise: bytes) -> None:
    bus = Bus()
    bus.hear(noise + ask(1, 3, 0, 1), noise + answer(1, 3, words(5)) + noise)
    bus.hear(ask(1, 3, 0, 1), answer(1, 3, words(6)), after=2 * PAUSE_US)
    assert results(bus.done) == [(Read(1, 3, 0, 1), words(5)), (Read(1, 3, 0, 1), words(6))]


@pytest.mark.parametrize("noise", [bytes(range(200)), b"\x01\x03\xfa" + bytes(40)])
def test_behind_garbled_bytes_an_answer_may_be_anothers(noise: bytes) -> None:
    bus = Bus()
    bus.hear(noise + ask(1, 3, 0, 1), noise + answer(1, 3, words(5)))
    bus.hear(ask(1, 3, 0, 1), answer(1, 3, words(6)), after=2 * PAUSE_US)
    assert results(bus.done) == [(Read(1, 3, 0, 1), Kind.GARBLED), (Read(1, 3, 0, 1), words(6))]


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        ("01050013ff00", "01050013ff00"),
        ("010600010003", "010600010003"),
        ("0107", "01076d"),
        ("01080000a537", "01080000a537"),
        ("010b", "010bffff0108"),
        ("010c", "010c080000010801212000"),
        ("010f0013000a02cd01", "010f0013000a"),
        ("011000010002040 00a0102".replace(" ", ""), "011000010002"),
        ("0111", "01110401ff0203"),
        ("0114070600040001 0002".replace(" ", ""), "0114060506 0dfe0020".replace(" ", "")),
        ("0116000400f20025", "0116000400f20025"),
        ("011700030006000e00030600ff00ff00ff", "01170c00fe0acd00010003000d00ff"),
        ("011804de", "01180006000201b81284"),
        ("012b0e0100", "012b0e01010000 02 00 03 414243 01 01 44".replace(" ", "")),
        ("0103006b0003", "018302"),
    ],
)
def test_frames_of_every_function_are_passed_over_whole(request_: str, reply: str) -> None:
    bus = Bus()
    mid = ask(2, 3, 0, 1) + answer(2, 3, words(5))
    stream = sealed(bytes.fromhex(request_)) + sealed(bytes.fromhex(reply)) + mid
    for byte in stream:
        bus.hear(bytes([byte]), after=MS)
    assert bus.sniffer.seen.understood == len(stream)
    assert results(bus.done)[-1] == (Read(2, 3, 0, 1), words(5))


def test_an_exception_belongs_to_its_request() -> None:
    bus = Bus()
    bus.hear(ask(1, 3, 900, 2), sealed(bytes([1, 0x83, 2])))
    [exchange] = bus.done
    assert isinstance(exchange.result, Failure)
    assert (exchange.result.kind, exchange.result.code) == (Kind.REFUSED, 2)
    bus.hear(sealed(bytes([1, 0x83, 2])))
    assert len(bus.done) == 1, "an exception that nobody asked for is nobody's"


def test_a_request_without_an_answer_is_told_when_the_master_goes_on_or_falls_silent() -> None:
    bus = Bus()
    assert bus.hear(ask(1, 3, 0, 1), ask(2, 3, 0, 1)) == [(Read(1, 3, 0, 1), Kind.TIMEOUT)]
    assert bus.sniffer.idle(bus.at + GIVE_UP_US - 1) == []
    assert results(bus.sniffer.idle(bus.at + GIVE_UP_US)) == [(Read(2, 3, 0, 1), Kind.TIMEOUT)]


def test_a_write_of_the_master_ends_its_wait() -> None:
    bus = Bus()
    write = sealed(bytes([1, 6, 0, 1, 0, 3]))
    assert bus.hear(ask(1, 3, 0, 1), write, write, answer(1, 3, words(4))) == [(Read(1, 3, 0, 1), Kind.TIMEOUT)]


@pytest.mark.parametrize(
    "strange",
    [answer(2, 3, words(1)), answer(1, 4, words(1)), answer(1, 3, words(1, 2))],
    ids=["unit", "function", "bytes"],
)
def test_an_answer_that_does_not_fit_is_nobodys(strange: bytes) -> None:
    bus = Bus()
    assert bus.hear(ask(1, 3, 0, 1), strange) == []


def test_a_late_answer_is_not_taken_for_the_next_requests() -> None:
    bus = Bus()
    bus.hear(ask(1, 3, 100, 1), after=10 * MS)
    bus.hear(ask(1, 3, 200, 1), after=500 * MS)
    bus.hear(answer(1, 3, words(100)))  # of the first
    assert results(bus.done) == [(Read(1, 3, 100, 1), Kind.TIMEOUT), (Read(1, 3, 200, 1), Kind.GARBLED)]
    bus.hear(ask(1, 3, 300, 1), answer(1, 3, words(200)))
    assert results(bus.done)[-1] == (Read(1, 3, 300, 1), Kind.GARBLED)
    bus.hear(ask(1, 3, 300, 1), answer(1, 3, words(300)), after=LATE_US)
    assert results(bus.done)[-1] == (Read(1, 3, 300, 1), words(300))


def test_a_retry_of_the_same_request_may_have_either_answer() -> None:
    bus = Bus()
    bus.hear(ask(1, 3, 100, 1), ask(1, 3, 100, 1), answer(1, 3, words(5)))
    assert results(bus.done) == [(Read(1, 3, 100, 1), Kind.TIMEOUT), (Read(1, 3, 100, 1), words(5))]


def test_an_answer_that_could_be_a_request_counts_only_when_the_master_still_waits() -> None:
    bits = bytes([0x10, 0x00, 0x08])  # as a request: 8 bits from 0x0310 on
    bus = Bus()
    bus.hear(ask(1, 1, 0, 24), answer(1, 1, bits))
    assert results(bus.done) == [(Read(1, 1, 0, 24), Kind.GARBLED)], "how long this master waits is not known yet"
    bus.hear(ask(1, 1, 0, 24), answer(1, 1, bytes([0x10, 0xFF, 0xFF])))  # no request asks for so many
    bus.hear(ask(1, 1, 0, 24), answer(1, 1, bits))
    assert results(bus.done)[1:] == [
        (Read(1, 1, 0, 24), bytes([0x10, 0xFF, 0xFF])),
        (Read(1, 1, 0, 24), bits),
    ]
    bus.hear(ask(1, 1, 0, 24), after=MS)
    bus.hear(answer(1, 1, bits), after=500 * MS)
    assert results(bus.done)[-1][1] is Kind.GARBLED


def test_frames_keep_the_time_of_their_last_byte() -> None:
    sniffer = Sniffer()
    sniffer.feed(ask(1, 3, 0, 1), 1_000)
    reply = answer(1, 3, words(1))
    sniffer.feed(reply[:3], 2_000)
    [exchange] = sniffer.feed(reply[3:] + ask(1, 3, 0, 1), 3_000)
    assert exchange.at == 3_000


def test_what_was_heard_in_words() -> None:
    bus = Bus()
    assert heard(bus.sniffer.seen) == "nothing"
    bus.hear(b"\x55\xaa\x55")
    assert heard(bus.sniffer.seen).startswith("3 bytes, no Modbus RTU")
    bus.hear(ask(1, 3, 0, 10), ask(2, 4, 5, 1), sealed(bytes([1, 6, 0, 1, 0, 3])), after=2 * PAUSE_US)
    text = heard(bus.sniffer.seen)
    assert "`unit 1 FC 3 0-9`" in text
    assert "function 6" in text
    assert "units 1, 2" in text


def test_memory_stays_flat_on_a_bus_where_nobody_answers_and_nothing_repeats() -> None:
    bus = Bus()
    for number in range(5000):
        bus.hear(ask(1 + number % 247, 3, number, 1), after=100 * MS)
        bus.done.clear()
    assert len(bus.sniffer.seen.reads) <= 1000
    assert len(bus.sniffer._owed) <= LATE_US // (100 * MS) + 1
    assert len(bus.sniffer._arrived) <= 1
