"""Cuts what comes in on an RTU line into answers.

Modbus over Serial Line V1.02 §2.5.1: unit, function, data, CRC-16, and silence of 3.5 characters between
frames. Drivers and gateways merge and split bytes, so an answer ends where its length says (function and
byte count tell it; an exception has 5 bytes) and counts only under a right checksum. After anything else
nothing is believed until the line has been silent: what looks like a frame inside garbage may be the
contents of registers.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from iiotctl.sources.modbus.crc import crc16
from iiotctl.sources.modbus.frame import Answer
from iiotctl.sources.modbus.rtuframes import READS, answer_length, other_lengths

_FIRST_UNIT: Final = 1
_LAST_UNIT: Final = 247
_HEAD: Final = 3
_EXCEPTION: Final = 5
_CHECKSUM: Final = 2
_IDENTIFICATION: Final = 43


class Frame(NamedTuple):
    """An answer and the bytes it came in."""

    answer: Answer
    raw: bytes


class RtuFramer:
    """Cuts a line's bytes into frames.

    Args:
        silence: seconds without a byte after which a new frame begins, whatever came before.
    """

    def __init__(self, silence: float) -> None:
        self._silence = silence
        self._rest = b""
        self._last = float("-inf")
        self._echo = b""
        self._garbage = False
        self.garbled = False
        """Something came since `sent` that is no frame."""

    def sent(self, frame: bytes) -> None:
        """We sent this; some converters give it back as an echo."""
        self._echo = frame
        self.garbled = False

    @property
    def is_broken(self) -> bool:
        """What comes is no frame, and nothing is believed before silence."""
        return self._garbage

    def rest(self) -> None:
        """There was silence enough: a frame begins anew."""
        self._rest, self._garbage = b"", False

    def feed(self, data: bytes, now: float) -> list[Frame]:
        """The frames completed by `data`; never data from a frame with a wrong checksum."""
        if now - self._last > self._silence:
            self.rest()
        self._last = now
        if self._garbage:
            return []
        data = self._rest + data
        self._rest = b""
        frames = []
        while data:
            if self._echo.startswith(data[: len(self._echo)]) and self._echo:
                if len(data) < len(self._echo):
                    self._rest = data
                    break
                data, self._echo = data[len(self._echo) :], b""
                continue
            if not _FIRST_UNIT <= data[0] <= _LAST_UNIT:
                # a converter that turns round leaves a byte of noise before the frame; no unit begins like this
                data = data[1:]
                self.garbled = True
                continue
            size = _size(data)
            if size is None:
                self.garbled = self._garbage = True
                break
            if size > len(data):
                self._rest = data
                break
            answer = Answer(0, data[0], data[1], data[2 : size - _CHECKSUM])
            frames.append(Frame(answer, data[:size]))
            self._echo = b""
            data = data[size:]
        return frames


def _size(data: bytes) -> int | None:
    """Length of the frame at the beginning; more than there is when it is not whole; None when it is none."""
    if len(data) < _HEAD:
        return None if len(data) > 1 and not _known(data[1]) else _HEAD
    function = data[1]
    if function in READS:
        length = answer_length(data)
        lengths = [] if length is None else [length]
    elif function & 0x80 and _known(function):
        lengths = [_EXCEPTION]
    elif function == _IDENTIFICATION:
        lengths = list(other_lengths(data))[1:]  # the first is a request's
        lengths = [length or len(data) + 1 for length in lengths]
    else:
        lengths = []
    for length in lengths:
        if length > len(data) or not crc16(data[:length]):
            return length
    return None


def _known(function: int) -> bool:
    return function & 0x7F in READS or function & 0x7F == _IDENTIFICATION
