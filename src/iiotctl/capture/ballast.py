"""Room kept for the day the disk is full: a small file that is given up so that the gap and the status find room.

A disk with no byte left could not even hold the row that says what is lost. So a few hundred kilobytes of it are
held as `run/ballast`, given up at the first write that finds no room, and taken again when there is plenty.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

SIZE: Final = 512 * 1024
"""Bytes; a commit of a second and a status take a tenth of it in all but the largest sites."""

_PLENTY: Final = 4 * SIZE
"""Free bytes at which it is taken again."""


class Ballast:
    """The file.

    Args:
        folder: of the store.
        usage: (total, used, free) of a folder's disk, as `shutil.disk_usage`.

    Attributes:
        is_held: the file is there, and so is its room.
    """

    def __init__(self, folder: Path, *, usage: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage) -> None:
        self._path = folder / "run" / "ballast"
        self._usage = usage
        self.is_held = False

    def take(self) -> bool:
        """Take the room if it is not held and there is plenty; blocking. Returns `is_held`; never raises."""
        if self.is_held:
            return True
        try:
            if self._path.exists() and self._path.stat().st_size == SIZE:
                self.is_held = True
            elif self._usage(self._path.parent)[2] >= _PLENTY:
                # random bytes: a disk that compresses must not keep nothing for them
                with self._path.open("wb") as file:
                    file.write(os.urandom(SIZE))
                    file.flush()
                    os.fsync(file.fileno())
                self.is_held = True
        except OSError:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
        return self.is_held

    def give_up(self) -> bool:
        """Let the room go. Returns whether there was any; never raises."""
        was_held, self.is_held = self.is_held, False
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
        return was_held
