"""Copy sealed files to another folder (a share, a lake that many stores feed), where any reader can use them.

Files never change and carry names that no other store gives, so no coordinator is needed. Compaction makes new files of
old rows, so names alone do not tell what a target has: each compacted file says in its footer which rows of which
captured file it holds (`standing.Lineage`). What takes the place of what follows from that, and a replacement happens
in one entry of the target's manifest. Whatever was delivered once and is not at the target any more was let go there,
and does not come again; what expired or was lost here stays there. What was delivered stands in
`pushed/<id of the store>.txt`.
"""

from __future__ import annotations

import errno
import hashlib
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from iiotctl.errors import StoreError
from iiotctl.store import layout as places
from iiotctl.store import ledger, standing
from iiotctl.store.durable import Disk, write_file
from iiotctl.store.layout import KINDS, PART_SUFFIX, TMP_SUFFIX, UPKEEP_LOG, Layout, compacted_by, segment_of
from iiotctl.store.ledger import Ledger
from iiotctl.store.manifest import Manifest, SealedFile
from iiotctl.store.standing import Lineage
from iiotctl.store.upkeep import PATIENCE_US
from iiotctl.store.writer import check_store, prepare

ID_NAME: Final = "store.id"
_CHUNK: Final = 1 << 20
_BATCH: Final = 64
"""Files that share one entry of the manifest, so that an interrupted push goes on where it was."""


class ShareDisk(Disk):
    """A disk that may be a share: some cannot sync a folder, and say so."""

    def sync_dir(self, path: Path) -> None:
        """As of a disk, where the share can."""
        try:
            super().sync_dir(path)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EACCES):
                raise


@dataclass(slots=True)
class Pushed:
    """What `push` did.

    Attributes:
        files, size: copied now, and their bytes.
        already: files that were there.
        replaced: files of the target that a copied one stands for.
        damaged: files whose bytes are not those that were written, by path; they stay here.
        unknown: files that no manifest knows, by path; they stay here.
        missing: files that a manifest knows and that are gone, by path.
        withheld: compacted files with rows that the target has let go among others, by path.
    """

    files: int = 0
    size: int = 0
    already: int = 0
    replaced: int = 0
    damaged: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    withheld: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Step:
    """What belongs together in one change of the target."""

    new: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)


def push(
    root: Path, target: Path, *, now_us: Callable[[], int], dry_run: bool = False, disk: Disk | None = None
) -> Pushed:
    """Copy what the target has not yet.

    Args:
        root: a store; a capture may be writing it. Rows in its spool wait for their seal.
        target: folder; made when missing, must be empty or a target already.
        now_us: wall clock, µs UTC.
        dry_run: only count.
        disk: where changes go.

    Raises:
        StoreError: no store; `push-target`; `push-failed`, the target cannot be written (what was copied counts).
    """
    disk = disk or ShareDisk()
    source, there = Layout(root.absolute()), Layout(target.absolute())
    check_store(source)
    _check_target(source, there)
    work = _Work(source, there, disk, Pushed(), now_us)
    try:
        if not dry_run:
            disk.make_dir(there.pushed)  # first: it tells a target from a store of its own
            prepare(there, disk)
        work.run(dry_run=dry_run)
    except OSError as error:
        raise StoreError(
            "push-failed",
            "the target cannot be written; what was copied before counts",
            where=str(there.root),
            cause=str(error),
            hint="make room or mount the share again, then repeat `iiotctl store push`",
            retriable=True,
        ) from error
    return work.result


