"""Let old samples go, by age or by size, a whole UTC date at a time; what they come to stays as roll-ups.

A date's samples stop counting and its roll-ups begin to count at one instant, in one entry of a manifest. Gaps, tags,
events and kept windows stay: they are small, and completeness is proved from them. Files that are damaged or that no
manifest knows are never removed: a person has to look at them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from iiotctl.store import lasting, ledger
from iiotctl.store.durable import Disk
from iiotctl.store.layout import EXPIRY_SUFFIX, GAPS, ROLLUPS, SAMPLES, TAGS, Layout, Table, date_of, segment_of
from iiotctl.store.manifest import SealedFile
from iiotctl.store.merge import sha256_of
from iiotctl.store.seal import place
from iiotctl.store.standing import counting
from iiotctl.store.upkeep import Deleted, Upkeep

if TYPE_CHECKING:
    import polars as pl

    from iiotctl.store.ledger import Ledger

DAY_US: Final = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Policy:
    """What may stay; None = for ever.

    Attributes:
        raw_us: age of samples, µs, counted from the end of their date.
        rollups_us: likewise of roll-ups.
        max_size: bytes of samples; the oldest dates go first, today's never.
        rollup_us: interval of the roll-ups that are made of expiring samples, µs; None = none are made.
    """

    raw_us: int | None = None
    rollups_us: int | None = None
    max_size: int | None = None
    rollup_us: int | None = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Expiry:
    """A date of a table that goes.

    Attributes:
        files: names relative to the store.
        size: their bytes.
        why: `age` or `size`.
        rollups: intervals that were rolled up in their place.
    """

    table: str
    day: date
    files: tuple[str, ...]
    rows: int
    size: int
    why: str
    rollups: int = 0


@dataclass(slots=True)
class Retained:
    """What `retain` did.

    Attributes:
        expired: dates that went, or would go.
        kept_back: (file, why) of an expired date that stays because a person has to look at it.
        left_out: (file, why) that could not be asked: gaps, tags, roll-ups, manifests.
        deleted: what could be deleted at once.
        over: bytes of samples above the limit that could not be let go, since they are today's.
    """

    expired: list[Expiry] = field(default_factory=list)
    kept_back: list[tuple[str, str]] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    deleted: Deleted = field(default_factory=Deleted)
    over: int = 0


class _Change:
    """Stands for the manifest while roll-ups are placed: their entry also says what they replace."""

    def __init__(self, upkeep: Upkeep, removed: Sequence[str]) -> None:
        self._upkeep, self._removed = upkeep, removed

    def append(self, entries: Sequence[SealedFile]) -> None:
        """Announce and remove at one instant."""
        self._upkeep.manifest.replace(entries, self._removed, "expired", self._upkeep.now_us())


def plan(layout: Layout, policy: Policy, now_us: int) -> Retained:
    """What would go; reads names and manifests only."""
    known = ledger.read(layout)
    result = Retained()
    for log, valid, size in ledger.torn(layout):
        result.left_out[ledger.path_of(layout, log)] = f"damaged, readable up to byte {valid} of {size}"
    samples = _by_day(layout, known, SAMPLES)
    today = datetime.fromtimestamp(now_us / 1e6, UTC).date()
    for table, days, age in (
        (SAMPLES, samples, policy.raw_us),
        (ROLLUPS, _by_day(layout, known, ROLLUPS), policy.rollups_us),
    ):
        for day in sorted(days) if age is not None else ():
            if day < today and _end_us(day) <= now_us - (age or 0):
                _let_go(layout, known, result, (table, day, "age"), days[day])
    if policy.max_size is not None:
        going = {expiry.day for expiry in result.expired if expiry.table == SAMPLES}
        sizes = {day: sum(_size(path) for path in paths) for day, paths in samples.items() if day not in going}
        total = sum(sizes.values())
        for day in sorted(sizes):
            if total <= policy.max_size or day >= today:
                break
            total -= sizes[day]
            _let_go(layout, known, result, (SAMPLES, day, "size"), samples[day])
        result.over = max(0, total - policy.max_size)
    return result


def retain(root: Path, policy: Policy, *, now_us: Callable[[], int], disk: Disk | None = None) -> Retained:
    """Let go of what the policy does not keep. Safe beside a capture, readers and a kill at any moment.

    Raises:
        StoreError: `upkeep-running`, no store, not writable.
        OSError: the disk refused; dates that were done are done.
    """
    with Upkeep.open(root, now_us=now_us, disk=disk) as upkeep:
        _finish(upkeep)
        result = plan(upkeep.layout, policy, now_us())
        done = []
        entries = ledger.read_all(upkeep.layout)
        for expiry in result.expired:
            files = _sound(upkeep.layout.root, expiry, entries, result)
            if not files:
                continue
            made = 0
            rows = sum(entries[name][-1].rows for name in files)
            size = sum(_size(upkeep.layout.root / name) for name in files)
            if expiry.table == SAMPLES and policy.rollup_us is not None:
                made = _roll_up(upkeep, expiry.day, files, policy.rollup_us, result)
            if not made:
                upkeep.manifest.remove(files, "expired", now_us())
            done.append(Expiry(expiry.table, expiry.day, tuple(files), rows, size, expiry.why, made))
        result.expired = done
        result.deleted = upkeep.delete()
        upkeep.gather()
    return result


def _roll_up(upkeep: Upkeep, day: date, files: Sequence[str], interval_us: int, result: Retained) -> int:
    """Roll-ups in the place of files of samples; how many. 0 when there is nothing to roll up, and nothing was done."""
    layout = upkeep.layout
    known = ledger.read(layout)

    def leave_out(path: Path, why: str) -> None:
        result.left_out[ledger.path_of(layout, path)] = why

    def rows(table: Table, columns: Sequence[str], *days: date) -> pl.DataFrame:
        return lasting.read(table, counting(layout, known, layout.files(table, *days)), columns, leave_out)

    new = lasting.parts([layout.root / name for name in files], interval_us)
    there = rows(ROLLUPS, lasting.ROLLUP_FACTS, day, day)
    if not layout.pushed.is_dir():  # a part of ours adds to one that we made before; at a target the source made them
        there = there.filter(~lasting.is_calculated())
    new = lasting.without(new, there)
    if not new.height:
        return 0
    new = lasting.with_partial(new, rows(GAPS, lasting.GAP_FACTS), rows(TAGS, lasting.TAG_FACTS), day)
    tables: list[tuple[str, Path, pl.DataFrame]] = [(ROLLUPS, layout.sealed(ROLLUPS, day, upkeep.name()), new)]
    change = _Change(upkeep, files)
    place(upkeep.disk, layout, tables, change, upkeep.now_us(), suffix=EXPIRY_SUFFIX)
    return new.height


def _finish(upkeep: Upkeep) -> None:
    """Give roll-ups their name that a run announced and could not name any more; remove those it never announced."""
    known = ledger.read_all(upkeep.layout)
    for scratch in upkeep.layout.root.glob(f"{ROLLUPS}/date=*/*{EXPIRY_SUFFIX}"):
        final = scratch.with_name(scratch.name.removesuffix(EXPIRY_SUFFIX))
        entries = known.get(ledger.path_of(upkeep.layout, final), [])
        if sha256_of(scratch) in {entry.sha256 for entry in entries}:
            upkeep.disk.rename(scratch, final)
        else:
            upkeep.disk.unlink(scratch)


def _by_day(layout: Layout, known: Ledger, table: str) -> dict[date, list[Path]]:
    """Files that count and whose segment is gone, by date."""
    unsealed = {name for name, _ in layout.segments()}
    found: dict[date, list[Path]] = defaultdict(list)
    for path in counting(layout, known, layout.files(table)):
        day = date_of(path.parent)
        if day is not None and segment_of(path) not in unsealed:
            found[day].append(path)
    return found


def _let_go(
    layout: Layout, known: Ledger, result: Retained, going: tuple[str, date, str], paths: Sequence[Path]
) -> None:
    table, day, why = going
    names = []
    for path in paths:
        name = ledger.path_of(layout, path)
        if name in known.ranges:
            names.append(name)
        else:
            result.kept_back.append((name, "no manifest knows it"))
    if names:
        rows = sum(known.ranges[name].rows for name in names)
        size = sum(_size(layout.root / name) for name in names)
        result.expired.append(Expiry(table, day, tuple(names), rows, size, why))


def _sound(root: Path, expiry: Expiry, entries: Mapping[str, Sequence[SealedFile]], result: Retained) -> list[str]:
    """Files of an expiry whose bytes are those that were written."""
    sound = []
    for name in expiry.files:
        if name not in entries:
            result.kept_back.append((name, "its hash is lost: a manifest is damaged"))
            continue
        try:
            is_sound = sha256_of(root / name) in {entry.sha256 for entry in entries[name]}
        except FileNotFoundError:
            continue
        except OSError as error:
            result.kept_back.append((name, f"it cannot be read: {error.strerror or error}"))
            continue
        if is_sound:
            sound.append(name)
        else:
            result.kept_back.append((name, "its hash is not the one that was written"))
    return sound


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _end_us(day: date) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1e6) + DAY_US
