"""`audit baseline`: learn what is normal, freeze it, look at it, compare two, approve one, use it."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from iiotctl import __version__
from iiotctl.checks.baseline import file as files
from iiotctl.checks.baseline.file import SUFFIX, Frozen, Header
from iiotctl.checks.conclude import instant
from iiotctl.errors import IncompleteError, StoreError, UsageError
from iiotctl.events import Event, Level
from iiotctl.findings import NotJudged
from iiotctl.history.time.sitetime import UTC_TIME, SiteTime
from iiotctl.reports import target
from iiotctl.store.layout import Layout

if TYPE_CHECKING:
    from iiotctl.checks.result import BaselineUse
    from iiotctl.checks.tagdata import TagInfo
    from iiotctl.site.load import LoadedSite

_VERSIONED: Final = re.compile(r"(?P<name>.+)-v(?P<version>[1-9]\d*)")
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*")
_APPROVAL: Final = ".approval.json"
NOT_KNOWN: Final = "baseline"
"""Under this name stands that the baseline does not fit a tag."""


@dataclass(frozen=True, slots=True)
class Approval:
    """Who said that a baseline shows the plant as it should be.

    Attributes:
        by: name.
        at: µs UTC.
        sha256: of the content that was approved.
    """

    by: str
    at: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to learn from.

    Attributes:
        start, end: `--from` and `--to` as typed; both None = the first two days of each tag.
        tags: names or patterns; () = all.
        output: file to write; None = the next version of `name` beside the site file, or in the store.
        name: of the baseline.
        zone: of `start` and `end` where they have no offset.
    """

    start: str | None = None
    end: str | None = None
    tags: Sequence[str] = ()
    output: Path | None = None
    name: str = "baseline"
    zone: SiteTime = UTC_TIME


def learn(
    store: Path,
    wanted: Wanted,
    notice: Callable[[Event], None] = lambda event: None,  # noqa: ARG005 - the shape of a notice
    *,
    site: LoadedSite | None = None,
    now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
) -> Frozen:
    """Learn what is normal from a period, and write it down once and for all.

    Args:
        store: folder of the store.
        wanted: from what, and where to.
        notice: is told about files that had to be left out.
        site: the site file, where there is one.
        now_us: wall clock, µs UTC.

    Raises:
        UsageError: `bad-time`, `empty-range`, `output-exists`; `bad-value`, the name cannot be that of a file.
        IncompleteError: `no-tags`, `no-samples`; `nothing-learnt`, no tag has samples in the period.
        StoreError: no store.
        PluginError: a check of another package cannot be loaded, or one crashed while learning.
    """
    from iiotctl.checks import registry
    from iiotctl.checks.guard import Guard
    from iiotctl.errors import PluginError
    from iiotctl.ops import audit_data, audit_facts, audit_range

    now = now_us()
    path, name, version = _place(store, wanted, site)
    scope = audit_range.scope(store, wanted.start, wanted.end, now, notice, zone=wanted.zone)
    of_site = None if site is None else site.site
    known = audit_facts.known(store, notice, start=scope.start, end=scope.end, site=of_site)
    guard = Guard()
    work = audit_data.Work(
        root=store,
        scope=scope,
        known=known,
        tags=audit_facts.chosen(known, wanted.tags, store),
        checks=registry.chosen(),
        states={} if of_site is None else of_site.states,
        baselines=None,
        guard=guard,
        notice=notice,
    )
    named = wanted.start is not None or wanted.end is not None
    found = audit_data.period(work, scope.start, scope.end) if named else audit_data.learned(work)
    if guard.failed:
        first = guard.failed[0]
        raise PluginError(
            "check-failed",
            f"the check `{first.check}` crashed while it learnt",
            where=f"{first.where}, tag {first.tag}" if first.tag else first.where,
            cause=first.error,
            hint="report it; audits go on without it: `iiotctl audit sensors`",
        )
    if not found:
        raise IncompleteError(
            "nothing-learnt",
            "no tag has samples in the period to learn from",
            where=f"{instant(scope.start)} to {instant(scope.end)}",
            hint="`iiotctl store status` shows from when to when there are samples",
        )
    start = scope.start if named else min(base.start for base in found.values())
    end = scope.end if named else max(base.end for base in found.values())
    header = Header(name, version, __version__, now, start, end, named, len(found), str(store))
    content, header = files.encoded(header, found)
    _write(path, content, own=wanted.output is None)
    return Frozen(header, found, path)


def opened(path: Path, tags: Collection[str] | None = None) -> tuple[Frozen, Approval | None]:
    """A baseline, and who approved it.

    Raises:
        StoreError: see `files.read`.
    """
    frozen = files.read(path, tags)
    return frozen, _approval(path, frozen.header.sha256)


def listed(
    store: Path, site: LoadedSite | None, notice: Callable[[Event], None]
) -> list[tuple[Path, Header, Approval | None]]:
    """The baselines beside the site file and in the store, newest first.

    Args:
        store: folder of the store.
        site: the site file, where there is one.
        notice: is told about files that cannot be used.
    """
    found = []
    for path in _files(store, site):
        try:
            header = files.header_of(path)
        except StoreError as error:
            notice(Event(Level.WARNING, error.slug, f"{path}: {error.what}"))
            continue
        found.append((path, header, _approval(path, header.sha256)))
    return sorted(found, key=lambda one: (-one[1].made_at, -one[1].version, str(one[0])))


