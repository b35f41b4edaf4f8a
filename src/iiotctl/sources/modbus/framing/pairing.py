"""Which answer belongs to which request, where frames carry neither transaction nor address. One unit, pure.

An RTU answer says unit, function and byte count: its *shape*. After a timeout the late answer looks like the
answer to the next request of the same shape, and a client that does not care stores one register's value
under another's name (pymodbus 3.16 does: `tests/integration/test_modbus_why.py`).

What is relied on: a unit answers its requests in the order in which they reached it, each not at all, once,
or several times over. (A serial bus is one conversation, and a gateway in front of it keeps a queue.) How late an
answer comes is not relied on, except where said.

What follows: a shape is *owed* from the moment that a request of it timed out (or an answer of it came that
nobody asked for) until proved otherwise. An answer whose shape is not owed can belong only to the request on its
way, whatever else is still coming; and because answers keep their order, it also proves that nothing
older can come any more: all debts are settled. So:

- a request whose shape is not owed is asked and believed as usual;
- any other waits for proof. First a *knock*: the request itself, whose answer is not used but shows that the
  unit is there (a dead unit costs one request a cycle, as before, and uses up no shape). Then a *fence*: a request
  for declared registers of another shape that is not owed, mostly the same one shortened by a register. Its answer
  settles all debts; then the request is asked again and believed. A late answer is thus read past, twice over;
- a fence that was itself not answered is owed like any other. Its shape serves as a fence again once more than `LAG`
  later requests were sent and `_patience` has passed: here answers are taken to be at most that late;
- where no other shape exists (all requests of the unit are for one register), the same request is read `LAG` + 1
  times with silence between, one answer each, and the last is believed; when other registers may be owed, only
  after `_patience` without a sound. This rests on answers being no later than that;
- copies: an answer equal to the one before it, byte for byte, or to one that another request had in the last
  `_RECENT_S`, may be a copy. It is not believed until a fence has passed and it came again, unless the unit has shown
  `PROOFS` times that such answers were its own (constant values), and has never sent a copy at another time. From a
  unit that sends copies, every answer that came in the last `_RECENT_S` is doubted like this;
- answers that overtake each other break what is relied on. Once an answer came that was taken for impossible and is no
  copy, no fence settles debts of the unit any more, only time does: `_patience` since the request. What a unit
  holds back for longer than that, and hands over in place of another's answer, cannot be told by anybody;
- an exception while something is owed may be the late answer of another request: it counts like a read of
  the request itself, `LAG` + 1 times.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, NamedTuple

from iiotctl.sources.modbus.frame import Answer, AnyRequest, Request
from iiotctl.sources.modbus.framing.rtuframer import Frame
from iiotctl.sources.modbus.rtuframes import payload_of

LAG: Final = 3
PROOFS: Final = 3
_RECENT_S: Final = 5.0
_TIMEOUTS: Final = 3
_DELAYS: Final = 2
_FADING: Final = 0.95
_BITS_A_BYTE: Final = 8

Shape = tuple[int, int]
"""Function code and bytes of data; -1 where the request does not tell."""


def shape_of(request: AnyRequest) -> Shape:
    """What the answer to a request looks like."""
    return request.function, request.payload if isinstance(request, Request) else -1


def shape_of_answer(answer: Answer) -> Shape:
    """What an answer looks like."""
    return answer.function, answer.body[0] if 1 <= answer.function <= 4 else -1  # noqa: PLR2004 - the four reads


def fits(request: AnyRequest, answer: Answer) -> bool:
    """The answer may be this request's and holds data."""
    return isinstance(request.judge(answer), bytes)


def is_exception(request: AnyRequest, answer: Answer) -> bool:
    """The answer may be this request's and refuses it."""
    return answer.function == request.function | 0x80 and len(answer.body) == 1