class _Work:
    """One push."""

    def __init__(self, source: Layout, there: Layout, disk: Disk, result: Pushed, now_us: Callable[[], int]) -> None:
        self.source, self.there, self.disk, self.result, self.now_us = source, there, disk, result, now_us
        self.entries = {path: versions[-1] for path, versions in ledger.read_all(source).items()}
        self.at_target = ledger.read(there)
        self.delivered: set[str] = set()

    def run(self, *, dry_run: bool) -> None:
        """Bring over what is new, step by step."""
        here = _counting(self.source, ledger.read(self.source), self.result)
        log = self.there.pushed / f"{_identity(self.source, self.disk, make=not dry_run)}.txt"
        self.delivered = _lines(log)
        if not dry_run:
            # announced just before a cut that kept it out of the log
            self._note(log, [name for names in here.values() for name in names if name in self.at_target.ranges])
        run = places.new_run(self.now_us(), secrets.token_hex(4))
        manifest = Manifest(self.disk, self.there.manifest / f"{UPKEEP_LOG}{run}.log")
        try:
            for step in self._steps(here):
                if dry_run:
                    self._count(step.new, step.gone)
                    continue
                copied = [name for name in step.new if self._copy(self.entries[name])]
                if not copied or (step.gone and len(copied) < len(step.new)):
                    continue  # a replacement counts whole or not at all
                manifest.replace([self.entries[name] for name in copied], step.gone, "compacted", self.now_us())
                self._note(log, copied)
                self._count(copied, step.gone)
            if not dry_run:
                self._delete()
        finally:
            manifest.close()

    def _count(self, copied: list[str], gone: list[str]) -> None:
        self.result.files += len(copied)
        self.result.size += sum(self.entries[name].size for name in copied)
        self.result.replaced += len(gone)

    # --- what takes the place of what ---

    def _steps(self, here: dict[tuple[str, str], list[str]]) -> Iterator[_Step]:
        held: dict[tuple[str, str], list[str]] = defaultdict(list)
        for name in self.at_target.ranges:
            table, day, _ = name.split("/")
            held[table, day].append(name)
        waiting = _Step()
        for key in sorted(here):
            known = [name for name in here[key] if name in self.entries]
            # a damaged manifest may tell of a file without its hash
            self.result.unknown += [name for name in here[key] if name not in self.entries]
            new = [name for name in known if name not in self.at_target.ranges]
            self.result.already += len(known) - len(new)
            for step in self._of_date(new, [name for name in held[key] if name not in here[key]]):
                if step.gone:
                    yield step
                    continue
                waiting.new += step.new
                if len(waiting.new) >= _BATCH:
                    yield waiting
                    waiting = _Step()
        if waiting.new:
            yield waiting

    def _of_date(self, new: list[str], old: list[str]) -> Iterator[_Step]:
        """Steps of one date: files that share a captured file stay together.

        Args:
            new: files here that are not at the target.
            old: files at the target that are not here; also those of other stores.
        """
        ours = {name: standing.lineage(self.source.root / name) for name in new}
        theirs = {name: standing.lineage(self.there.root / name) for name in old}
        for group in _related(ours, theirs):
            mine = [name for name in group if name in ours]
            gone = [name for name in group if name in theirs]
            parts = {part for name in mine for part in _parts(ours[name])}
            before = {part for part in parts if part in self.delivered or part.partition("@")[0] in self.delivered}
            if not mine or (before and before == parts and not gone):
                continue  # without successors here, or let go there
            if not before:
                yield _Step(mine, [])
            elif self._covers(ours, mine, theirs, gone, before):
                yield _Step(mine, gone)
            else:
                self.result.withheld += mine

    def _covers(
        self, ours: dict[str, Lineage], mine: list[str], theirs: dict[str, Lineage], gone: list[str], before: set[str]
    ) -> bool:
        """Whether the new files hold every row of the old ones, and nothing that the target let go."""
        rows: dict[str, dict[int, int]] = defaultdict(dict)
        for name in mine:
            for leaf, hours in ours[name].items():
                rows[leaf].update(hours)
        standing_there: set[str] = set()
        for name in gone:
            if compacted_by(self.there.root / name) is None:
                leaf = Path(name).name
                if sum(rows.get(leaf, {}).values()) != self.at_target.ranges[name].rows:
                    return False
                standing_there.update(f"{leaf}@{hour}" for hour in rows[leaf])
                continue
            for leaf, hours in theirs[name].items():
                if any(rows.get(leaf, {}).get(hour) != count for hour, count in hours.items()):
                    return False
            standing_there.update(_parts(theirs[name]))
        return before <= standing_there

    # --- files ---

    def _copy(self, entry: SealedFile) -> bool:
        """Put one file at its place in the target, whole and synced; False when it is damaged or gone here."""
        final = self.there.root / entry.path
        self.disk.make_dir(final.parent)
        scratch = final.with_name(final.name + PART_SUFFIX)
        descriptor = self.disk.create(scratch)
        digest = hashlib.sha256()
        try:
            with (self.source.root / entry.path).open("rb") as file:
                while data := file.read(_CHUNK):
                    digest.update(data)
                    self.disk.write(descriptor, data)
            self.disk.sync(descriptor)
        except FileNotFoundError:
            self.disk.unlink(scratch)
            return False  # replaced since we looked: the next push brings what took over
        except OSError:
            self.disk.unlink(scratch)
            raise
        finally:
            self.disk.close(descriptor)
        if digest.hexdigest() != entry.sha256:
            self.disk.unlink(scratch)
            self.result.damaged.append(entry.path)
            return False
        self.disk.rename(scratch, final)
        self.disk.sync_dir(final.parent)
        return True

    def _note(self, log: Path, names: Iterable[str]) -> None:
        """Remember what was delivered: files, and of compacted ones their parts."""
        lines = []
        for name in names:
            lines += [Path(name).name, *sorted(_parts(standing.lineage(self.source.root / name)))]
        fresh = [line for line in lines if line not in self.delivered]
        if fresh:
            self.delivered.update(fresh)
            text = "".join(f"{line}\n" for line in sorted(self.delivered))
            write_file(self.disk, log, text.encode(), log.with_suffix(TMP_SUFFIX))

    def _delete(self) -> None:
        """Files of the target that were replaced so long ago that nobody reads them any more."""
        patient = self.now_us() - PATIENCE_US
        for name, removal in ledger.read(self.there).removed.items():
            if removal.at <= patient:
                self.disk.unlink(self.there.root / name)