def approve(
    path: Path, by: str, *, now_us: Callable[[], int] = lambda: time.time_ns() // 1000
) -> tuple[Frozen, Approval]:
    """Say that a baseline shows the plant as it should be: audits use it from now on without being told.

    Kept beside the file, with the hash of its content: the file itself stays as it was learnt.

    Args:
        path: of the baseline.
        by: who says so.
        now_us: wall clock, µs UTC.

    Raises:
        UsageError: `bad-value`, nobody's name; `output-unwritable`.
        StoreError: see `files.read`.
    """
    if not by.strip():
        raise UsageError("bad-value", "an approval needs a name", where="--by", hint='e.g. `--by "M. Meier"`')
    frozen = files.read(path)
    approval = Approval(" ".join(by.split()), now_us(), frozen.header.sha256)
    try:
        _beside(path).write_text(json.dumps(asdict(approval), indent=1) + "\n", "utf-8")
    except OSError as error:
        raise UsageError(
            "output-unwritable",
            "the approval cannot be kept beside the baseline",
            where=str(_beside(path)),
            cause=error.strerror,
            hint="copy the baseline to a folder of your own, and approve it there",
        ) from error
    return frozen, approval


def in_use(store: Path, named: Path | None, site: LoadedSite | None, tags: Collection[str]) -> Frozen | None:
    """The baseline that an audit goes by: the named one, else the newest approved one; None = there is none.

    Args:
        store: folder of the store.
        named: `--baseline`.
        site: the site file, where there is one.
        tags: those that are judged; no others are read.

    Raises:
        StoreError: see `files.read`.
    """
    if named is not None:
        return files.read(named, tags)
    # one that somebody approved and that cannot be read any more must not be passed over in silence
    approved = [path for path in _files(store, site) if _beside(path).exists()]
    headers = [(header, path) for path in approved if _approval(path, (header := files.header_of(path)).sha256)]
    newest = max(headers, key=lambda one: (one[0].made_at, one[0].version), default=None)
    return None if newest is None else files.read(newest[1], tags)


def misfits(frozen: Frozen, infos: Mapping[str, TagInfo], tags: Iterable[str]) -> list[NotJudged]:
    """Tags that the baseline does not know, or knows in another unit."""
    found = []
    name = f"{frozen.header.name}-v{frozen.header.version}"
    for tag in tags:
        base = frozen.tags.get(tag)
        if base is None:
            found.append(NotJudged(NOT_KNOWN, tag, f"the baseline `{name}` does not know this tag"))
        elif base.unit != infos[tag].unit:
            units = f"in `{base.unit}`, it is in `{infos[tag].unit}`"
            found.append(NotJudged(NOT_KNOWN, tag, f"the baseline `{name}` knows this tag {units}"))
    return found


def use_of_file(frozen: Frozen) -> BaselineUse:
    """How an audit says by what it judged."""
    from iiotctl.checks.result import BaselineUse

    header = frozen.header
    approval = _approval(frozen.path, header.sha256)
    who = f"approved by {approval.by} on {instant(approval.at)[:10]}" if approval else "not approved by anybody"
    return BaselineUse(
        "file",
        f"baseline `{header.name}` version {header.version}, {who}",
        name=header.name,
        version=header.version,
        path=str(frozen.path),
        sha256=header.sha256,
        start=header.start,
        end=header.end,
        tool=header.tool,
        approved_by=approval.by if approval else "",
        approved_at=approval.at if approval else None,
        tags=header.tags,
    )


def _files(store: Path, site: LoadedSite | None) -> list[Path]:
    return [path for folder in _folders(store, site) for path in sorted(folder.glob(f"*{SUFFIX}"))]


def _folders(store: Path, site: LoadedSite | None) -> list[Path]:
    beside = [] if site is None else [site.folder / "baselines"]
    return [*beside, Layout(store.absolute()).baselines]


def _place(store: Path, wanted: Wanted, site: LoadedSite | None) -> tuple[Path, str, int]:
    """Which file, of which name and version."""
    if wanted.output is not None:
        path = wanted.output
        target.check_place(path)
        match = _VERSIONED.fullmatch(path.stem)
        return path, match["name"] if match else path.stem, int(match["version"]) if match else 1
    if not _NAME.fullmatch(wanted.name):
        raise UsageError(
            "bad-value",
            f"`{wanted.name}` cannot name a baseline; use letters, digits, `_`, `.` and `-`",
            where="--name",
        )
    folder = _folders(store, site)[0]
    matches = (_VERSIONED.fullmatch(path.stem) for path in folder.glob(f"{wanted.name}-v*{SUFFIX}"))
    version = 1 + max((int(match["version"]) for match in matches if match and match["name"] == wanted.name), default=0)
    return folder / f"{wanted.name}-v{version}{SUFFIX}", wanted.name, version


def _write(path: Path, content: bytes, *, own: bool) -> None:
    """Never over a file that is there. `own`: our own folder, which may lie in the store."""
    if not own:
        with target.binary(path) as stream:
            stream.write(content)
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise UsageError(
            "output-unwritable",
            "the baseline cannot be written",
            where=str(path),
            cause=error.strerror,
            hint="choose a folder of your own: `--output FILE`",
        ) from error


def _beside(path: Path) -> Path:
    return path.with_name(path.stem + _APPROVAL)


def _approval(path: Path, sha256: str) -> Approval | None:
    """Of this very content; one of another content counts as none."""
    try:
        said = json.loads(_beside(path).read_text("utf-8"))
        approval = Approval(str(said["by"]), int(said["at"]), str(said["sha256"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return approval if approval.sha256 == sha256 else None