def shortened(requests: Iterable[AnyRequest]) -> Iterable[Request]:
    """Requests for less of what is declared, the longest first: candidates for a fence."""
    for request in requests:
        if not isinstance(request, Request):
            continue
        yield request
        step = _BITS_A_BYTE if request.function <= 2 else 1  # noqa: PLR2004 - 1 and 2 read bits
        for quantity in range((request.quantity - 1) // step * step, 0, -step):
            yield request._replace(quantity=quantity, payload=payload_of(request.function, quantity))


class _Owed(NamedTuple):
    """A shape whose answers may still come.

    `only` is the one request that they can belong to, or None when there are several; `sent` the time of the last
    of them, `number` its place among the unit's requests.
    """

    only: AnyRequest | None
    sent: float
    number: int


class Step(Enum):
    """What the request on its way is for."""

    PLAIN = auto()
    KNOCK = auto()
    FENCE = auto()
    AGAIN = auto()


@dataclass(slots=True)
class Goal:
    """What is wanted: the request, and what else of the unit may be asked as a fence."""

    request: AnyRequest
    others: Sequence[AnyRequest]
    timeout: float
    reads: int = 0
    """Answers to the request itself that were not believed."""
    doubtful: bytes = b""
    """An answer that may be the copy of an earlier one."""
    doubts: int = 0
    """Answers in a row that may be copies."""
    began: float = 0.0
    refused: set[Request] = field(default_factory=set)
    """Fences that the unit refused."""


class Pairing:
    """What is known of one unit.

    Attributes:
        longest: the longest that an answer has taken lately, late ones included, seconds.
        step: what the request on its way is for.
    """

    def __init__(self) -> None:
        self.longest = 0.0
        self.step = Step.PLAIN
        self._owed: dict[Shape, _Owed] = {}
        self._last: Frame | None = None
        self._alive = False
        """Something came from the unit since the last timeout."""
        self._copies = False
        self._overtakes = False
        """Answers came in another order than their requests."""
        self._behind = 0.0
        """How late the latest of those was, seconds."""
        self._cleared: dict[Shape, float] = {}
        """When the last answer was asked for that is not owed any more, because answers keep their order."""
        self._proofs = 0
        self._recent: dict[bytes, tuple[AnyRequest | None, float]] = {}
        """Answers of late: of which request, if any, and when, the latest last."""
        self._goal: Goal | None = None
        self._planned: AnyRequest | None = None
        self._request: AnyRequest | None = None
        """On its way; what is only planned cannot be answered yet."""
        self._sent = float("-inf")
        self._number = 0

    @property
    def waits_long(self) -> bool:
        """Between the answers of this step nothing may be on its way for as long as an answer may take."""
        return bool(self._owed) or self.step in (Step.KNOCK, Step.AGAIN)

    @property
    def is_settled(self) -> bool:
        """Nothing is wanted any more."""
        return self._goal is None

    def sent(self, now: float) -> None:
        """What was last returned to be sent is on its way since now."""
        self._request, self._planned, self._sent = self._planned, None, now
        self._number += 1

    def wish(self, goal: Goal, now: float) -> AnyRequest | None:
        """What to send first for a goal; None = nothing for now, late answers may still come."""
        self._goal = goal
        goal.began = now
        return self._next(now)

    def _next(self, now: float, *, knocked: bool = False) -> AnyRequest | None:
        goal = self._goal
        assert goal is not None
        shape = shape_of(goal.request)
        fences = self._fences(goal)
        owed = self._owed.get(shape)
        if owed is not None and self._overtakes:
            if now - owed.sent < self._patience(goal):
                self._goal = None
                return None
            del self._owed[shape]
            owed = None
        if owed is None:
            return self._send(Step.PLAIN, goal.request)
        if not fences and (owed.only == goal.request or now - self._sent >= self._patience(goal)) and self._alive:
            return self._send(Step.AGAIN, goal.request)
        fence = self._fresh(fences, goal, now) if self._alive else None
        if fence is not None:
            return self._send(Step.FENCE, fence)
        if not knocked and (fences or goal.refused or not self._alive):
            return self._send(Step.KNOCK, goal.request)
        self._goal = None
        return None

    def _send(self, step: Step, request: AnyRequest) -> AnyRequest:
        self.step, self._planned, self._request = step, request, None
        return request

    def _patience(self, goal: Goal) -> float:
        return max(_TIMEOUTS * goal.timeout, _DELAYS * self.longest, _DELAYS * self._behind)

    def _fences(self, goal: Goal) -> list[Request]:
        """Requests of another shape than the goal's, all that there are."""
        shape = shape_of(goal.request)
        found = shortened((goal.request, *goal.others))
        return [request for request in found if shape_of(request) != shape and request not in goal.refused]

    def _fresh(self, fences: Sequence[Request], goal: Goal, now: float) -> Request | None:
        """One whose answer cannot be taken for an earlier one's."""
        last = shape_of_answer(self._last.answer) if self._copies and self._last is not None else None
        used: Request | None = None
        for request in fences:
            shape = shape_of(request)
            if shape == last:
                continue
            owed = self._owed.get(shape)
            if owed is None:
                return request
            if used is None and self._number - owed.number > LAG and now - owed.sent >= self._patience(goal):
                used = request
        return used

    def heard(self, frame: Frame, now: float) -> tuple[Answer | None, AnyRequest | None, float | None]:
        """A frame from the unit.

        Returns:
            The answer to the goal, or None; what to send next for the goal, or None; how late the answer to an
            earlier request came, seconds, or None.
        """
        before, self._last = self._last, frame
        earlier = self._note(frame, now)
        answer = frame.answer
        request = self._request
        if self._owed:
            self._alive = True
        if request is None or self._goal is None or not (fits(request, answer) or is_exception(request, answer)):
            return None, None, self._unasked(frame, earlier, now)
        self._request = None
        self.longest = max(_FADING * self.longest, now - self._sent)
        if not fits(request, answer):
            return self._exception(answer, request, now)
        copy = before is not None and before.raw == frame.raw
        if earlier is not None and earlier[1] < self._goal.began:
            copy |= self._copies or earlier[0] != request
        self._recent[frame.raw] = request, now
        return self._data(frame, request, now, copy=copy)

    def _note(self, frame: Frame, now: float) -> tuple[AnyRequest | None, float] | None:
        """Remember an answer; returns of which request and when it came before, lately."""
        while self._recent and now - next(iter(self._recent.values()))[1] > _RECENT_S:
            del self._recent[next(iter(self._recent))]
        earlier = self._recent.pop(frame.raw, None)
        self._recent[frame.raw] = (earlier[0] if earlier else None), now
        return earlier

    def _unasked(self, frame: Frame, earlier: object, now: float) -> float | None:
        """An answer to nothing that is on its way; how late it is, when it is one that was given up."""
        if self._goal is not None and self._request is None:
            self._goal.reads = 0  # two answers to one of the reads
        shape = shape_of_answer(frame.answer)
        owed = self._owed.get(shape)
        if owed is not None:
            self.longest = max(self.longest, now - owed.sent)
            return now - owed.sent
        if earlier is not None:
            self._copies, self._proofs = True, 0
            return None
        late = now - self._cleared.get(shape, float("-inf"))
        if late < _RECENT_S:
            self._overtakes, self._behind = True, max(self._behind, late)
        self._owed[shape] = _Owed(None, now, self._number)
        self._alive, self._proofs = True, 0
        return None

    def _exception(
        self, answer: Answer, request: AnyRequest, now: float
    ) -> tuple[Answer | None, AnyRequest | None, None]:
        goal = self._goal
        assert goal is not None
        if not self._owed:
            if self.step is not Step.FENCE:
                return self._settled(answer)
        elif self.step is not Step.FENCE:
            goal.reads += 1
            if goal.reads > LAG:
                return self._settled(answer)
            return None, self._send(Step.AGAIN, goal.request), None
        assert isinstance(request, Request)
        goal.refused.add(request)
        self._owe(request, now)
        return None, self._next(now), None

    def _data(
        self, frame: Frame, request: AnyRequest, now: float, *, copy: bool
    ) -> tuple[Answer | None, AnyRequest | None, None]:
        goal = self._goal
        assert goal is not None
        if self.step is Step.FENCE:
            self._clear()
            goal.reads = 0
            return None, self._send(Step.PLAIN, goal.request), None
        if self.step is Step.KNOCK:
            return None, self._next(now, knocked=True), None
        if self.step is Step.AGAIN:
            goal.reads += 1
            if goal.reads <= LAG:
                return None, self._send(Step.AGAIN, goal.request), None
        elif copy and goal.doubtful != frame.raw and self._doubts(goal):
            goal.doubtful = frame.raw
            goal.doubts += 1
            self._owe(request, now)
            self._alive = True
            if goal.doubts > LAG:
                self._goal = None
                return None, None, None
            return None, self._next(now), None
        if goal.doubtful == frame.raw:
            self._proofs += 1
        self._clear()
        return self._settled(frame.answer)

    def _doubts(self, goal: Goal) -> bool:
        return (self._copies or self._proofs < PROOFS) and bool(self._fences(goal))

    def _clear(self) -> None:
        """Answers keep their order: nothing older than the one just heard can come any more."""
        if self._overtakes:
            return
        self._cleared |= {shape: owed.sent for shape, owed in self._owed.items()}
        self._owed.clear()

    def _settled(self, answer: Answer) -> tuple[Answer, None, None]:
        self._goal = None
        return answer, None, None

    def _owe(self, request: AnyRequest, now: float) -> None:
        shape = shape_of(request)
        owed = self._owed.get(shape)
        only = request if owed is None or owed.only == request else None
        self._owed[shape] = _Owed(only, now, self._number)

    def give_up(self, *, is_alive: bool = False) -> None:
        """The goal is dropped: no answer in time, a broken one (then the unit is alive), or the connection is gone."""
        if self._request is not None:
            self._owe(self._request, self._sent)
            self._alive = is_alive
        self._request = self._planned = self._goal = None
