"""One physical cause on many tags (a link, an input card, a clock) is one finding; a pair that is decided is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from iiotctl.checks.conclude import work_order
from iiotctl.checks.features.columns import MINUTE
from iiotctl.checks.tagdata import TagInfo
from iiotctl.findings import Finding, Severity

FEWEST: Final = 3
"""So many tags of one source with the same trouble at the same time have one cause; or all tags there are."""
NEAR: Final = 2 * MINUTE
"""µs by which their starts and ends may differ."""
_NAMED: Final = 3
_FOREVER: Final = 1 << 63


def merged(findings: Sequence[Finding], infos: Mapping[str, TagInfo], *, near: int = NEAR) -> list[Finding]:
    """The findings, those of one check that begin and end together on many tags as one.

    Args:
        findings: each of one tag.
        infos: facts of every tag that was judged, by name.
        near: µs.
    """
    left: list[Finding] = []
    groups: dict[tuple[str, str, bool], list[Finding]] = {}
    for finding in sorted(findings, key=lambda one: (one.start or 0, one.tag or "")):
        if finding.tag is None or finding.tags:
            left.append(finding)
        else:
            groups.setdefault((finding.check, finding.key, finding.end is None), []).append(finding)
    for of_kind in groups.values():
        waiting = of_kind
        while waiting:
            together = [one for one in waiting if _near(one, waiting[0], near)]
            waiting = [one for one in waiting if one not in together]
            left += _causes(together, infos)
    return left


def decided(findings: Sequence[Finding]) -> list[Finding]:
    """The findings, without pairs of which one tag is known to be at fault at that time: that is why they differ.

    Args:
        findings: of all checks and tags.
    """
    sure = [one for one in findings if not one.undecided and one.severity.reaches(Severity.MEDIUM)]
    return [
        one
        for one in findings
        if not one.undecided
        or not any(_overlap(one, other) and not set(one.tags).isdisjoint({other.tag, *other.tags}) for other in sure)
    ]


def _overlap(one: Finding, other: Finding) -> bool:
    return (one.start or 0) < (other.end or _FOREVER) and (other.start or 0) < (one.end or _FOREVER)


def _near(one: Finding, other: Finding, near: int) -> bool:
    ends = one.end is None or other.end is None or abs(one.end - other.end) <= near
    return abs((one.start or 0) - (other.start or 0)) <= near and ends


def _causes(together: Sequence[Finding], infos: Mapping[str, TagInfo]) -> list[Finding]:
    tags = {one.tag for one in together}
    if len(tags) > 1 and tags == infos.keys():
        return [_one(together, infos, "")]
    by_source: dict[str, list[Finding]] = {}
    for finding in together:
        info = infos.get(finding.tag or "")
        by_source.setdefault(info.source if info else "", []).append(finding)
    found: list[Finding] = []
    for source, of_source in by_source.items():
        if len({one.tag for one in of_source}) >= FEWEST:
            found.append(_one(of_source, infos, source))
        else:
            found += of_source
    return found


def _one(together: Sequence[Finding], infos: Mapping[str, TagInfo], source: str) -> Finding:
    worst = min(together, key=lambda one: (one.severity.rank, one.start or 0, one.tag or ""))
    tags = tuple(sorted({one.tag for one in together if one.tag}))
    whose = "all tags" if tags == tuple(sorted(infos)) else f"{len(tags)} tags"
    where = f"{whose} of `{source}`" if source else whose
    named = ", ".join(tags[:_NAMED]) + (f" and {len(tags) - _NAMED} more" if len(tags) > _NAMED else "")
    message = f"{where} at the same time ({named}); at {worst.tag}: {worst.message}"
    assets = {one.asset for one in together}
    start, ends = min(one.start or 0 for one in together), [one.end for one in together if one.end is not None]
    cause = "look at what they share first: link, input card, power supply, clock"
    second = "each of them for itself, by chance"
    return replace(
        worst,
        message=message,
        tag=None,
        tags=tags,
        asset=assets.pop() if len(assets) == 1 else "",
        start=start,
        end=max(ends) if ends else None,
        key=f"source {source}/{worst.key}" if source or worst.key else "all",
        remediation=f"{cause}; then {worst.remediation}" if worst.remediation else cause,
        second_cause=second,
        work_order=work_order(
            message,
            tag=where,
            start=start,
            end=max(ends) if ends else None,
            action=cause,
            second_cause=second,
        ),
    )
