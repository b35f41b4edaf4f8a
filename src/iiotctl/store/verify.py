"""Is everything in the store as it was written? Hashes, counts, order, columns, leftovers. Reads, never repairs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from iiotctl.store import ledger, spool
from iiotctl.store.layout import (
    EXPIRY_SUFFIX,
    GAPS,
    KINDS,
    LOCK_NAME,
    PART_SUFFIX,
    SAMPLES,
    SCRATCH_SUFFIX,
    TMP_SUFFIX,
    Layout,
    compacted_by,
    segment_of,
)
from iiotctl.store.lock import is_held
from iiotctl.store.manifest import SealedFile
from iiotctl.store.overlap import doubled
from iiotctl.store.readers import Shared
from iiotctl.store.schema import is_of
from iiotctl.store.snapshot import has_other_copy, unreadable
from iiotctl.store.standing import counting, origin
from iiotctl.store.writer import check_store


class Verdict(StrEnum):
    """What was found about one file."""

    DAMAGED = "damaged"
    """Its bytes are not those that were written, or it cannot be read."""
    MISSING = "missing"
    """The manifest knows it; it is not there."""
    FOREIGN = "foreign"
    """It is there; no manifest knows it."""
    DISORDERED = "disordered"
    """Rows are not sorted by tag and time, or columns differ."""
    DOUBLED = "doubled"
    """Rows of it stand in another file too, and count twice."""
    LEFTOVER = "leftover"
    """Scratch of an interrupted seal; harmless."""
    CUT = "cut"
    """A segment ends in a damaged place; what stands before it is used."""


HARMLESS = frozenset({Verdict.LEFTOVER, Verdict.CUT})


@dataclass(frozen=True, slots=True)
class Flaw:
    """One finding about one file."""

    path: str
    verdict: Verdict
    detail: str


@dataclass(slots=True)
class Verification:
    """What `verify` found.

    Attributes:
        files: Parquet files looked at.
        rows: their samples.
        size: their bytes.
        segments: segments in the spool.
        unsealed: samples in them.
    """

    files: int = 0
    rows: int = 0
    size: int = 0
    segments: int = 0
    unsealed: int = 0
    flaws: list[Flaw] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """True when nothing but harmless leftovers was found."""
        return all(flaw.verdict in HARMLESS for flaw in self.flaws)


def verify(root: Path) -> Verification:
    """Check every file of the store against its manifest, its columns and its order.

    Raises:
        StoreError: no store here, or one of a newer version.
    """
    layout = Layout(root.absolute())
    check_store(layout)
    share = Shared(layout)  # what compaction replaces meanwhile stays until we are done
    try:
        return _verify(layout)
    finally:
        share.release()


def _verify(layout: Layout) -> Verification:
    result = Verification()
    # Segments first: one that is sealed while we look is then found among the files.
    for segment in spool.read_spool(layout):
        result.segments += 1
        result.unsealed += segment.rows
        if not segment.tail_is_blank:
            detail = f"readable up to byte {segment.valid} of {segment.size}"
            result.flaws.append(Flaw(_name(layout, segment.path), Verdict.CUT, detail))
    for log, valid, size in ledger.torn(layout):
        detail = f"readable up to byte {valid} of {size}: what it says of the store's files and their hashes is lost"
        result.flaws.append(Flaw(_name(layout, log), Verdict.DAMAGED, detail))
    book = ledger.read(layout)
    known = ledger.read_all(layout)
    seen: set[str] = set()
    for kind in KINDS:
        there = [path for path in layout.files(kind) if _name(layout, path) not in book.removed]
        seen.update(_name(layout, path) for path in there)
        counted = counting(layout, book, there)
        for path in sorted(set(there) - set(counted)):
            result.flaws.append(Flaw(_name(layout, path), Verdict.LEFTOVER, "an interrupted compaction left it"))
        result.flaws.extend(_twice(layout, set(counted), known))
        for path in counted:
            result.flaws.extend(_check_file(layout, kind, path, (book, known), result))
    result.flaws.extend(_doubled(layout, book, result))
    for path_text, held in book.ranges.items():
        if has_other_copy(layout, path_text):
            continue  # its seal or import was interrupted; every row is still there
        if path_text not in seen and not (layout.root / path_text).exists():
            detail = f"{held.rows} rows were written"
            result.flaws.append(Flaw(path_text, Verdict.MISSING, detail))
    result.flaws.extend(_leftovers(layout))
    return result


def _doubled(layout: Layout, book: ledger.Ledger, result: Verification) -> Iterator[Flaw]:
    flawed = {flaw.path for flaw in result.flaws}
    sound = {
        path: book.ranges[name]
        for path in counting(layout, book, layout.files(SAMPLES))
        if (name := _name(layout, path)) in book.ranges and name not in flawed
    }
    for one, other, count in doubled(sound):
        yield Flaw(_name(layout, other), Verdict.DOUBLED, f"{count} rows stand in {one.name} too")


def _leftovers(layout: Layout) -> Iterator[Flaw]:
    suffixes = [TMP_SUFFIX]
    if not is_held(layout.imports / LOCK_NAME):
        suffixes.append(PART_SUFFIX)
    if not is_held(layout.upkeep):
        suffixes += [SCRATCH_SUFFIX, EXPIRY_SUFFIX]
    for suffix in suffixes:
        for scratch in sorted(layout.root.glob(f"*/date=*/*{suffix}")):
            yield Flaw(_name(layout, scratch), Verdict.LEFTOVER, "an interrupted seal, import or compaction left it")


def _twice(layout: Layout, counted: set[Path], known: dict[str, list[SealedFile]]) -> Iterator[Flaw]:
    """Files that another one says it replaced: somebody brought them back, and their rows count twice."""
    strange = {path for path in counted if _name(layout, path) not in known}
    folders = {path.parent for path in strange}
    for path in sorted(counted - strange):
        if path.parent in folders and compacted_by(path) is not None:
            found = origin(path)
            for back in sorted(
                strange.intersection(path.with_name(name) for name in (found.replaces if found else ()))
            ):
                yield Flaw(_name(layout, back), Verdict.FOREIGN, f"its rows count twice: {path.name} took its place")


def _name(layout: Layout, path: Path) -> str:
    return path.relative_to(layout.root).as_posix()


def _check_file(
    layout: Layout,
    kind: str,
    path: Path,
    books: tuple[ledger.Ledger, dict[str, list[SealedFile]]],
    result: Verification,
) -> Iterator[Flaw]:
    name = _name(layout, path)
    book, known = books
    try:
        data = path.read_bytes()
    except OSError as error:
        is_ours = name in book.ranges or name in known
        yield Flaw(name, Verdict.DAMAGED if is_ours else Verdict.FOREIGN, unreadable(path, error) or str(error))
        return
    result.files += 1
    result.size += len(data)
    if name not in known:
        known.update(ledger.read_all(layout))  # an import may have put it here since we looked
    entries = known.get(name)
    held = book.ranges.get(name)
    rows = entries[-1].rows if entries else held.rows if held else None
    if entries is None and held is not None:
        pass  # the manifest that knew its hash is damaged, and was named
    elif entries is None:
        # Sealed a moment ago while its segment still stands, or put here by someone else.
        segment = segment_of(path)
        if segment is None or not layout.segment(segment).exists():
            yield Flaw(name, Verdict.FOREIGN, "no manifest knows it")
    elif hashlib.sha256(data).hexdigest() not in {entry.sha256 for entry in entries}:
        yield Flaw(name, Verdict.DAMAGED, "its hash is not the one that was written")
        return
    yield from _check_rows(name, kind, path, rows, result)


def _check_rows(name: str, kind: str, path: Path, rows: int | None, result: Verification) -> Iterator[Flaw]:
    import polars as pl

    try:
        frame = pl.read_parquet(path, hive_partitioning=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        yield Flaw(name, Verdict.DAMAGED, str(error).splitlines()[0])
        return
    if not is_of(kind, frame.schema):
        yield Flaw(name, Verdict.DISORDERED, f"columns are {', '.join(frame.columns)}")
        return
    if rows is not None and frame.height != rows:
        yield Flaw(name, Verdict.DAMAGED, f"{frame.height} rows instead of {rows}")
    if kind == SAMPLES:
        result.rows += frame.height
        keys = frame.select("tag", "ts")
        ordered = keys.select(
            (
                (pl.col("tag") > pl.col("tag").shift())
                | ((pl.col("tag") == pl.col("tag").shift()) & (pl.col("ts") >= pl.col("ts").shift()))
            ).all()
        ).item()
        if frame.height and not ordered:
            yield Flaw(name, Verdict.DISORDERED, "rows are not sorted by tag and time")
    if kind == GAPS and frame.filter(pl.col("end") < pl.col("start")).height:
        yield Flaw(name, Verdict.DISORDERED, "a gap ends before it starts")
