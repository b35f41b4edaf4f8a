"""Room on the disk: the reserve that capture leaves to others, and which errors mean that a disk is full."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

_DEFAULT_BYTES: Final = 2_000_000_000
_DEFAULT_SHARE: Final = 0.05
_RESUME: Final = 1.01
"""Writing goes on when this much of the reserve is free again, so that it does not stop and go every second."""

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


class Reserve:
    """Watches free space.

    Args:
        folder: on the disk to watch.
        min_free: bytes to leave free; None = the larger of 2 GB and 5 % of the disk.
        usage: (total, used, free) of a folder's disk, as `shutil.disk_usage`.
    """

    def __init__(
        self,
        folder: Path,
        min_free: int | None,
        *,
        usage: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage,
    ) -> None:
        self.min_free = min_free
        self.free = 0
        self.required = 0
        self._folder = folder
        self._usage = usage
        self._is_short = False

    def is_short(self) -> bool:
        """Whether the disk has less than the reserve now; a disk that cannot be asked counts as fine."""
        try:
            total, _, self.free = self._usage(self._folder)
        except OSError:
            return self._is_short
        self.required = required(self.min_free, total)
        limit = self.required * _RESUME if self._is_short else self.required
        self._is_short = self.free < limit
        return self._is_short


def required(min_free: int | None, total: int) -> int:
    """Bytes that capture leaves free on a disk of `total` bytes; None = the larger of 2 GB and 5 %."""
    return min_free if min_free is not None else max(_DEFAULT_BYTES, int(_DEFAULT_SHARE * total))


def is_full(error: BaseException) -> bool:
    """Whether an error, or what caused it, says that the disk takes no more."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in _FULL:
            return True
        seen = seen.__cause__ or seen.__context__
    return False
