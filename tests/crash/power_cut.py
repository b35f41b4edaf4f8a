"""A disk that remembers what was asked of it, and what a power cut may leave of that.

The model is POSIX, at its least generous: content is durable after fsync of the file, a name after fsync of
its folder, nothing else. What was not synced may be there, be missing, be torn, or be there without what
came before it; each file and each folder decides for itself. A process that is killed loses nothing of this:
its unsynced changes stay pending for the next process that goes on from the same trace.
"""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Literal

from iiotctl.store.durable import Disk

SECTOR = 512
How = Literal["nothing", "names", "content", "everything", "random"]


@dataclass(frozen=True)
class Operation:
    """One step, in terms of inodes: names may change hands, inodes do not."""

    kind: Literal["mkdir", "link", "rename", "unlink", "write", "truncate", "sync", "sync-dir", "offer", "ack"]
    folder: str = ""
    name: str = ""
    node: int = -1
    to_folder: str = ""
    to_name: str = ""
    offset: int = 0
    data: bytes = b""
    place: str = ""
    """For a sync: where in the store's code it stands."""
    payload: object = None


@dataclass
class Inode:
    """A file: what is durable, and the writes that are not."""

    durable: bytes = b""
    pending: list[Operation] = field(default_factory=list)


@dataclass
class Folder:
    """A folder: the names that are durable, and the changes that are not."""

    durable: dict[str, int | str] = field(default_factory=dict)
    pending: list[Operation] = field(default_factory=list)


@dataclass
class Platter:
    """Everything the disk knows; folders by path relative to the base, "." = the base itself."""

    nodes: dict[int, Inode] = field(default_factory=dict)
    folders: dict[str, Folder] = field(default_factory=lambda: {".": Folder()})

    def apply(self, operation: Operation) -> None:
        """One step further."""
        match operation.kind:
            case "mkdir":
                self.folders[_join(operation.folder, operation.name)] = Folder()
                self.folders[operation.folder].pending.append(operation)
            case "link" | "unlink":
                self.nodes.setdefault(operation.node, Inode())
                self.folders[operation.folder].pending.append(operation)
            case "rename":
                self.folders[operation.folder].pending.append(operation)
                if operation.to_folder != operation.folder:
                    self.folders[operation.to_folder].pending.append(operation)
            case "write" | "truncate":
                self.nodes[operation.node].pending.append(operation)
            case "sync":
                inode = self.nodes[operation.node]
                inode.durable, inode.pending = _content(inode, inode.pending), []
            case "sync-dir":
                folder = self.folders[operation.folder]
                folder.durable, folder.pending = _names(operation.folder, folder, folder.pending), []
            case "offer" | "ack":
                pass

    def write_out(self, base: Path, how: How, random: Random) -> None:
        """Make `base` what a power cut leaves now."""
        contents: dict[int, bytes] = {}
        self._write_folder(".", base, how, random, contents)

    def _write_folder(self, path: str, target: Path, how: How, random: Random, contents: dict[int, bytes]) -> None:
        target.mkdir(exist_ok=True)
        folder = self.folders[path]
        keep = _choose(folder.pending, how in ("names", "everything"), how, random)
        for name, what in _names(path, folder, keep).items():
            if isinstance(what, str):
                self._write_folder(what, target / name, how, random, contents)
                continue
            if what not in contents:
                inode = self.nodes[what]
                kept = _choose(inode.pending, how in ("content", "everything"), how, random)
                torn = [_tear(operation, random) if how == "random" else operation for operation in kept]
                contents[what] = _content(inode, torn)
            (target / name).write_bytes(contents[what])


def _choose(pending: list[Operation], all_of_them: bool, how: How, random: Random) -> list[Operation]:
    if how == "random":
        style = random.random()
        if style < 0.3:
            return pending[: random.randint(0, len(pending))]
        return [operation for operation in pending if random.random() < 0.5]
    return pending if all_of_them else []


def _tear(operation: Operation, random: Random) -> Operation:
    style = random.random()
    if operation.kind != "write" or style < 0.4 or not operation.data:
        return operation
    data = bytearray(operation.data)
    if style < 0.7:
        data = data[: random.randint(0, len(data))]
    else:
        # The length got out before some of its sectors did.
        for start in range(0, len(data), SECTOR):
            if random.random() < 0.3:
                data[start : start + SECTOR] = bytes(len(data[start : start + SECTOR]))
    return Operation("write", node=operation.node, offset=operation.offset, data=bytes(data))


def _content(inode: Inode, changes: list[Operation]) -> bytes:
    data = bytearray(inode.durable)
    for change in changes:
        if change.kind == "truncate":
            data = data[: change.offset].ljust(change.offset, b"\0")
        else:
            data = data.ljust(change.offset, b"\0")
            data[change.offset : change.offset + len(change.data)] = change.data
    return bytes(data)


def _names(path: str, folder: Folder, changes: list[Operation]) -> dict[str, int | str]:
    names = dict(folder.durable)
    for change in changes:
        if change.kind == "mkdir":
            names[change.name] = _join(change.folder, change.name)
        elif change.kind == "link":
            names[change.name] = change.node
        elif change.kind == "unlink":
            if names.get(change.name) == change.node:
                del names[change.name]
        elif change.kind == "rename":
            if path == change.folder and names.get(change.name) == change.node:
                del names[change.name]
            if path == change.to_folder:
                names[change.to_name] = change.node
    return names


def _join(folder: str, name: str) -> str:
    return name if folder == "." else f"{folder}/{name}"


