"""Recognises what a master and its devices say to each other on an RTU bus; pure, sends nothing.

Bytes and the time of their arrival go in, exchanges come out: a read request with the data, the exception
or the silence that followed. Every frame is proved by its checksum, and an answer counts only right behind
a request that it fits: unit, function and number of bytes. What could also be something else is not used:

- an answer of three bytes of bits is as long as a request. Unless it came sooner than a master could have
  given up waiting, it is not used when it would make a valid request as well;
- after a request without an answer, that answer may still come and look like the next one's. For some time
  no answer of the same shape to another address of that unit is used;
- behind garbled bytes an answer may belong to a request that was among them.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from iiotctl.sources.modbus.crc import crc16
from iiotctl.sources.modbus.failure import Failure, Kind
from iiotctl.sources.modbus.rtuframes import (
    MORE,
    READS,
    REQUEST,
    SHORTEST,
    answer_length,
    is_read,
    other_lengths,
    payload_of,
)

PAUSE_US: Final = 200_000
"""A frame that has not gone on for so long is none: far beyond what drivers and USB adapters hold bytes back."""

GIVE_UP_US: Final = 5_000_000
"""A request without an answer for so long gets none."""

LATE_US: Final = 2_000_000
"""An answer that comes later than this after its request is not expected."""

_MOST_KINDS: Final = 1000
_SHOWN: Final = 3


class Read(NamedTuple):
    """A read request as the master sends it."""

    unit: int
    function: int
    address: int
    quantity: int

    @property
    def payload(self) -> int:
        """Bytes of data in a right answer."""
        return payload_of(self.function, self.quantity)

    def __str__(self) -> str:
        return f"unit {self.unit} FC {self.function} {self.address}-{self.address + self.quantity - 1}"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and what came of it.

    Attributes:
        read: the request.
        result: data of the answer, or why there is none.
        at: µs UTC, when the answer was whole, or when it was clear that none comes.
    """

    read: Read
    result: bytes | Failure
    at: int


@dataclass(slots=True)
class Seen:
    """What was heard since the start.

    Attributes:
        bytes: all.
        understood: bytes of frames with a right checksum.
        reads: read requests and how often each came.
        others: (unit, function) of other frames and how often they came; function + 128 = an exception.
    """

    bytes: int = 0
    understood: int = 0
    reads: Counter[Read] = field(default_factory=Counter)
    others: Counter[tuple[int, int]] = field(default_factory=Counter)

    @property
    def units(self) -> list[int]:
        """Units that were spoken to or spoke, in order."""
        return sorted({read.unit for read in self.reads} | {unit for unit, _ in self.others})


def heard(seen: Seen) -> str:
    """One clause about what was heard."""
    if not seen.bytes:
        return "nothing"
    size = f"{seen.bytes} byte" + ("s" if seen.bytes > 1 else "")
    if not seen.understood:
        return f"{size}, no Modbus RTU at these settings (another speed or parity, another protocol, or noise)"
    parts = []
    if seen.reads:
        shown = [f"`{read}`" for read, _ in seen.reads.most_common(_SHOWN)]
        more = len(seen.reads) - len(shown)
        parts.append(", ".join(shown) + (f" and {more} more" if more > 0 else ""))
    if writes := sorted({function for _, function in seen.others if function < 0x80}):  # noqa: PLR2004
        parts.append(f"function {', '.join(map(str, writes))}")
    if writes or len(seen.reads) > _SHOWN:  # else the requests shown tell
        units = seen.units
        parts.append(f"unit{'s' if len(units) > 1 else ''} {', '.join(map(str, units[:10]))}")
    return f"{size}: {'; '.join(parts)}"


class _Pending(NamedTuple):
    read: Read
    at: int
    frame: bytes


