"""`audit sensors`: facts and features of a store's tags, judged by every check. The public Python API of the audit."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from iiotctl import __version__
from iiotctl.checks.conclude import span
from iiotctl.checks.spells import REWARD
from iiotctl.errors import UsageError
from iiotctl.events import Event
from iiotctl.history.time.sitetime import UTC_TIME, SiteTime
from iiotctl.ops import audit_baseline, audit_data, audit_facts, audit_range, audit_seen
from iiotctl.site.document import read_document

if TYPE_CHECKING:
    from iiotctl.checks.base import Check
    from iiotctl.checks.baseline.model import TagBaseline
    from iiotctl.checks.result import AuditResult, BaselineUse, Exemption
    from iiotctl.checks.tagdata import Calibration, TagData
    from iiotctl.site.load import LoadedSite

CALIBRATIONS: Final = "calibration-drift"
"""The check that looks at calibration records."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to audit.

    Attributes:
        start, end: `--from` and `--to` as typed; None = the last 31 days of the store, up to its newest row.
        tags: names or patterns with `*`; () = all.
        select, ignore: ids of checks; () = all, none.
        baseline: file of a baseline; None = the newest approved one beside the store, else what the first two days teach.
        exceptions: exceptions file; None = the one that the site file names, if any.
        calibrations: calibration records; None = those that the site file names, if any.
        remember: keep first-seen times in the store (needs write access; where there is none the result says so).
        zone: of `start` and `end` where they have no offset.
    """

    start: str | None = None
    end: str | None = None
    tags: Sequence[str] = ()
    select: Sequence[str] = ()
    ignore: Sequence[str] = ()
    baseline: Path | None = None
    exceptions: Path | None = None
    calibrations: Path | None = None
    remember: bool = True
    zone: SiteTime = UTC_TIME


def audit_sensors(
    store: Path,
    wanted: Wanted,
    notice: Callable[[Event], None] = lambda event: None,  # noqa: ARG005 - the shape of a notice
    *,
    site: LoadedSite | None = None,
    now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
) -> AuditResult:
    """Judge the tags of a store.

    Args:
        store: folder of the store.
        wanted: range, tags, checks, baseline, exceptions.
        notice: is told about files that had to be left out.
        site: the site file, where there is one: states, exceptions, baselines, facts of tags that the store lacks.
        now_us: wall clock, µs UTC.

    Raises:
        UsageError: `bad-time`, `empty-range`, `unknown-check`, `no-checks`.
        SiteError: `bad-exceptions`, `bad-calibrations`, or the file cannot be read.
        PluginError: a check of another package cannot be loaded.
        IncompleteError: `no-tags`, no tag matches; `no-samples`.
        StoreError: no store; a baseline file that is damaged or none.
    """
    from iiotctl.checks import registry, runner
    from iiotctl.checks.exemptions import divided
    from iiotctl.checks.guard import Guard
    from iiotctl.checks.result import AuditResult

    started = now_us()
    checks = registry.chosen(wanted.select, wanted.ignore)
    if wanted.calibrations is not None and CALIBRATIONS not in checks:
        raise UsageError(
            "bad-value",
            f"`--calibrations` needs the check `{CALIBRATIONS}`, which does not run",
            where=str(wanted.calibrations),
            hint="leave one of the two out; `iiotctl explain` lists the checks",
        )
    exemptions = _exemptions(wanted, site)
    records = _records(wanted, site, checks, started)
    scope = audit_range.scope(store, wanted.start, wanted.end, started, notice, zone=wanted.zone)
    known = audit_facts.known(store, notice, start=scope.start, end=scope.end, site=None if site is None else site.site)
    known, unknown = audit_facts.calibrated(known, records)
    guard = Guard()
    tags = audit_facts.chosen(known, wanted.tags, store)
    frozen = audit_baseline.in_use(store, wanted.baseline, site, tags)
    work = audit_data.Work(
        root=store,
        scope=scope,
        known=known,
        tags=tags,
        checks=checks,
        states={} if site is None else site.site.states,
        baselines=None if frozen is None else frozen.tags,
        guard=guard,
        notice=notice,
    )
    reward = REWARD if site is None else round(site.site.audit.reward * 1e6)
    outcome = runner.Outcome()
    if frozen is not None:
        outcome.not_judged += audit_baseline.misfits(frozen, known.infos, tags)
    shown: list[TagData] = []
    learnt: list[_Learnt] = []
    groups = 0
    for group in audit_data.batches(work):
        found = runner.run(group, checks, guard, detected_at=started, reward=reward)
        outcome.take(found)
        groups += 1
        hit = {tag for one in outcome.findings for tag in (one.tag, *one.tags)}
        shown = [data for data in (*shown, *group) if groups == 1 or data.info.tag in hit]
        learnt += [_brief(data.baseline) for data in group if data.baseline is not None and frozen is None]
    findings = runner.concluded(outcome.findings, {tag: known.infos[tag] for tag in tags})
    findings, warnings = audit_seen.remembered(store, findings, started, reward, write=wanted.remember)
    left, excepted, expired = divided(findings, exemptions, started)
    use = audit_baseline.use_of_file(frozen) if frozen is not None else _use(learnt)
    return AuditResult(
        findings=left,
        skipped=outcome.skipped,
        not_judged=outcome.not_judged,
        failed=guard.failed,
        baseline=use,
        data=shown,
        checks=checks,
        tags=sorted(outcome.tags),
        start=scope.start,
        end=scope.end,
        started=started,
        ended=now_us(),
        excepted=excepted,
        expired=expired,
        warnings=(*scope.warnings, *unknown, *_apart(wanted, checks), *_grouped(groups), *warnings),
        site="" if site is None else site.site.site.name,
        store=str(store),
        tool=__version__,
    )


def _exemptions(wanted: Wanted, site: LoadedSite | None) -> list[Exemption]:
    from iiotctl.checks import registry
    from iiotctl.checks.exemptions import parsed

    path = wanted.exceptions
    if path is None and site is not None and site.site.audit.exceptions is not None:
        path = site.folder / site.site.audit.exceptions
    return [] if path is None else parsed(read_document(path, what="exceptions file"), registry.names())


def _records(
    wanted: Wanted, site: LoadedSite | None, checks: Mapping[str, Check], now: int
) -> Mapping[str, tuple[Calibration, ...]]:
    """Calibrations by tag."""
    from datetime import UTC, datetime

    from iiotctl.checks.calibrations import parsed
    from iiotctl.site.document import read_text

    path = wanted.calibrations
    if path is None and site is not None and site.site.audit.calibrations is not None:
        path = site.folder / site.site.audit.calibrations
    if path is None or CALIBRATIONS not in checks:
        return {}
    text = read_text(path, what="file of calibration records")
    return parsed(text, path.name, today=datetime.fromtimestamp(now / 1e6, UTC).date())


def _apart(wanted: Wanted, checks: Mapping[str, Check]) -> list[str]:
    from iiotctl.checks.relations.learnt import RELATIONS

    related = [name for name, check in checks.items() if RELATIONS in check.needs]
    if not wanted.tags or not related:
        return []
    return [f"`--tags`: relatives were looked for among these tags only ({', '.join(sorted(related))})"]


def _grouped(groups: int) -> list[str]:
    return [f"the tags were judged in {groups} groups; relatives were looked for in each of them"] if groups > 1 else []


@dataclass(frozen=True, slots=True)
class _Learnt:
    """What a report says of one tag's baseline."""

    start: int
    end: int
    sha256: str


def _brief(base: TagBaseline) -> _Learnt:
    from iiotctl.checks.baseline.model import digest

    return _Learnt(base.start, base.end, digest(base))


def _use(learnt: Sequence[_Learnt]) -> BaselineUse:
    """How an audit says that it learnt for this run only."""
    from iiotctl.checks.result import BaselineUse

    if not learnt:
        return BaselineUse("none", "nothing could be learnt: there are no samples to learn from")
    longest = max(one.end - one.start for one in learnt)
    said = f"learnt for this run only from the first {span(longest)} of the store; `iiotctl audit baseline learn` keeps one"
    return BaselineUse(
        "learnt",
        said,
        sha256=hashlib.sha256("".join(one.sha256 for one in learnt).encode()).hexdigest(),
        start=min(one.start for one in learnt),
        end=max(one.end for one in learnt),
        tool=__version__,
        tags=len(learnt),
    )