class QuietDisk(Disk):
    """The real disk without its waits, for what is checked by reading it back at once."""

    def sync(self, descriptor: int) -> None:
        """Nothing to wait for: this test's machine stays on."""

    def sync_dir(self, path: Path) -> None:
        """As `sync`."""


class Recorder(Disk):
    """A `Disk` that works on `base` without waiting for real syncs, and remembers every step.

    Args:
        base: folder below which everything happens; durable from the beginning.
        before: what a process that was killed did there.
    """

    def __init__(self, base: Path, before: Sequence[Operation] = ()) -> None:
        super().__init__()
        self.base = base
        self.trace: list[Operation] = list(before)
        self._current: dict[str, dict[str, int]] = {".": {}}
        self._next = 0
        self._open: dict[int, tuple[int, int]] = {}
        for operation in self.trace:
            self._follow(operation)

    def offer(self, payload: object) -> None:
        """The caller hands something over."""
        self.trace.append(Operation("offer", payload=payload))

    def ack(self, payload: object) -> None:
        """The caller was told that something is durable."""
        self.trace.append(Operation("ack", payload=payload))

    # --- the Disk ------------------------------------------------------------------------------

    def make_dir(self, path: Path) -> None:
        super().make_dir(path)
        self._note_folder(path)

    def create(self, path: Path) -> int:
        folder = self._note_folder(path.parent)
        node = self._current[folder].get(path.name)
        descriptor = super().create(path)
        if node is None:
            node = self._next
            self._add(Operation("link", folder, path.name, node))
        else:
            self._add(Operation("truncate", node=node))
        self._open[descriptor] = (node, 0)
        return descriptor

    def reopen(self, path: Path) -> int:
        folder = self._note_folder(path.parent)
        descriptor = super().reopen(path)
        self._open[descriptor] = (self._current[folder][path.name], 0)
        return descriptor

    def write(self, descriptor: int, data: bytes) -> None:
        node, offset = self._open[descriptor]
        super().write(descriptor, data)
        self._add(Operation("write", node=node, offset=offset, data=bytes(data)))
        self._open[descriptor] = (node, offset + len(data))

    def truncate(self, descriptor: int, size: int) -> None:
        super().truncate(descriptor, size)
        self._add(Operation("truncate", node=self._open[descriptor][0], offset=size))
        self._open[descriptor] = (self._open[descriptor][0], size)

    def sync(self, descriptor: int) -> None:
        self._add(Operation("sync", node=self._open[descriptor][0], place=_place("sync")))

    def close(self, descriptor: int) -> None:
        super().close(descriptor)
        self._open.pop(descriptor, None)

    def sync_dir(self, path: Path) -> None:
        if not path.is_relative_to(self.base):
            return  # durable from the beginning
        folder = self._note_folder(path)
        for entry in os.scandir(path):
            if entry.is_dir():
                self._note_folder(Path(entry.path))
        self._add(Operation("sync-dir", folder, place=_place("sync_dir")))

    def rename(self, source: Path, target: Path) -> None:
        folder, to_folder = self._note_folder(source.parent), self._note_folder(target.parent)
        super().rename(source, target)
        node = self._current[folder][source.name]
        self._add(Operation("rename", folder, source.name, node, to_folder, target.name))

    def unlink(self, path: Path) -> None:
        folder = self._note_folder(path.parent)
        super().unlink(path)
        if path.name in self._current[folder]:
            self._add(Operation("unlink", folder, path.name, self._current[folder][path.name]))

    # --- inside --------------------------------------------------------------------------------

    def _note_folder(self, path: Path) -> str:
        """The folder's name in the model; one that was made since the last look is recorded as made now."""
        relative = path.relative_to(self.base).as_posix()
        if relative not in self._current:
            parent = self._note_folder(path.parent)
            self._add(Operation("mkdir", parent, path.name))
        return relative

    def _add(self, operation: Operation) -> None:
        self.trace.append(operation)
        self._follow(operation)

    def _follow(self, operation: Operation) -> None:
        """Keep the names as the running system sees them."""
        if operation.kind == "mkdir":
            self._current[_join(operation.folder, operation.name)] = {}
        elif operation.kind == "link":
            self._current[operation.folder][operation.name] = operation.node
            self._next = max(self._next, operation.node + 1)
        elif operation.kind == "unlink":
            del self._current[operation.folder][operation.name]
        elif operation.kind == "rename":
            del self._current[operation.folder][operation.name]
            self._current[operation.to_folder][operation.to_name] = operation.node


def _place(kind: str) -> str:
    """Name of the sync being recorded: the functions from the store's own code down to the call, outermost first."""
    frame = sys._getframe(2)
    names = []
    while frame is not None and "iiotctl/store/" in frame.f_code.co_filename.replace(os.sep, "/"):
        module = Path(frame.f_code.co_filename).stem
        name = f"{module}.{frame.f_code.co_name}"
        if not names or names[-1] != name:  # recursion is one place
            names.append(name)
        if module != "durable":
            break
        frame = frame.f_back
        while frame is not None and frame.f_code.co_filename == __file__:
            frame = frame.f_back
    return f"{kind} in " + " < ".join(names)


def after(trace: list[Operation], steps: int, without: str | None = None) -> Platter:
    """The disk after the first `steps` operations; `without` = the sync of that place does nothing."""
    platter = Platter()
    for operation in trace[:steps]:
        if without is None or operation.place != without:
            platter.apply(operation)
    return copy.deepcopy(platter)
