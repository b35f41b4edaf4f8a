"""Compaction: the small files of closed hours become one an hour, those of other tables one a date.

Order of the steps, each durable before the next: write the new files under scratch names and sync them · read them back
(every row of the old ones must be there, in order) · rename · sync the folder · one manifest entry, at which the new take
over from the old at one instant · delete the old when no reader can want them. Cut off before the entry, the next run
removes the new files; after it, the old ones. Design §4.3; what readers do is in `snapshot` and `standing`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

from iiotctl.errors import StoreError
from iiotctl.store import ledger, merge, plan
from iiotctl.store.durable import Disk
from iiotctl.store.layout import KINDS, SAMPLES, SCRATCH_SUFFIX, Layout, Table
from iiotctl.store.ledger import Ledger
from iiotctl.store.manifest import SealedFile
from iiotctl.store.plan import Part
from iiotctl.store.seal import ROW_GROUP
from iiotctl.store.standing import Lineage, Origin, lineage
from iiotctl.store.upkeep import Deleted, Upkeep
from iiotctl.store.writer import check_store

DAY_ROW_GROUP: Final = 1_000_000
"""Times of a whole day fill the dictionary of a smaller group: 4.2 B a row in groups of 90,000, 2.3 here (measured)."""
WHY: Final = "compacted"


@dataclass(frozen=True, slots=True)
class Change:
    """What became of some files of one date.

    Attributes:
        table, day: of them.
        form: `hour` or `day`, what the new files hold.
        before, after: number of files.
        rows: in them, before as after.
        size_before, size_after: bytes; the latter None when nothing was written (`dry_run`).
    """

    table: Table
    day: date
    form: str
    before: int
    after: int
    rows: int
    size_before: int
    size_after: int | None = None


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """A file that was not touched, and why."""

    path: Path
    cause: str


@dataclass(slots=True)
class Compaction:
    """What a compaction did.

    Attributes:
        changes: by table and date.
        left: files that are not as a manifest says, or that none knows.
        deleted: of files that were replaced, now or earlier.
        gathered: manifests that became one.
    """

    changes: list[Change] = field(default_factory=list)
    left: list[LeftAlone] = field(default_factory=list)
    deleted: Deleted = field(default_factory=Deleted)
    gathered: int = 0


def compact(
    root: Path,
    *,
    now_us: Callable[[], int],
    daily_after_us: int | None = None,
    disk: Disk | None = None,
    notice: Callable[[Change], None] | None = None,
) -> Compaction:
    """Compact a store, beside captures, imports and readers.

    Args:
        root: folder of the store, on a local disk.
        now_us: wall clock, µs UTC.
        daily_after_us: samples of dates that ended so long ago become one file a date; None = never.
        disk: where changes go; tests put a recorder here.
        notice: told of each change as it is done.

    Raises:
        StoreError: `upkeep-running`, `compact-failed`, `compact-mismatch`; no store, remote, or not writable. What was
            done before stays done, the rest is as it was.
    """
    with Upkeep.open(root, now_us=now_us, disk=disk) as upkeep:
        work = _Work(upkeep, plan.Rules(now_us(), daily_after_us), notice)
        for log, valid, size in ledger.torn(upkeep.layout):
            work.done.left.append(LeftAlone(log, f"the manifest is damaged: readable up to byte {valid} of {size}"))
        try:
            work.done.deleted = upkeep.delete()
            for part in _parts(upkeep.layout, upkeep.ledger, work.rules, work.done):
                work.carry_out(part)
            work.done.gathered = upkeep.gather()
        except OSError as error:
            raise _failed(upkeep.layout, error) from error
    return work.done


def preview(root: Path, *, now_us: int, daily_after_us: int | None = None) -> Compaction:
    """What `compact` would do, from names and manifests alone; nothing is changed.

    Raises:
        StoreError: no store, or one of a newer version.
    """
    layout = Layout(root.absolute())
    check_store(layout)
    done = Compaction()
    for part in _parts(layout, ledger.read(layout), plan.Rules(now_us, daily_after_us), done):
        size = sum(size_of(path) for path in part.paths)
        after = 1 if part.form == plan.DAY else len(part.hours)
        done.changes.append(Change(part.table, part.day, part.form, len(part.files), after, part.rows, size))
    return done


def size_of(path: Path) -> int:
    """Bytes of a file; 0 when it is gone."""
    with suppress(OSError):
        return path.stat().st_size
    return 0


def _parts(layout: Layout, known: Ledger, rules: plan.Rules, done: Compaction) -> Iterator[Part]:
    """What there is to do; files that nobody may touch are noted."""
    for table in KINDS:
        for day, files, left in plan.files_by_date(layout, known, table):
            done.left.extend(LeftAlone(path, cause) for path, cause in left)
            yield from plan.parts(table, day, files, rules)


class _Work:
    """A compaction under way."""

    def __init__(self, upkeep: Upkeep, rules: plan.Rules, notice: Callable[[Change], None] | None) -> None:
        self.rules, self.done = rules, Compaction()
        self._upkeep, self._notice = upkeep, notice
        self._hashes: dict[str, list[bytes]] | None = None

    def carry_out(self, part: Part) -> None:
        """Replace the files of a part, and delete them when nobody reads."""
        inputs, sound = merge.Inputs(part.table), []
        for one in part.files:
            try:
                self._check_hash(one.path)
                inputs.look(one.path)
            except (merge.Damaged, OSError) as error:
                self.done.left.append(LeftAlone(one.path, str(error)))
            else:
                sound.append(one)
        if len(sound) < len(part.files):
            # without the others it may not be worth it, or be other parts
            for smaller in plan.parts(part.table, part.day, sound, self.rules):
                self.carry_out(smaller)
            return
        before = sum(size_of(path) for path in part.paths)
        entries = _replace(self._upkeep, part, inputs)
        after = sum(entry.size for entry in entries)
        change = Change(part.table, part.day, part.form, len(sound), len(entries), inputs.total.rows, before, after)
        self.done.changes.append(change)
        self.done.deleted = self.done.deleted.then(self._upkeep.delete())
        if self._notice is not None:
            self._notice(change)

    def _check_hash(self, path: Path) -> None:
        """Damage must not get a new hash."""
        if self._hashes is None:
            self._hashes = ledger.hashes(self._upkeep.layout)
        known = self._hashes.get(ledger.path_of(self._upkeep.layout, path), [])
        if bytes.fromhex(merge.sha256_of(path)) not in known:
            raise merge.Damaged(path, "its hash is not the one that was written")


def _replace(upkeep: Upkeep, part: Part, inputs: merge.Inputs) -> list[SealedFile]:
    """Write the new files of a part, compare them with the old ones, and let them take over."""
    layout, disk = upkeep.layout, upkeep.disk
    day = part.day_number * 24
    spans: list[tuple[int | None, range]] = [(None, range(day, day + 24))]
    if part.form == plan.HOUR:
        spans = [(hour - day, range(hour, hour + 1)) for hour in sorted(inputs.counts)]
    finals = {layout.compacted(part.table, part.day, hour, upkeep.name()): hours for hour, hours in spans}
    scratch = {final: final.with_name(final.name + SCRATCH_SUFFIX) for final in finals}
    try:
        entries = _written(upkeep, part, inputs, finals, scratch)
    except BaseException as error:
        # Give the space back. A kill leaves it to the next run.
        for path in scratch.values():
            with suppress(OSError):
                disk.unlink(path)
        if isinstance(error, merge.Damaged):
            raise _mismatch(error.path, error.cause) from error
        raise
    for final, path in scratch.items():
        disk.rename(path, final)
    disk.sync_dir(next(iter(finals)).parent)
    gone = [ledger.path_of(layout, path) for path in part.paths]
    upkeep.manifest.replace(entries, gone, WHY, upkeep.now_us())
    return entries


def _written(
    upkeep: Upkeep, part: Part, inputs: merge.Inputs, finals: Mapping[Path, range], scratch: Mapping[Path, Path]
) -> list[SealedFile]:
    """Entries of the new files, which are there under their scratch names and hold every row of the old ones."""
    names = tuple(final.name for final in finals)
    origin = Origin(tuple(path.name for path in part.paths), names)
    sources = [lineage(one.path, one.hours) for one in inputs.files]
    row_group = DAY_ROW_GROUP if part.form == plan.DAY and part.table == SAMPLES else ROW_GROUP
    total, entries = merge.Sum(), []
    for final, hours in finals.items():
        path = scratch[final]
        metadata = origin.metadata(_within(sources, hours))
        facts = merge.write(upkeep.disk, path, inputs, hours, metadata=metadata, row_group=row_group)
        total += merge.check(part.table, path)
        if merge.sha256_of(path) != facts.sha256:
            raise merge.Damaged(path, "its bytes read back are not those that were written")
        entries.append(_entry(upkeep.layout, part.table, final, facts, upkeep.now_us()))
    if total != inputs.total:
        cause = f"{total.rows} rows instead of {inputs.total.rows}, or not the same ones"
        raise merge.Damaged(next(iter(scratch.values())), cause)
    return entries


def _within(sources: Sequence[Lineage], hours: range) -> Lineage:
    """Of where the inputs' rows come from, what stands in some hours."""
    found: Lineage = {}
    for source in sources:
        for name, rows in source.items():
            parts = {hour: count for hour, count in rows.items() if hour in hours}
            if parts:
                held = found.setdefault(name, {})
                held.update({hour: held.get(hour, 0) + count for hour, count in parts.items()})
    return found


def _entry(layout: Layout, table: str, final: Path, facts: merge.Written, at: int) -> SealedFile:
    return SealedFile(
        path=ledger.path_of(layout, final),
        kind=table,
        sha256=facts.sha256,
        size=facts.size,
        rows=facts.rows,
        at=at,
        tag_min=facts.tag_min,
        tag_max=facts.tag_max,
        ts_min=facts.ts_min,
        ts_max=facts.ts_max,
    )


def _mismatch(path: Path, cause: str) -> StoreError:
    return StoreError(
        "compact-mismatch",
        "a compacted file does not hold what the files before it held; those stay",
        where=str(path),
        cause=cause,
        hint="the disk or the memory may be failing: check them, then run `iiotctl store verify`",
    )


def _failed(layout: Layout, error: OSError) -> StoreError:
    return StoreError(
        "compact-failed",
        "the store could not be compacted further; nothing is lost and nothing is there twice",
        where=str(error.filename or layout.root),
        cause=error.strerror or str(error),
        hint="free space or repair the disk, then `iiotctl store compact` again",
        retriable=True,
    )
