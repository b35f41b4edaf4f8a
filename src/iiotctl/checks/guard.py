"""A check that crashes must not end the run: calls are made through a guard, which notes what went wrong."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from iiotctl.checks.result import FailedCheck

T = TypeVar("T")


class Guard:
    """Notes crashes; see `failed`."""

    def __init__(self) -> None:
        self.failed: list[FailedCheck] = []

    def call(self, check: str, tag: str, work: Callable[[], T], otherwise: T) -> T:
        """What `work` returns; where it crashes, `otherwise`. Numeric warnings of numpy are nobody's business.

        Args:
            check: id, for the note.
            tag: name, "" = all together.
            work: to be done.
            otherwise: result after a crash.
        """
        import numpy as np

        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)
                return work()
        except Exception as error:  # noqa: BLE001 - whatever a check does must not end the run
            frame = traceback.extract_tb(error.__traceback__)[-1]
            last = traceback.format_exception_only(error)[-1].strip()
            self.failed.append(FailedCheck(check, tag, last, f"{Path(frame.filename).name}:{frame.lineno}"))
            return otherwise
