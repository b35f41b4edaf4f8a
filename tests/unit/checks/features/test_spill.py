"""Records in a temporary file, and a disk that refuses them."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from iiotctl.checks.features.spill import Spill
from iiotctl.errors import IncompleteError

KIND = np.dtype([("at", np.uint32), ("x", np.float64)])


def records(*numbers: int) -> np.ndarray:
    return np.array([(number, number / 2) for number in numbers], KIND)


@contextmanager
def spill(folder: Path) -> Iterator[Spill]:
    opened = Spill(KIND, folder)
    try:
        yield opened
    finally:
        opened.close()


def test_what_was_appended_is_read_by_tag(tmp_path: Path) -> None:
    with spill(tmp_path) as one:
        one.append(["a", "b", "c"], [2, 0, 1], records(1, 2, 3))
        assert one.read("a").tolist() == records(1, 2).tolist()
        one.append(["b", "a"], [1, 2], records(4, 5, 6))
        assert one.read("a").tolist() == records(1, 2, 5, 6).tolist()
        assert one.read("b").tolist() == records(4).tolist()
        assert one.read("c").tolist() == records(3).tolist()
        assert not len(one.read("unknown"))
        assert not list(tmp_path.iterdir())  # nobody else sees it


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(IncompleteError, match="temporary file") as caught:
        Spill(KIND, tmp_path / "none")
    assert caught.value.slug == "disk-full"
    assert str(tmp_path / "none") in str(caught.value.where)


def test_a_full_disk(tmp_path: Path) -> None:
    class Full:
        def seek(self, at: int, whence: int = 0) -> int:
            return 0

        def write(self, data: memoryview) -> int:
            if len(data) < 100:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return 60  # as much as there was room for

        def close(self) -> None:
            pass

    with spill(tmp_path) as one:
        one._file.close()
        one._file = Full()  # type: ignore[assignment]
        with pytest.raises(IncompleteError, match="temporary file"):
            one.append(["a"], [10], records(*range(10)))
