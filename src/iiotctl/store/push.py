"""Copy sealed files to another folder (a share, a lake that many stores feed), where any reader can use them.

Files never change and carry names that no other store gives, so no coordinator is needed. What a store has
pushed stands at the target in `pushed/<id of the store>.txt`: what was removed there on purpose does not come
again, and what compaction has replaced here is replaced there, in one step of the target's manifest. Rows that
expired here stay there. A target is compacted at its sources, never by itself.
"""

from __future__ import annotations

import errno
import hashlib
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from iiotctl.errors import StoreError
from iiotctl.store import layout as places
from iiotctl.store import ledger, standing
from iiotctl.store.durable import Disk, write_file
from iiotctl.store.layout import KINDS, PART_SUFFIX, TMP_SUFFIX, UPKEEP_LOG, Layout, compacted_by, segment_of
from iiotctl.store.manifest import Manifest, SealedFile
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
        withheld: files of dates of which the target holds more rows than this store, by path.
    """

    files: int = 0
    size: int = 0
    already: int = 0
    replaced: int = 0
    damaged: list[str] = field(default_factory=list)
    withheld: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Step:
    """What belongs together in one change of the target."""

    new: list[SealedFile]
    gone: list[str]


def push(
    root: Path, target: Path, *, now_us: Callable[[], int], dry_run: bool = False, disk: Disk | None = None
) -> Pushed:
    """Copy what the target has not yet.

    Args:
        root: a store; a capture may be writing it. Rows in its spool wait for their seal.
        target: folder; made when missing, must be a store or empty.
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
    result = Pushed()
    entries = {path: versions[-1] for path, versions in ledger.read_all(source).items()}
    try:
        if not dry_run:
            disk.make_dir(there.pushed)  # first: it tells a target from a store of its own
            prepare(there, disk)
        log = there.pushed / f"{_identity(source, disk, make=not dry_run)}.txt"
        before = _names(log)
        run = places.new_run(now_us(), secrets.token_hex(4))
        manifest = Manifest(disk, there.manifest / f"{UPKEEP_LOG}{run}.log")
        try:
            for step in _steps(source, there, entries, before, result):
                if dry_run:
                    result.files += len(step.new)
                    result.size += sum(entry.size for entry in step.new)
                    result.replaced += len(step.gone)
                    continue
                copied = [entry for entry in step.new if _copy(disk, source, there, entry, result)]
                if step.gone and len(copied) < len(step.new):
                    continue  # a replacement counts whole or not at all
                _note(disk, log, [entry.path for entry in copied if entry.path not in before])
                manifest.replace(copied, step.gone, "compacted", now_us())
                result.files += len(copied)
                result.size += sum(entry.size for entry in copied)
                result.replaced += len(step.gone)
        finally:
            manifest.close()
    except OSError as error:
        raise StoreError(
            "push-failed",
            "the target cannot be written; what was copied before counts",
            where=str(there.root),
            cause=str(error),
            hint="make room or mount the share again, then repeat `iiotctl store push`",
            retriable=True,
        ) from error
    return result


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


def _names(log: Path) -> set[str]:
    """What was pushed ever; a line that a power cut left half is no name."""
    try:
        return set(log.read_text(encoding="utf-8", errors="replace").splitlines())
    except FileNotFoundError:
        return set()


def _steps(
    source: Layout, there: Layout, entries: dict[str, SealedFile], before: set[str], result: Pushed
) -> Iterator[_Step]:
    """Changes of the target, date by date."""
    here, held = _dates(source), _dates(there)
    known = ledger.read(there)
    rows = {path: found.rows for path, found in known.ranges.items()}

    def is_wanted(name: str) -> bool:
        # one that is there and that the manifest does not know was copied just before a power cut
        announced = name in rows or name in known.removed or not (there.root / name).exists()
        return name not in before or not announced

    waiting = _Step([], [])
    for key in sorted(here):
        names = [name for name in here[key] if name in entries]
        new = [entries[name] for name in names if is_wanted(name)]
        result.already += len(names) - len(new)
        gone = [name for name in held.get(key, ()) if name in before and name not in here[key]]
        if gone:
            ours = sum(rows.get(name, 0) for name in held[key] if name in before)
            if sum(entries[name].rows for name in names) >= ours:
                yield _Step(new, gone)
                continue
            # the date expired here: what compaction made of the rest would stand beside its own rows there
            result.withheld += [entry.path for entry in new if compacted_by(source.root / entry.path) is not None]
            new = [entry for entry in new if compacted_by(source.root / entry.path) is None]
        waiting.new.extend(new)
        if len(waiting.new) >= _BATCH:
            yield waiting
            waiting = _Step([], [])
    if waiting.new:
        yield waiting


def _dates(layout: Layout) -> dict[tuple[str, str], list[str]]:
    """Names of the files that count, by table and folder; those of segments that still stand in the spool are left out."""
    known = ledger.read(layout)
    unsealed = {name for name, _ in layout.segments()}
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for table in KINDS:
        for path in standing.counting(layout, known, list(layout.files(table))):
            if segment_of(path) not in unsealed:
                found[table, path.parent.name].append(ledger.path_of(layout, path))
    return found


def _copy(disk: Disk, source: Layout, there: Layout, entry: SealedFile, result: Pushed) -> bool:
    """Put one file at its place in the target, whole and synced; False when it is damaged or gone here."""
    final = there.root / entry.path
    disk.make_dir(final.parent)
    scratch = final.with_name(final.name + PART_SUFFIX)
    descriptor = disk.create(scratch)
    digest = hashlib.sha256()
    try:
        with (source.root / entry.path).open("rb") as file:
            while data := file.read(_CHUNK):
                digest.update(data)
                disk.write(descriptor, data)
        disk.sync(descriptor)
    except FileNotFoundError:
        disk.unlink(scratch)
        return False  # replaced since we looked: the next push brings what took over
    except OSError:
        disk.unlink(scratch)
        raise
    finally:
        disk.close(descriptor)
    if digest.hexdigest() != entry.sha256:
        disk.unlink(scratch)
        result.damaged.append(entry.path)
        return False
    disk.rename(scratch, final)
    disk.sync_dir(final.parent)
    return True


def _note(disk: Disk, log: Path, names: list[str]) -> None:
    """Remember what was pushed, before the target's manifest makes it count."""
    disk.make_dir(log.parent)
    known = log.read_bytes() if log.exists() else b""
    text = "".join(f"{name}\n" for name in names).encode()
    write_file(disk, log, known + text, log.with_suffix(TMP_SUFFIX))
