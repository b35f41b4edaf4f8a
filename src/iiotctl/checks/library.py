"""The checks as a library: arrays in, findings and flags out; no store, no site file, no clock.

    import numpy as np
    from iiotctl.checks import Samples, judge

    result = judge({"PT1": Samples(ts, value, quality)})      # ts: µs UTC; quality: OPC UA codes, 0 = Good
    result.findings                                            # [Finding(check="flat-line", tag="PT1", start=…), …]
    result.flags["PT1"]                                        # (n,) uint8, a flag for each sample

All that a run of `iiotctl audit sensors` does happens here too, by the same functions: the feature table, operating states
learnt from the data, baseline of the first two days, every check, episodes, one finding for one cause.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING

from iiotctl.checks import registry, runner
from iiotctl.checks.base import Check
from iiotctl.checks.baseline.period import learning_period
from iiotctl.checks.baseline.teach import taught
from iiotctl.checks.features.samples import Samples
from iiotctl.checks.guard import Guard
from iiotctl.checks.result import FailedCheck
from iiotctl.checks.spells import REWARD
from iiotctl.checks.states import REST, assigned, learn_rest
from iiotctl.checks.tagdata import State, TagData, TagInfo
from iiotctl.findings import Finding, NotJudged, Severity

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.checks.base import Learnt
    from iiotctl.checks.baseline.model import TagBaseline
    from iiotctl.checks.features import stream


class Flag(IntEnum):
    """What is said of one sample, in the numbers of QARTOD (IOOS)."""

    GOOD = 1
    NOT_JUDGED = 2
    """It was learnt from, or nothing could judge the tag."""
    SUSPECT = 3
    """It lies in a finding of severity low."""
    BAD = 4
    """It lies in a finding of severity medium or above."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of it.

    Attributes:
        findings: worst first; times in µs UTC.
        flags: by tag, (n,) uint8 of `Flag`, one for each sample.
        skipped, not_judged: checks that do not apply or could not judge, and why.
        failed: checks that crashed; the others went on.
        baselines: what was learnt, by tag; may be given to the next call.
    """

    findings: Sequence[Finding]
    flags: Mapping[str, npt.NDArray[np.uint8]]
    skipped: Sequence[NotJudged]
    not_judged: Sequence[NotJudged]
    failed: Sequence[FailedCheck]
    baselines: Mapping[str, TagBaseline]


def judge(
    samples: Mapping[str, Samples],
    *,
    infos: Iterable[TagInfo] = (),
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    checks: Iterable[Check] | None = None,
    learn_until: int | None = None,
    baselines: Mapping[str, TagBaseline] | None = None,
    now: int | None = None,
    reward: int = REWARD,
) -> Judgement:
    """Judge tags given as arrays.

    Args:
        samples: by tag; `ts` (n,) int64, µs UTC, ascending; `value` (n,) float64, NaN where there is no number;
            `quality` (n,) uint32, OPC UA status codes; `received` (n,) int64 or None, µs UTC.
        infos: what is known of tags (unit, span, limits, twin …); none is needed.
        select, ignore: ids or patterns of checks; () = all that are installed, none.
        checks: these instead, e.g. with other parameters or of your own.
        learn_until: µs UTC, samples before it show what is normal; None = the first two days of each tag, at most half.
        baselines: what was learnt before, by tag; then nothing is learnt from `samples`.
        now: µs UTC, against which "stopped" is judged; None = the newest sample of all.
        reward: µs of good samples behind a finding until it is over.

    Raises:
        UsageError: `unknown-check`, `no-checks`.
        PluginError: a check of another package cannot be loaded.
        ValueError: the arrays of a tag differ in length, or its times do not ascend.
    """
    import numpy as np

    from iiotctl.checks.features import stream

    for tag, of in samples.items():
        _check(tag, of)
    chosen = registry.chosen(select, ignore) if checks is None else {check.id: check for check in checks}
    begins = [int(of.ts[0]) for of in samples.values() if len(of)]
    ends = [int(of.ts[-1]) + 1 for of in samples.values() if len(of)]
    guard = Guard()
    if not begins:
        return Judgement((), {tag: np.empty(0, np.uint8) for tag in samples}, (), (), (), {})
    start, end = min(begins), max(ends)
    wanted = stream.Wanted(
        start,
        end,
        windows={} if baselines is None else {tag: base.window for tag, base in baselines.items()},
        anchors=any("anchors" in check.needs for check in chosen.values()),
    )
    known = {info.tag: info for info in infos}
    with stream.from_arrays(samples, wanted) as found:
        plain = [_data(found, tag, known.get(tag, TagInfo(tag)), now or end - 1) for tag in found.tags]
    if baselines is None:
        datas = _taught([_learning(data, learn_until) for data in plain], chosen, guard)
    else:
        given = [replace(data, baseline=baselines.get(data.info.tag)) for data in plain]
        rests = {data.info.tag: data.baseline.learnt.get(REST, {}) for data in given if data.baseline is not None}
        datas = assigned(given, rests, declared={}, watched={}, enums={})
    outcome = runner.run(datas, chosen, guard, detected_at=now or end - 1, reward=reward)
    findings = runner.concluded(outcome.findings, {data.info.tag: data.info for data in datas})
    by_tag = {data.info.tag: data for data in datas}
    return Judgement(
        findings,
        {tag: _flags(of, by_tag.get(tag), findings, judged=tag in outcome.tags) for tag, of in samples.items()},
        outcome.skipped,
        outcome.not_judged,
        guard.failed,
        {data.info.tag: data.baseline for data in datas if data.baseline is not None},
    )


def _check(tag: str, samples: Samples) -> None:
    import numpy as np

    lengths = {len(samples.ts), len(samples.value), len(samples.quality)}
    if samples.received is not None:
        lengths.add(len(samples.received))
    if len(lengths) != 1:
        msg = f"the arrays of `{tag}` differ in length"
        raise ValueError(msg)
    if np.any(np.diff(samples.ts) < 0):
        msg = f"the times of `{tag}` do not ascend"
        raise ValueError(msg)


def _data(found: stream.Found, tag: str, info: TagInfo, now: int) -> TagData:
    import numpy as np

    (features,), facts = found.read([tag]), found.facts[tag]
    count = len(features)
    return TagData(
        info=info,
        features=features,
        learning=np.zeros(count, np.bool_),
        judged=np.ones(count, np.bool_),
        state=np.full(count, State.UNKNOWN, np.uint8),
        settled=np.ones(count, np.bool_),
        now=now,
        anchors=found.anchors(tag),
        last_row=facts.last_row,
        last_change=facts.last_change,
    )


def _learning(data: TagData, until: int | None) -> TagData:
    features = data.features
    times = features.times()
    first, stop = features.start, until
    if stop is None:
        first, stop = learning_period(features, features.start, (data.last_row or features.end) + 1, features.start)
    return replace(data, learning=(times >= first) & (times < stop) & (features["rows"] > 0))


def _taught(datas: Sequence[TagData], checks: Mapping[str, Check], guard: Guard) -> list[TagData]:
    rests: dict[str, Learnt] = {data.info.tag: learn_rest(data) for data in datas}
    stated = assigned(datas, rests, declared={}, watched={}, enums={})
    return taught(stated, checks, guard, {tag: {REST: rest} for tag, rest in rests.items()})


def _flags(
    samples: Samples, data: TagData | None, findings: Iterable[Finding], *, judged: bool
) -> npt.NDArray[np.uint8]:
    import numpy as np

    flags = np.full(len(samples), Flag.GOOD if judged else Flag.NOT_JUDGED, np.uint8)
    if data is None:
        return flags
    at = np.clip((samples.ts - data.features.start) // data.features.window, 0, len(data.features) - 1)
    flags[data.learning[at]] = Flag.NOT_JUDGED
    for finding in findings:
        if data.info.tag == finding.tag or (finding.tag is None and data.info.tag in finding.tags):
            flag = Flag.BAD if finding.severity.reaches(Severity.MEDIUM) else Flag.SUSPECT
            inside = samples.ts >= (finding.start or 0)
            if finding.end is not None:
                inside &= samples.ts < finding.end
            flags[inside] = np.maximum(flags[inside], flag)
    return flags