def _parts(lineage: Lineage) -> set[str]:
    """A name for each hour of each captured file: `raw-….parquet@495321`; without hours the file's alone."""
    return {f"{leaf}@{hour}" for leaf, hours in lineage.items() for hour in hours} | {
        leaf for leaf, hours in lineage.items() if not hours
    }


def _related(*files: Mapping[str, Lineage]) -> list[list[str]]:
    """Names of files in groups: those that hold rows of one captured file stand together."""
    groups: list[tuple[set[str], list[str]]] = []
    for name, lineage in (item for each in files for item in each.items()):
        leaves, names, apart = set(lineage), [name], []
        for other in groups:
            if other[0].isdisjoint(leaves):
                apart.append(other)
            else:
                leaves |= other[0]
                names = other[1] + names
        groups = [*apart, (leaves, names)]
    return [names for _, names in groups]


def _counting(source: Layout, known: Ledger, result: Pushed) -> dict[tuple[str, str], list[str]]:
    """Names of the files that count here, by table and folder; those of segments in the spool are left out."""
    unsealed = {name for name, _ in source.segments()}
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    there: set[str] = set()
    for table in KINDS:
        for path in standing.counting(source, known, list(source.files(table))):
            name = ledger.path_of(source, path)
            there.add(name)
            if segment_of(path) in unsealed:
                continue
            if name in known.ranges:
                found[table, path.parent.name].append(name)
            else:
                result.unknown.append(name)
    result.missing = sorted(
        name
        for name in known.ranges.keys() - there
        if segment_of(source.root / name) not in unsealed and not (source.root / name).exists()
    )
    return found


def _check_target(source: Layout, there: Layout) -> None:
    cause = ""
    if there.root == source.root or source.root in there.root.parents or there.root in source.root.parents:
        cause = "one of the two folders lies within the other"
    elif there.pushed.is_dir():
        return
    elif there.root.exists() and not there.root.is_dir():
        cause = "it is a file"
    elif there.store_toml.exists():
        cause = "it is a store of its own, which a capture or an import fills"
    elif there.root.is_dir() and any(there.root.iterdir()):
        cause = "it holds other files and is no store"
    if cause:
        raise StoreError(
            "push-target",
            "this folder cannot take what is pushed",
            where=str(there.root),
            cause=cause,
            hint="name a new folder, e.g. `iiotctl store push /mnt/share/history`",
        )


def _identity(source: Layout, disk: Disk, *, make: bool) -> str:
    """Name of the store at its targets: eight random bytes, chosen with the first push."""
    path = source.root / ID_NAME
    if not path.exists() and make:
        write_file(disk, path, f"{secrets.token_hex(8)}\n".encode(), path.with_suffix(TMP_SUFFIX))
    text = path.read_text(encoding="ascii").strip() if path.exists() else "new"
    return text if text.isalnum() else hashlib.sha256(text.encode()).hexdigest()[:16]


def _lines(log: Path) -> set[str]:
    """What was delivered ever."""
    try:
        return set(log.read_text(encoding="utf-8", errors="replace").splitlines())
    except FileNotFoundError:
        return set()
