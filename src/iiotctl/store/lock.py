"""One capture per store: an advisory lock that dies with its process, and the folders that cannot hold a spool."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from iiotctl.errors import StoreError

_REMOTE: Final = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "afs",
        "ceph",
        "glusterfs",
        "fuse.sshfs",
        "fuse.s3fs",
        "fuse.rclone",
        "davfs",
        "9p",
    }
)


_TRIES: Final = 5


class Lock:
    """Exclusive lock on a file; free again when the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            StoreError: `store-locked`, another process has it.
        """
        descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o644)
        try:
            _lock_patiently(descriptor)
        except OSError as error:
            owner = holder(self._path)
            os.close(descriptor)
            raise StoreError(
                "store-locked",
                "another capture writes to this store",
                where=str(self._path.parent),
                cause=f"process {owner} holds the lock" if owner else str(error),
                hint="look at it: `iiotctl capture status`; or give this capture its own folder: `--store PATH`",
                retriable=True,
            ) from error
        self._descriptor = descriptor
        self._write("")

    def note(self, text: str) -> None:
        """Say in the file who we are; one line, see `noted`."""
        self._write(f"{text}\n")

    def _write(self, more: str) -> None:
        assert self._descriptor is not None
        data = f"{os.getpid()}\n{more}".encode()
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, data)

    def release(self) -> None:
        """Let go; harmless when not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@contextmanager
def releasing(lock: Lock, root: Path) -> Iterator[None]:
    """Let go of a lock when opening the store fails; what the disk refuses becomes `store-not-writable`."""
    try:
        yield
    except BaseException as error:
        lock.release()
        if isinstance(error, OSError):
            raise not_writable(root, error) from error
        raise


def not_writable(root: Path, error: OSError) -> StoreError:
    """The error of a store whose folder refuses."""
    return StoreError(
        "store-not-writable",
        "the store cannot be written",
        where=str(root),
        cause=str(error),
        hint="choose another folder with `--store PATH`, or ask for write permission",
    )


def _lock_patiently(descriptor: int) -> None:
    """`is_held` takes the lock for an instant; a look at the store must not turn a capture away."""
    for _ in range(_TRIES):
        try:
            return _lock(descriptor)
        except OSError:
            time.sleep(0.02)
    return _lock(descriptor)


def holder(path: Path) -> int | None:
    """Process id written in a lock file, or None."""
    try:
        return int(path.read_text().split()[0]) or None
    except (OSError, ValueError, IndexError):
        return None


def noted(path: Path) -> str:
    """What the holder of a lock (or the last one) said about itself, or ""."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return ""
    return lines[1] if len(lines) > 1 else ""


def is_held(path: Path) -> bool:
    """True when some process holds the lock now."""
    if not path.exists():
        return False
    probe = Lock.__new__(Lock)
    probe._path, probe._descriptor = path, None  # noqa: SLF001 - same class
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return True
    try:
        _lock(descriptor)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        # A byte far beyond the end, so that the process id stays readable.
        os.lseek(descriptor, 1 << 30, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def file_system(path: Path, mounts: str) -> str:
    """Type of the file system that holds `path`, from the text of /proc/mounts; "" when unknown."""
    best, kind = "", ""
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:  # noqa: PLR2004 - device, mount point, type
            continue
        place = fields[1].replace("\\040", " ")
        inside = path == Path(place) or Path(place) in path.parents
        if inside and len(place) >= len(best):
            best, kind = place, fields[2]
    return kind


def refuse_remote(root: Path) -> None:
    """Capture only onto a local disk: a share cannot promise that a synced commit is durable.

    Raises:
        StoreError: `store-remote`.
    """
    text = str(root)
    # a path resolved against the working directory carries the scheme in its middle, with one slash
    kind = "an object store" if re.search(r"(^|/)[a-z][a-z0-9]+:/", text) else ""
    mounts = Path("/proc/mounts")
    if not kind and mounts.exists():
        found = file_system(root.resolve(), mounts.read_text(errors="replace"))
        kind = f"a network file system ({found})" if found in _REMOTE else ""
    if not kind and sys.platform == "win32" and text.startswith("\\\\"):
        kind = "a network share"
    if kind:
        raise StoreError(
            "store-remote",
            "samples cannot be captured straight onto a network path",
            where=text,
            cause=f"this is {kind}",
            hint="capture into a local folder (`--store PATH`) and copy sealed files from there",
        )
