"""Every check over every tag: what was found, what could not be judged, which check crashed. Pure.

A run is `baseline.teach.taught` (baselines of the tags that have none), `run` (judge, episodes, findings; many tags in
several calls), `concluded` (common causes, order). A check that crashes is reported; the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from iiotctl.checks.base import Check, Judged, Skipped, Spell, Unjudged, Verdict
from iiotctl.checks.causes import decided, merged
from iiotctl.checks.conclude import conclude, instant
from iiotctl.checks.guard import Guard
from iiotctl.checks.process import without_mutual
from iiotctl.checks.relations import learnt as relations
from iiotctl.checks.relations.learnt import RELATIONS
from iiotctl.checks.spells import REWARD, episodes
from iiotctl.checks.tagdata import State, TagData, TagInfo
from iiotctl.findings import Confidence, Finding, NotJudged

UNIT_CHANGED: Final = "unit-changed"
"""Under this name stands that a tag changed its unit and that only what came after was judged."""
_WEIGHT: Final = {"high": 0, "medium": 1, "low": 2}


@dataclass(slots=True)
class Outcome:
    """What the checks came to; the fields are those of `AuditResult`, findings each of one tag and in no order."""

    findings: list[Finding] = field(default_factory=list)
    skipped: list[NotJudged] = field(default_factory=list)
    not_judged: list[NotJudged] = field(default_factory=list)
    tags: set[str] = field(default_factory=set)

    def take(self, other: Outcome) -> None:
        """With what came of other tags."""
        self.findings += other.findings
        self.skipped += other.skipped
        self.not_judged += other.not_judged
        self.tags |= other.tags


def run(
    tags: Sequence[TagData],
    checks: Mapping[str, Check],
    guard: Guard,
    *,
    detected_at: int,
    reward: int = REWARD,
    done: Callable[[str], None] = lambda check: None,  # noqa: ARG005 - the shape of a listener
) -> Outcome:
    """Judge.

    Args:
        tags: with their baselines; see `taught`.
        checks: by id.
        guard: notes the checks that crash.
        detected_at: µs UTC, of this run.
        reward: µs of good samples after which a tag counts as good again.
        done: is told the id of each check that is done.
    """
    going = _Run(guard, detected_at, reward)
    if any(RELATIONS in check.needs for check in checks.values()):
        tags = guard.call(RELATIONS, "", lambda: relations.heard(tags), tags)
    for data in tags:
        if len(data.info.units_seen) > 1:
            going.outcome.not_judged.append(NotJudged(UNIT_CHANGED, data.info.tag, _change(data)))
    for check in checks.values():
        if check.scope == "group":
            going.group(check, tags)
        else:
            for data in tags:
                going.tag(check, data)
        done(check.id)
    return going.outcome


def concluded(findings: Sequence[Finding], infos: Mapping[str, TagInfo]) -> list[Finding]:
    """The findings of all tags of a run, worst first: of one cause one, pairs only where undecided, changes of the process apart.

    Args:
        findings: of one or more calls of `run`.
        infos: facts of all tags that were judged, by name.
    """
    return ordered(merged(without_mutual(decided(findings)), infos), infos)


def ordered(findings: Sequence[Finding], infos: Mapping[str, TagInfo]) -> list[Finding]:
    """Worst first: by severity, what matters most to the plant, confidence, tag and start."""
    sure = list(Confidence)

    def place(one: Finding) -> tuple[int, int, int, str, int]:
        info = infos.get(one.tag or (one.tags[0] if one.tags else ""))
        matters = _WEIGHT.get(info.criticality, 1) if info else 1
        return one.severity.rank, matters, sure.index(one.confidence), one.tag or "", one.start or 0

    return sorted(findings, key=place)


def view(data: TagData, check: Check) -> TagData:
    """What a check gets to see: what it learnt itself, and only the windows that it can judge.

    Left out are windows of the learning period for a check that learns, maintenance for all, and rest and the settle
    time after a change of state for a check that makes sense only in motion.
    """
    judged = data.judged & (data.state != State.MAINTENANCE)
    if check.learns:
        judged &= ~data.learning
    if check.moving_only:
        judged &= (data.state != State.OFF) & data.settled
    learnt = {} if data.baseline is None else data.baseline.learnt.get(check.id, {})
    return replace(data, judged=judged, learnt=learnt)


class _Run:
    def __init__(self, guard: Guard, detected_at: int, reward: int) -> None:
        self.outcome = Outcome()
        self._guard, self._detected_at, self._reward = guard, detected_at, reward

    def tag(self, check: Check, data: TagData) -> None:
        """A check that looks at one tag."""
        seen = view(data, check)
        verdict = _beforehand(check, data, seen)
        if verdict is None:
            call: Any = check.judge
            verdict = self._guard.call(check.id, data.info.tag, lambda: call(seen, check.params()), None)
        if verdict is not None:
            self._keep(check, seen, verdict)

    def group(self, check: Check, tags: Sequence[TagData]) -> None:
        """A check that looks at all tags together; those that cannot be judged are shown, they may be witnesses."""
        call: Any = check.judge
        seen = {data.info.tag: view(data, check) for data in tags}
        nothing: Mapping[str, Verdict] = {}
        found = self._guard.call(check.id, "", lambda: call(list(seen.values()), check.params()), nothing)
        for data in tags:
            shown = seen[data.info.tag]
            verdict = _beforehand(check, data, shown) or found.get(data.info.tag)
            if verdict is not None:
                self._keep(check, shown, verdict)

    def _keep(self, check: Check, data: TagData, verdict: Verdict) -> None:
        tag = data.info.tag
        match verdict:
            case Skipped(reason):
                self.outcome.skipped.append(NotJudged(check.id, tag, reason))
            case Unjudged(reason):
                self.outcome.not_judged.append(NotJudged(check.id, tag, reason))
            case Judged(spells):
                self.outcome.tags.add(tag)
                nothing: list[Finding] = []
                self.outcome.findings += self._guard.call(
                    check.id, tag, lambda: self._concluded(check, data, spells), nothing
                )

    def _concluded(self, check: Check, data: TagData, spells: Sequence[Spell]) -> list[Finding]:
        found = episodes(spells, data, check, reward=self._reward)
        return [conclude(episode, data, check, detected_at=self._detected_at) for episode in found]


def _beforehand(check: Check, data: TagData, seen: TagData) -> Verdict | None:
    """The verdict where there is nothing to look at; None = let the check look."""
    if check.learn is not None and data.baseline is not None and check.id not in data.baseline.learnt:
        return Unjudged(
            f"the baseline knows nothing of `{check.id}`: learn a new one with `iiotctl audit baseline learn`"
        )
    if seen.judged.any() or not data.judged.any():
        return None
    if check.learns and not (data.judged & ~data.learning).any():
        return Unjudged("all of the range is what was learnt from: give it a baseline, or more data")
    if not (data.judged & (data.state != State.MAINTENANCE)).any():
        return Skipped("in maintenance all the time")
    return Skipped("at rest all the time: nothing to see of a sensor that has nothing to follow")


def _change(data: TagData) -> str:
    units = data.info.units_seen
    (_, before), (at, now) = units[-2], units[-1]
    return f"its unit changed from `{before}` to `{now}` at {instant(at)}: only what came after was judged"
