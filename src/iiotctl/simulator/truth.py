"""The truth log: what the plant served, refused and suffered, one JSON object a line.

Every line has `at` (µs UTC) and `kind`:

    start     seed, tags                                              the run begins
    modbus    unit, function, address, count, peer, answer, values    one read request; values: {tag: [raw, value]}
    opcua     values: {tag: [value, quality]}                         one update; `at` is the source timestamp
    refused   protocol, peer, what                                    a write or another service that changes things
    malformed protocol, peer, what                                    bytes that are no request
    fault     state (start, end), fault                               an injected fault
    end                                                               the run ended in order

Buffered; flushed once a second and at the end.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import IO

from iiotctl.errors import UsageError


class TruthLog:
    """Writes the log; without a path only counts."""

    def __init__(
        self,
        path: Path | None = None,
        *,
        keep: bool = False,
        observer: Callable[[str, int, dict[str, object]], None] | None = None,
    ) -> None:
        """`keep` holds the records in memory (tests); `observer` is told every record that is no value served."""
        self._observer = observer
        self.counts: dict[str, int] = {}
        self.records: list[dict[str, object]] = []
        self._keep = keep
        self._file: IO[str] | None = None
        if path is None:
            return
        try:
            self._file = path.open("w", encoding="utf-8")
        except OSError as error:
            raise UsageError(
                "truth-file",
                f"the truth log `{path}` cannot be written",
                cause=error.strerror or str(error),
                hint="choose a file in a folder that exists, e.g. `iiotctl simulate --truth truth.jsonl`",
            ) from error

    @property
    def active(self) -> bool:
        """True when records go somewhere; values need not be collected otherwise."""
        return self._keep or self._file is not None

    def write(self, kind: str, at: int, **fields: object) -> None:
        """Append one record; `at` in µs UTC."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if self._observer is not None and kind not in ("modbus", "opcua"):
            self._observer(kind, at, fields)
        if not self.active:
            return
        record = {"at": at, "kind": kind, **fields}
        if self._keep:
            self.records.append(record)
        if self._file is not None:
            self._file.write(json.dumps(record, separators=(",", ":"), allow_nan=False) + "\n")

    def flush(self) -> None:
        """Hand buffered lines to the system."""
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """Flush and close."""
        if self._file is not None:
            self._file.close()
            self._file = None