class Sniffer:
    """Listens to one bus.

    Args:
        seen: what was heard before; None = nothing.
    """

    def __init__(self, seen: Seen | None = None) -> None:
        self.seen = seen or Seen()
        self._rest = bytearray()
        self._start = 0
        """Bytes of the bus before `_rest`."""
        self._arrived: deque[tuple[int, int]] = deque()
        """(bytes of the bus up to here, µs) of what `_rest` holds."""
        self._heard_at = 0
        self._pending: _Pending | None = None
        self._skipped = 0
        """Bytes since the request that make no frame."""
        self._owed: list[_Pending] = []
        self._slowest = -1
        """µs, the longest that an answer beyond doubt has taken; -1 = none came yet."""

    def feed(self, data: bytes, at: int) -> list[Exchange]:
        """What `data`, arrived at `at` (µs UTC), completes."""
        done = self._settle() if at - self._heard_at >= PAUSE_US else []
        self.seen.bytes += len(data)
        self._rest += data
        self._arrived.append((self._start + len(self._rest), at))
        self._heard_at = at
        return done + self._parse(final=False)

    def sent(self, frame: bytes, at: int) -> None:
        """A request that we sent ourselves at `at`. It is not counted, and whatever came before it is whole or none."""
        self._settle()
        seen, self.seen = self.seen, Seen()
        self.feed(frame, at)
        self.seen = seen

    def idle(self, at: int) -> list[Exchange]:
        """What the silence up to `at` (µs UTC) completes; to be called now and then."""
        done = self._settle() if at - self._heard_at >= PAUSE_US else []
        if self._pending is not None and at - self._pending.at >= GIVE_UP_US:
            done += self._unanswered(at)
        return done

    def _settle(self) -> list[Exchange]:
        """The bus was silent: what waits for its rest gets none."""
        done = self._parse(final=True)
        self._skip(len(self._rest))
        return done

    # --- frames --------------------------------------------------------------------------------

    def _parse(self, *, final: bool) -> list[Exchange]:
        done: list[Exchange] = []
        while len(self._rest) >= SHORTEST:
            length = self._length(final=final)
            if length is None:
                break
            if length:
                frame, at = bytes(self._rest[:length]), self._time(length)
                self._drop(length)
                self.seen.understood += length
                done += self._take(frame, at)
            else:  # no frame begins here
                self._skip(1)
        return done

    def _length(self, *, final: bool) -> int | None:
        """Bytes of the frame that begins here; 0 = none does; None = it takes more bytes to tell."""
        rest = self._rest
        for length in self._candidates():
            if length == MORE or length > len(rest):
                if not final:
                    return None
            elif crc16(memoryview(rest)[:length]) == 0:
                return length
        return 0

    def _candidates(self) -> list[int]:
        """Lengths to try, the most likely first."""
        rest = self._rest
        if rest[1] not in READS:
            return sorted(set(other_lengths(rest)), key=lambda length: length or 0xFFFF)
        answer = answer_length(rest)
        if answer is None:
            return [REQUEST]
        return [answer, REQUEST] if self._fits(rest) else [REQUEST, answer]

    def _fits(self, frame: bytes | bytearray) -> bool:
        """Whether a frame may be the answer that is waited for."""
        if self._pending is None:
            return False
        read = self._pending.read
        return frame[0] == read.unit and frame[1] == read.function and frame[2] == read.payload

    def _skip(self, count: int) -> None:
        self._skipped += count
        self._drop(count)

    def _time(self, length: int) -> int:
        place = self._start + length
        return next(at for end, at in self._arrived if end >= place)

    def _drop(self, count: int) -> None:
        del self._rest[:count]
        self._start += count
        while self._arrived and self._arrived[0][0] <= self._start:
            self._arrived.popleft()

    # --- sense ---------------------------------------------------------------------------------

    def _take(self, frame: bytes, at: int) -> list[Exchange]:
        """A whole frame: whose is it, and what does it complete?"""
        unit, function = frame[0], frame[1]
        if function not in READS:
            return self._other(unit, function, frame, at)
        is_answer = len(frame) == 5 + frame[2] and (len(frame) != REQUEST or self._fits(frame))
        if is_answer and len(frame) == REQUEST:
            if self._pending is not None and frame == self._pending.frame:
                is_answer = False  # the same request again
            elif self._may_be_request(frame, at):
                return self._doubt("the answer may as well be another request", at)
        if not is_answer:
            return self._asked(frame, at)
        if not self._fits(frame):  # nobody asked that we heard of: perhaps a late answer
            self._owed = [item for item in self._owed if not _alike(item.read, unit, function, frame[2])]
            return []
        assert self._pending is not None
        return self._answered(self._pending, frame[3:-2], at)

    def _may_be_request(self, frame: bytes, at: int) -> bool:
        """Whether a frame that fits as an answer may be a request: only after the master has given up waiting."""
        assert self._pending is not None
        address, quantity = int.from_bytes(frame[2:4]), int.from_bytes(frame[4:6])
        return is_read(frame[1], address, quantity) and at - self._pending.at > self._slowest

    def _asked(self, frame: bytes, at: int) -> list[Exchange]:
        read = Read(frame[0], frame[1], int.from_bytes(frame[2:4]), int.from_bytes(frame[4:6]))
        done = self._unanswered(at)
        if not read.unit or not is_read(*read[1:]):
            return done
        if read in self.seen.reads or len(self.seen.reads) < _MOST_KINDS:
            self.seen.reads[read] += 1
        self._pending = _Pending(read, at, frame)
        self._skipped = 0
        return done

    def _answered(self, pending: _Pending, data: bytes, at: int) -> list[Exchange]:
        read = pending.read
        if self._skipped >= SHORTEST:
            return self._doubt("bytes between the request and its answer came garbled", at)
        self._forget(at)
        if any(_alike(item.read, read.unit, read.function, read.payload) and item.read != read for item in self._owed):
            return self._doubt("the answer may be a late one to the request before", at)
        self._pending = None
        self._slowest = max(self._slowest, at - pending.at)
        return [Exchange(read, data, at)]

    def _forget(self, at: int) -> None:
        """Answers that are not expected any more."""
        self._owed = [item for item in self._owed if 0 <= at - item.at <= LATE_US]

    def _doubt(self, cause: str, at: int) -> list[Exchange]:
        """An answer that is not used."""
        assert self._pending is not None
        read, self._pending = self._pending.read, None
        return [Exchange(read, Failure(Kind.GARBLED, cause=cause), at)]

    def _unanswered(self, at: int) -> list[Exchange]:
        """The master has given up."""
        pending, self._pending = self._pending, None
        if pending is None:
            return []
        if self._skipped >= SHORTEST:  # a byte or two are the glitch of a line that changes its sender
            failure = Failure(Kind.GARBLED, cause="the answer came garbled: noise, or two senders at once")
        else:
            failure = Failure(Kind.TIMEOUT, cause=f"the master got no answer within {(at - pending.at) / 1e6:.3g} s")
            self._forget(at)
            self._owed.append(pending)
        return [Exchange(pending.read, failure, at)]

    def _other(self, unit: int, function: int, frame: bytes, at: int) -> list[Exchange]:
        if (unit, function) in self.seen.others or len(self.seen.others) < _MOST_KINDS:
            self.seen.others[unit, function] += 1
        pending = self._pending
        if function & 0x80:
            if pending is None or (unit, function & 0x7F) != pending.read[:2]:
                return []
            self._pending = None
            kind = Kind.GATEWAY if frame[2] in (10, 11) else Kind.REFUSED
            return [Exchange(pending.read, Failure(kind, code=frame[2]), at)]
        return self._unanswered(at)  # the master has gone on to something else


def _alike(read: Read, unit: int, function: int, payload: int) -> bool:
    return (read.unit, read.function, read.payload) == (unit, function, payload)
