"""From a store to what checks see: passes over the samples, learning periods, operating states, baselines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from iiotctl.checks.baseline.period import FEWEST, LEARN, learning_period
from iiotctl.checks.baseline.teach import LEARNING, taught
from iiotctl.checks.features import stream
from iiotctl.checks.features.columns import BASIC, COLUMNS, MINUTE, Features, empty
from iiotctl.checks.guard import Guard
from iiotctl.checks.states import REST, assigned, learn_rest
from iiotctl.checks.tagdata import State, TagData
from iiotctl.events import Event
from iiotctl.history.extent import first_rows
from iiotctl.ops.audit_facts import Known
from iiotctl.ops.audit_range import Scope

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.checks.base import Check, Learnt
    from iiotctl.checks.baseline.model import TagBaseline
    from iiotctl.site.states import AssetStates

BATCH_BYTES: Final = 160_000_000
"""Feature tables that are in memory at once, about; more tags than that are judged in several groups."""
ANCHORS: Final = "anchors"
"""In `Check.needs`: the check looks for repeats."""
_PER_CELL: Final = 5

Notice = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be prepared.

    Attributes:
        root: folder of the store.
        scope: range.
        known: facts.
        tags: chosen ones, by asset and name.
        checks: by id.
        states: `[states]` of the site file.
        baselines: of a frozen file, by tag; None = learn for this run.
        guard: notes crashes of what checks learn.
        notice: is told about files that had to be left out.
    """

    root: Path
    scope: Scope
    known: Known
    tags: Sequence[str]
    checks: Mapping[str, Check]
    states: Mapping[str, AssetStates]
    baselines: Mapping[str, TagBaseline] | None
    guard: Guard
    notice: Notice = field(default=lambda event: None)  # noqa: ARG005 - the shape of a notice

    @property
    def columns(self) -> frozenset[str]:
        """Of the feature table."""
        needed = [check.needs for check in self.checks.values()]
        return BASIC.union(*needed) & COLUMNS.keys()

    @property
    def watched(self) -> frozenset[str]:
        """Tags that say in which state an asset is."""
        return frozenset(tag for of in self.states.values() for tag in of.watched)


def batches(work: Work) -> Iterator[list[TagData]]:
    """The tags, ready to be judged, in groups of about `BATCH_BYTES`; relatives (asset, name) stay together."""
    scope = work.scope
    learnt = work.baselines
    alone = scope.start <= scope.oldest
    if learnt is None and not alone:
        learnt = learned(work)
    wanted = stream.Wanted(
        scope.start,
        scope.end,
        columns=work.columns,
        tags=frozenset(work.tags) | work.watched,
        windows={} if learnt is None else {tag: base.window for tag, base in learnt.items()},
        anchors=any(ANCHORS in check.needs for check in work.checks.values()),
    )
    with stream.of_store(work.root, wanted, work.notice) as found:
        watched = _tables(found, sorted(work.watched))
        for tags in _groups(work, found):
            plain = [_data(work, found, tag) for tag in tags]
            if learnt is None:
                yield _taught(work, [_learning(work, data) for data in plain], watched)
            else:
                yield _known(work, plain, learnt, watched)


