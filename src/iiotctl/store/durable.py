"""File-system changes that must survive a power cut: every change of the store goes through a `Disk`.

`Disk` is a small object, not a set of functions, so that a test can put a recorder in its place, replay
any prefix of its calls with unsynced writes dropped, torn or reordered, and prove that each sync is needed.
POSIX rules used here: data is durable after fsync of the file, a name after fsync of its folder.
On Windows a folder cannot be synced; NTFS journals names (not run there: see README).
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

_WINDOWS: Final = sys.platform == "win32"
_BINARY: Final = getattr(os, "O_BINARY", 0)


class Disk:
    """The real disk. All methods raise OSError as the system does."""

    def __init__(self) -> None:
        self._named: set[Path] = set()

    def make_dir(self, path: Path) -> None:
        """Create a folder if it is missing and make its name durable; parents are created likewise.

        A folder that is there may have been made by a process that was killed before it synced the name, so
        the first use by each process syncs it all the same.
        """
        if path.is_dir():
            if path not in self._named:
                # Where we may not read the parent we did not make the folder either.
                with suppress(PermissionError):
                    self.sync_dir(path.parent)
        else:
            self.make_dir(path.parent)
            path.mkdir(exist_ok=True)
            self.sync_dir(path.parent)
        self._named.add(path)

    def create(self, path: Path) -> int:
        """Create (or empty) a file and return its descriptor, open for appending at the end."""
        return os.open(path, os.O_CREAT | os.O_TRUNC | os.O_RDWR | _BINARY, 0o644)

    def reopen(self, path: Path) -> int:
        """Open a file that is there, so that what another process wrote to it can be synced."""
        return os.open(path, os.O_RDWR | _BINARY)

    def write(self, descriptor: int, data: bytes) -> None:
        """Write all of `data` at the descriptor's place."""
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]

    def truncate(self, descriptor: int, size: int) -> None:
        """Cut a file to `size` bytes and go there."""
        os.ftruncate(descriptor, size)
        os.lseek(descriptor, size, os.SEEK_SET)

    def sync(self, descriptor: int) -> None:
        """Make a file's data (and size) durable."""
        if hasattr(os, "fdatasync"):
            os.fdatasync(descriptor)
        else:
            os.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        """Close a descriptor."""
        os.close(descriptor)

    def sync_dir(self, path: Path) -> None:
        """Make the names in a folder durable."""
        if _WINDOWS:
            return
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        """Give a file another name, replacing what has that name."""
        source.replace(target)

    def unlink(self, path: Path) -> None:
        """Remove a file; one that is gone already is fine."""
        path.unlink(missing_ok=True)


def write_file(disk: Disk, path: Path, data: bytes, scratch: Path) -> None:
    """Put a whole file in place: its old or its new content survives any cut, nothing between.

    Args:
        disk: where.
        path: the file.
        data: its content.
        scratch: name for the time of writing, in the same file system.
    """
    descriptor = disk.create(scratch)
    try:
        disk.write(descriptor, data)
        disk.sync(descriptor)
    finally:
        disk.close(descriptor)
    disk.rename(scratch, path)
    disk.sync_dir(path.parent)
