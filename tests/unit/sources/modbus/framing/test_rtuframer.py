"""RTU frames out of any bytes in any pieces: an answer under a right checksum, or nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iiotctl.sources.modbus.framing.rtu import Timing
from iiotctl.sources.modbus.framing.rtuframer import RtuFramer
from tests.properties.rtu_model import checksum

SILENCE = 0.05


def _frame(unit: int, function: int, data: bytes) -> bytes:
    body = bytes([unit, function, len(data)]) + data
    return body + checksum(body)


_registers = st.integers(1, 125).flatmap(lambda n: st.binary(min_size=2 * n, max_size=2 * n))
_frames = st.one_of(
    st.builds(_frame, st.integers(1, 247), st.sampled_from([3, 4]), _registers),
    st.builds(_frame, st.integers(1, 247), st.sampled_from([1, 2]), st.binary(min_size=1, max_size=250)),
    st.builds(
        lambda unit, function, code: bytes([unit, function, code]) + checksum(bytes([unit, function, code])),
        st.integers(1, 247),
        st.sampled_from([0x81, 0x82, 0x83, 0x84, 0xAB]),
        st.integers(0, 255),
    ),
)


def _feed(framer: RtuFramer, wire: bytes, cuts: list[int], now: float = 0.0) -> list[bytes]:
    raw = []
    for cut in [*cuts, len(wire)]:
        raw += [frame.raw for frame in framer.feed(wire[:cut], now)]
        wire = wire[cut:]
        now += 0.001
    return raw


@given(st.lists(_frames, min_size=1, max_size=5), st.lists(st.integers(1, 40), max_size=40))
def test_frames_come_whole_however_they_are_cut(frames: list[bytes], cuts: list[int]) -> None:
    assert _feed(RtuFramer(SILENCE), b"".join(frames), cuts) == frames


@given(st.binary(max_size=600), st.lists(st.integers(1, 100), max_size=20))
def test_any_bytes_give_right_frames_or_nothing(noise: bytes, cuts: list[int]) -> None:
    for raw in _feed(RtuFramer(SILENCE), noise, cuts):
        assert checksum(raw[:-2]) == raw[-2:]
        assert raw in noise


@given(_frames, st.data())
def test_a_flipped_bit_is_never_an_answer(frame: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, 8 * len(frame) - 1))
    broken = bytearray(frame)
    broken[at // 8] ^= 1 << at % 8
    framer = RtuFramer(SILENCE)
    found = _feed(framer, bytes(broken), [])
    assert frame not in found
    # after silence the next one is heard
    assert _feed(framer, frame, [], now=1.0) == [frame]


def test_nothing_inside_garbage_is_believed_before_silence() -> None:
    """Registers may hold the bytes of a frame."""
    inner = _frame(1, 3, b"\0\7")
    outer = bytearray(_frame(1, 3, inner + b"\0"))
    outer[-1] ^= 0xFF
    framer = RtuFramer(SILENCE)
    assert framer.feed(bytes(outer), 0.0) == []
    assert framer.feed(inner, 0.01) == []
    assert [frame.raw for frame in framer.feed(inner, 0.2)] == [inner]


def test_the_noise_of_a_line_that_turns_round_is_skipped() -> None:
    frame = _frame(9, 4, b"\1\2")
    assert [found.raw for found in RtuFramer(SILENCE).feed(b"\x00\xff" + frame, 0.0)] == [frame]


def test_an_echo_of_our_own_request_is_no_answer() -> None:
    request = bytes.fromhex("010300640002")
    request += checksum(request)
    framer = RtuFramer(SILENCE)
    framer.sent(request)
    frame = _frame(1, 3, b"\0\1\0\2")
    assert [found.raw for found in framer.feed(request + frame, 0.0)] == [frame]


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 9])
def test_an_echo_may_come_in_pieces_and_after_noise(piece: int) -> None:
    request = bytes.fromhex("010300640002")
    request += checksum(request)
    framer = RtuFramer(SILENCE)
    framer.sent(request)
    frame = _frame(1, 3, b"\0\1\0\2")
    assert _feed(framer, b"\0" + request + frame, [piece] * 30) == [frame]


def test_half_a_frame_is_forgotten_after_silence() -> None:
    frame = _frame(1, 3, b"\0\7")
    framer = RtuFramer(SILENCE)
    assert framer.feed(frame[:4], 0.0) == []
    assert [found.raw for found in framer.feed(frame, 1.0)] == [frame]


@pytest.mark.parametrize(("baud", "silence"), [(1200, 3.5 * 11 / 1200), (19200, 3.5 * 11 / 19200), (115200, 0.00175)])
def test_the_silence_between_frames(baud: int, silence: float) -> None:
    from iiotctl.site.sources import ModbusRtuSource
    from iiotctl.sources.modbus.frame import Request
    from iiotctl.sources.modbus.framing.rtu import timing_of

    config = ModbusRtuSource.model_validate({"type": "modbus-rtu", "port": "COM3", "baudrate": baud})
    timing = timing_of(config)
    assert timing.silence == pytest.approx(silence)
    # 8 bytes there, 5 + 250 back, 11 bits each
    whole = timing.exchange(Request(1, 3, 0, 125, 250))
    assert whole == pytest.approx((8 + 255) * 11 / baud + silence)
    assert Timing().exchange(Request(1, 3, 0, 125, 250)) == 0