def _groups(work: Work, found: stream.Found) -> Iterator[list[str]]:
    """The tags in their order, cut where the tables of a group would take more than `BATCH_BYTES`."""
    group: list[str] = []
    size = 0
    for tag in work.tags:
        window = found.facts[tag].window if tag in found.facts else MINUTE
        mine = _PER_CELL * len(work.columns) * ((found.end - found.start) // window + 1)
        if group and size + mine > BATCH_BYTES:
            yield group
            group, size = [], 0
        group.append(tag)
        size += mine
    yield group


def learned(work: Work) -> dict[str, TagBaseline]:
    """Baselines of the chosen tags from the first two days of each, where these lie before the judged range.

    What was learnt from reaches into the range only where the store is too young.
    """
    first = work.scope.oldest
    found = _learned(work, work.tags, first, first + LEARN)
    late = [tag for tag in work.tags if tag not in found or found[tag].windows < FEWEST]
    begins = first_rows(work.root, late, first + LEARN, work.scope.newest + 1, work.notice)
    if begins:
        last = max(begins.values()) + LEARN
        later = _learned(work, sorted(begins), min(begins.values()), last)
        found |= {tag: base for tag, base in later.items() if tag not in found or base.windows > found[tag].windows}
    return found


def period(work: Work, start: int, end: int) -> dict[str, TagBaseline]:
    """Baselines of the chosen tags from a period that somebody names, µs UTC."""
    return _learned(work, work.tags, start, end, whole=True)


def _learned(work: Work, tags: Sequence[str], start: int, end: int, *, whole: bool = False) -> dict[str, TagBaseline]:
    wanted = stream.Wanted(start, end, columns=work.columns, tags=frozenset(tags) | work.watched)
    found: dict[str, TagBaseline] = {}
    with stream.of_store(work.root, wanted, work.notice) as made:
        watched = _tables(made, sorted(work.watched))
        datas = [_data(work, made, tag) for tag in tags if tag in made.facts]
        for data in datas:
            data.learning[:] = data.features["rows"] > 0 if whole else _begins(work, data)
        for data in _taught(work, datas, watched):
            if data.baseline is not None:
                found[data.info.tag] = data.baseline
    return found


def _begins(work: Work, data: TagData) -> npt.NDArray[np.bool_]:
    first, end = learning_period(data.features, work.scope.oldest, work.scope.newest, work.scope.start)
    times = data.features.times()
    return (times >= first) & (times < end)


def _data(work: Work, found: stream.Found, tag: str) -> TagData:
    """One tag without baseline and states."""
    import numpy as np

    scope, known = work.scope, work.known
    info, facts = known.infos[tag], found.facts.get(tag)
    if facts is None:
        start = found.start // MINUTE * MINUTE
        features = empty(MINUTE, start, -((start - found.end) // MINUTE), sorted(work.columns))
    else:
        (features,) = found.read([tag])
        info = replace(info, text=info.text or facts.text)
    times = features.times()
    changes = tuple(one for one in info.units_seen[1:] if features.start < one[0])
    info = replace(info, units_seen=(info.units_seen[-1 - len(changes)], *changes) if changes else ())
    judged = (times + features.window > scope.start) & (times < scope.end)
    if changes:
        judged &= times >= changes[-1][0]
    return TagData(
        info=info,
        features=features,
        learning=np.zeros(len(features), np.bool_),
        judged=judged,
        state=np.full(len(features), State.UNKNOWN, np.uint8),
        settled=np.ones(len(features), np.bool_),
        now=scope.now(info),
        holes=known.holes.get(tag, ()),
        disorder=known.disorder.get(tag, ()),
        anchors=found.anchors(tag) if facts is not None else None,
        last_row=None if facts is None else facts.last_row,
        last_change=None if facts is None else facts.last_change,
    )


def _learning(work: Work, data: TagData) -> TagData:
    """With the learning period inside the judged range; a tag that changed its unit learns from the new one."""
    begins = data.features if not data.info.units_seen else _since(data.features, data.info.units_seen[-1][0])
    rows = data.features["rows"] > 0
    end = data.features.end if not rows.any() else data.features.time_of(int(rows.nonzero()[0][-1]) + 1)
    first, stop = learning_period(begins, data.features.start, end, work.scope.start)
    times = data.features.times()
    return replace(data, learning=(times >= first) & (times < stop))


def _since(features: Features, at: int) -> Features:
    return features.between(at, features.end)


def _taught(work: Work, datas: Sequence[TagData], watched: Mapping[str, Features]) -> list[TagData]:
    nothing: Learnt = {}
    rests = {
        data.info.tag: work.guard.call(LEARNING, data.info.tag, partial(learn_rest, data), nothing) for data in datas
    }
    stated = assigned(datas, rests, declared=work.states, watched=watched, enums=work.known.enums)
    return taught(stated, work.checks, work.guard, {tag: {REST: rest} for tag, rest in rests.items()})


def _known(
    work: Work, datas: Sequence[TagData], learnt: Mapping[str, TagBaseline], watched: Mapping[str, Features]
) -> list[TagData]:
    """With baselines that were learnt before."""
    given = []
    for data in datas:
        base = learnt.get(data.info.tag)
        usable = base is not None and base.window == data.features.window and base.unit == data.info.unit
        times = data.features.times()
        inside = (times >= base.start) & (times < base.end) if base is not None and work.baselines is None else None
        given.append(
            replace(
                data,
                baseline=base if usable else None,
                learning=data.learning if inside is None else inside & (data.features["rows"] > 0),
            )
        )
    rests = {d.info.tag: d.baseline.learnt.get(REST, {}) for d in given if d.baseline is not None}
    return assigned(given, rests, declared=work.states, watched=watched, enums=work.known.enums)


def _tables(found: stream.Found, tags: Sequence[str]) -> dict[str, Features]:
    there = [tag for tag in tags if tag in found.facts]
    return dict(zip(there, found.read(there), strict=True))
