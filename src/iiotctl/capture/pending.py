"""What waits for a commit, who takes it, and what commits have done so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from iiotctl import rollups
from iiotctl.capture.sealing import Sealable
from iiotctl.kept import Kept
from iiotctl.rollups import RollupBatch
from iiotctl.samples import Gap, SampleBatch, concat

if TYPE_CHECKING:
    from iiotctl.store.schema import TagRow
    from iiotctl.store.writer import CommitInfo


class Writer(Sealable, Protocol):
    """The part of `store.writer.StoreWriter` that the recorder uses."""

    def define_tags(self, rows: Sequence[TagRow], valid_from: int | None = None) -> None: ...
    def commit(
        self,
        samples: SampleBatch,
        gaps: Sequence[Gap] = (),
        alive: Mapping[str, int] | None = None,
        *,
        rollups: RollupBatch | None = None,
        kept: Sequence[Kept] = (),
    ) -> CommitInfo: ...
    def rotate(self) -> None: ...


@dataclass(slots=True)
class Figures:
    """What the recorder has done.

    Attributes:
        delivered: samples that sources handed over.
        stored: samples that are durable.
        rollups: roll-ups that are durable.
        dropped: samples lost to the disk or to a backlog.
        commits: commits that succeeded.
        bytes: written to the spool.
        sealed_files: Parquet files made.
        sealed_bytes: their size.
        durable_until: µs UTC, when the last commit was complete; 0 = none yet.
        by_source: samples delivered, by source.
    """

    delivered: int = 0
    stored: int = 0
    rollups: int = 0
    dropped: int = 0
    commits: int = 0
    bytes: int = 0
    sealed_files: int = 0
    sealed_bytes: int = 0
    durable_until: int = 0
    by_source: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Load:
    """What one commit takes."""

    batches: list[SampleBatch] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    rollups: list[RollupBatch] = field(default_factory=list)
    callbacks: list[Callable[[], None]] = field(default_factory=list)
    count: int = 0

    def add(self, other: Load) -> None:
        """Take what came later."""
        self.batches += other.batches
        self.gaps += other.gaps
        self.kept += other.kept
        self.rollups += other.rollups
        self.callbacks += other.callbacks
        self.count += other.count

    def commit_to(self, writer: Writer, alive: Mapping[str, int]) -> CommitInfo:
        """Make all of it durable; blocking. `alive` in µs UTC by source."""
        parts = rollups.concat(self.rollups) if self.rollups else None
        return writer.commit(concat(self.batches), self.gaps, alive, rollups=parts, kept=self.kept)
