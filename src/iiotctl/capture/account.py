"""What is missing of each tag of a run, kept up to date as gaps close and change; `completeness` says what it means."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from iiotctl.samples import GapReason


class Account:
    """µs in closed gaps since the run began, by source and tag and reason."""

    def __init__(self) -> None:
        self._wide: dict[str, dict[GapReason, int]] = defaultdict(lambda: defaultdict(int))
        self._own: dict[int, dict[GapReason, int]] = defaultdict(lambda: defaultdict(int))
        self._before: dict[int, dict[GapReason, int]] = {}

    def add(self, source: str, code: int | None, reason: GapReason, us: int) -> None:
        """A gap of a source (`code` None) or tag is closed (`us` > 0) or taken back."""
        (self._wide[source] if code is None else self._own[code])[reason] += us

    def join(self, source: str, code: int, lasting: tuple[GapReason, int] | None) -> None:
        """A tag joins its source now; what the source missed before is not the tag's.

        Args:
            source: name of the source.
            code: the tag.
            lasting: reason of the source's open gap and µs that it has lasted since the run began.
        """
        before = dict(self._wide[source])
        if lasting is not None:
            before[lasting[0]] = before.get(lasting[0], 0) + lasting[1]
        if before:
            self._before[code] = before

    def is_plain(self, code: int) -> bool:
        """A tag misses what its source misses and nothing else."""
        return code not in self._own and code not in self._before

    def missing(self, source: str, code: int, still: Mapping[GapReason, int]) -> dict[str, int]:
        """µs missing of a tag by reason; `still` = of the gaps that last."""
        found: dict[GapReason, int] = defaultdict(int, still)
        for part in (self._wide[source], self._own.get(code, {})):
            for reason, us in part.items():
                found[reason] += us
        for reason, us in self._before.get(code, {}).items():
            found[reason] -= us
        return {str(reason): us for reason, us in found.items() if us > 0}
