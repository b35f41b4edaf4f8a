"""What the manifests say together: which files count, what they hold, which have gone away on purpose.

Logs are read in any number and order and give the same: an entry may stand in several of them, and what was removed
never comes back under its name. A gathered log (`gather`) names the logs that it stands for; as soon as it is there
those are not read any more, whether they are still there or not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from iiotctl.store import frames
from iiotctl.store.layout import Layout, is_gathered
from iiotctl.store.manifest import SealedFile

_FIELDS: Final = frozenset(each.name for each in fields(SealedFile))
_TRIES: Final = 50
T = TypeVar("T")


class FileRange(NamedTuple):
    """What a file holds, without opening it; never narrower than the truth. Times in µs UTC, both ends included."""

    table: str
    rows: int
    ts_min: int | None
    ts_max: int | None
    tag_min: str | None
    tag_max: str | None


class Removal(NamedTuple):
    """A file that does not count any more."""

    why: str
    at: int


@dataclass(slots=True)
class Ledger:
    """What the manifests say.

    Attributes:
        ranges: of each file that counts, by path relative to the store. A file that is not in it is unknown to every
            manifest and has to be read.
        removed: files that were replaced or expired, as long as they may still be there.
        logs: names of the logs that were read.
    """

    ranges: dict[str, FileRange] = field(default_factory=dict)
    removed: dict[str, Removal] = field(default_factory=dict)
    logs: list[str] = field(default_factory=list)

    def add(self, path: str, found: FileRange) -> None:
        """Take an entry of a file."""
        known = self.ranges.get(path)
        self.ranges[path] = found if known is None or known == found else _both(known, found)


def read(layout: Layout) -> Ledger:
    """The ledger as of now; cheap enough to ask before each query when compaction runs from time to time."""
    return _patiently(lambda: _read(layout))


def ranges(layout: Layout) -> dict[str, FileRange]:
    """What each file that counts holds, by path relative to the store. Files that are not in it must be read."""
    return read(layout).ranges


def read_all(layout: Layout) -> dict[str, list[SealedFile]]:
    """Every entry of each file that counts, by path, in the order of writing; a torn tail ends its log."""
    found = _patiently(lambda: content(layout))
    return {path: entries for path, entries in found.entries.items() if path not in found.removed}


def _patiently(work: Callable[[], T]) -> T:
    for _ in range(_TRIES):
        try:
            return work()
        except FileNotFoundError:
            continue  # gathered since the folder was listed: look again
    return work()


def _read(layout: Layout) -> Ledger:
    ledger = Ledger()
    for name, data in _logs(layout):
        ledger.logs.append(name)
        for frame in frames.scan(data):
            if frame.kind == frames.Kind.FILE:
                _take(ledger, json.loads(bytes(frame.payload)))
            elif frame.kind == frames.Kind.CHANGE:
                change = json.loads(bytes(frame.payload))
                for facts in change["files"]:
                    _take(ledger, facts)
                ledger.removed.update(dict.fromkeys(change["removed"], Removal(change["why"], change["at"])))
            elif frame.kind == frames.Kind.GATHERED:
                _take_gathered(ledger, json.loads(bytes(frame.payload)))
    for path in ledger.removed:
        ledger.ranges.pop(path, None)
    return ledger


def _take_gathered(ledger: Ledger, gathered: Mapping[str, Any]) -> None:
    ledger.removed.update({path: Removal(*removal) for path, removal in gathered["removed"].items()})
    files = gathered["files"]
    paths, held = files["path"], map(FileRange, *(files[name] for name in FileRange._fields))
    if not ledger.ranges and len(set(paths)) == len(paths):
        ledger.ranges = dict(zip(paths, held, strict=True))
        return
    for path, found in zip(paths, held, strict=True):
        ledger.add(path, found)


def _take(ledger: Ledger, facts: Mapping[str, Any]) -> None:
    ledger.add(
        facts["path"],
        FileRange(
            facts["kind"],
            facts["rows"],
            facts.get("ts_min"),
            facts.get("ts_max"),
            facts.get("tag_min"),
            facts.get("tag_max"),
        ),
    )


@dataclass(slots=True)
class Content:
    """Everything that some logs say.

    Attributes:
        entries: by path, in the order of writing, each once; those of files that were removed, too.
        removed: files that do not count any more.
    """

    entries: dict[str, list[SealedFile]] = field(default_factory=dict)
    removed: dict[str, Removal] = field(default_factory=dict)


def content(layout: Layout, names: Collection[str] | None = None) -> Content:
    """Everything that the logs of these names say, or all logs; a torn tail ends its log.

    Raises:
        FileNotFoundError: a log was gathered since the folder was listed.
    """
    found = Content()
    for name, data in _logs(layout):
        if names is None or name in names:
            for frame in frames.scan(data):
                _read_frame(found, frame)
    return found


def torn(layout: Layout) -> list[tuple[Path, int, int]]:
    """Gathered logs that are damaged: (log, readable bytes, bytes).

    They are written whole before they get their name, so what is torn was damaged later; that of another log is the
    rest of a power cut.
    """

    def all_of_them() -> list[tuple[Path, int, int]]:
        return [
            (layout.manifest / name, valid, len(data))
            for name, data in _logs(layout)
            if is_gathered(Path(name)) and (valid := frames.valid(data)) < len(data)
        ]

    return _patiently(all_of_them)


def hashes(layout: Layout) -> dict[str, list[bytes]]:
    """sha256 of each entry of each path; of many files this is all that fits into little memory."""

    def all_of_them() -> dict[str, list[bytes]]:
        found: dict[str, list[bytes]] = {}
        for _, data in _logs(layout):
            for frame in frames.scan(data):
                for entry in _entries(frame):
                    found.setdefault(entry.path, []).append(bytes.fromhex(entry.sha256))
        return found

    return _patiently(all_of_them)


def _entries(frame: frames.Frame) -> Iterator[SealedFile]:
    if frame.kind == frames.Kind.FILE:
        yield _entry(json.loads(bytes(frame.payload)))
    elif frame.kind == frames.Kind.CHANGE:
        yield from map(_entry, json.loads(bytes(frame.payload))["files"])
    elif frame.kind == frames.Kind.HASHES:
        columns = json.loads(bytes(frame.payload))
        yield from map(SealedFile, *(columns[each.name] for each in fields(SealedFile)))


def _read_frame(found: Content, frame: frames.Frame) -> None:
    if frame.kind == frames.Kind.CHANGE:
        change = json.loads(bytes(frame.payload))
        found.removed.update(dict.fromkeys(change["removed"], Removal(change["why"], change["at"])))
    elif frame.kind == frames.Kind.GATHERED:
        removed = json.loads(bytes(frame.payload))["removed"]
        found.removed.update({path: Removal(*removal) for path, removal in removed.items()})
    for entry in _entries(frame):
        versions = found.entries.setdefault(entry.path, [])
        if entry not in versions:
            versions.append(entry)


def _entry(facts: Mapping[str, Any]) -> SealedFile:
    return SealedFile(**{key: value for key, value in facts.items() if key in _FIELDS})


def _logs(layout: Layout) -> Iterator[tuple[str, bytes]]:
    """Name and content of each log that counts: those that a gathered one stands for are left out."""
    if not layout.manifest.is_dir():
        return
    logs = sorted(layout.manifest.glob("*.log"))
    gathered = [(log.name, log.read_bytes()) for log in logs if is_gathered(log)]
    stands_for = {name for _, data in gathered for name in instead_of(data)}
    for name, data in gathered:
        if name not in stands_for:
            yield name, data
    for log in logs:
        if not is_gathered(log) and log.name not in stands_for:
            yield log.name, log.read_bytes()


def instead_of(data: bytes) -> list[str]:
    """Names of the logs that a gathered log stands for."""
    first = next(frames.scan(data), None)
    if first is None or first.kind != frames.Kind.INSTEAD:
        return []
    return list(json.loads(bytes(first.payload)))


def _both(one: FileRange, other: FileRange) -> FileRange:
    """A seal that was interrupted and repeated wrote two entries: the file is one of them."""

    def wide(low: Any, high: Any, pick: Any) -> Any:
        return None if low is None or high is None else pick(low, high)

    return FileRange(
        other.table,
        other.rows,
        wide(one.ts_min, other.ts_min, min),
        wide(one.ts_max, other.ts_max, max),
        wide(one.tag_min, other.tag_min, min),
        wide(one.tag_max, other.tag_max, max),
    )


def path_of(layout: Layout, path: Path) -> str:
    """A file's name in the manifests."""
    return path.relative_to(layout.root).as_posix()
