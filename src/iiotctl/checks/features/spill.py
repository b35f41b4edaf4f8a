"""Records in a temporary file: memory stays the same however many tags and windows there are.

They are appended in blocks of several tags as they come, and read back by tag.
"""

from __future__ import annotations

import os
import tempfile
from array import array
from collections.abc import Collection
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from iiotctl.errors import IncompleteError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Spill:
    """Records of fixed length by tag. Threads may append at the same time, each its own tags.

    Args:
        dtype: of a record.
        folder: where the file is made, without a name that others see; None = the system's choice.

    Raises:
        IncompleteError: `disk-full`, the file could not be made.
    """

    def __init__(self, dtype: np.dtype[Any], folder: Path | None = None) -> None:
        self.dtype = dtype
        self._folder = folder
        try:
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - lives as long as this
        except OSError as error:
            raise self._refused(error) from error
        self._lock = Lock()
        self._places: dict[str, array[int]] = {}

    def close(self) -> None:
        """Give the disk space back."""
        self._file.close()

    def append(self, tags: Collection[str], counts: Collection[int], records: npt.NDArray[Any]) -> None:
        """Records of several tags, one tag after the other: `counts` of each.

        Raises:
            IncompleteError: `disk-full`.
        """
        data = memoryview(records.tobytes())
        with self._lock:
            at = self._file.seek(0, os.SEEK_END)
            try:
                while data:
                    data = data[self._file.write(data) :]
            except OSError as error:
                raise self._refused(error) from error
            for tag, count in zip(tags, counts, strict=True):
                if count:
                    self._places.setdefault(tag, array("q")).extend((at, count))
                    at += count * self.dtype.itemsize

    def read(self, tag: str) -> npt.NDArray[Any]:
        """All records of a tag in the order in which they came."""
        import numpy as np

        places = self._places.get(tag, array("q"))
        parts = []
        with self._lock:
            for at, count in zip(places[::2], places[1::2], strict=True):
                self._file.seek(at)
                parts.append(np.frombuffer(self._file.read(count * self.dtype.itemsize), self.dtype))
        return np.concatenate(parts) if parts else np.empty(0, self.dtype)

    def _refused(self, error: OSError) -> IncompleteError:
        return IncompleteError(
            "disk-full",
            "the feature tables of the audit could not be written to a temporary file",
            where=str(self._folder or tempfile.gettempdir()),
            cause=error.strerror or str(error),
            hint="free some space there, or set `TMPDIR` to a folder on another disk; `--tags` and `--from` need less",
        )
