"""Columns of the feature table that are of all rows: how many, with what quality, how far apart, how late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from iiotctl import quality as codes
from iiotctl.checks.features.columns import SECOND
from iiotctl.checks.features.grouping import Groups, Table, medians
from iiotctl.checks.features.samples import BAD, NOT_RECEIVED, Samples

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_CLASS: Final = 30
"""Bits of a status code below those that say Good, Uncertain or Bad."""


def fill(
    table: Table,
    groups: Groups,
    samples: Samples,
    begins: npt.NDArray[np.int64],
    finite: npt.NDArray[np.bool_],
) -> None:
    """Fill `rows`, `bad`, `uncertain`, `worst`, `odd`, `apart`, `apart_med`, `twice`, `behind` and `ahead`.

    Args:
        table: the records.
        groups: of the rows.
        samples: of any quality.
        begins: first row of each tag.
        finite: (n,) rows with a finite number.
    """
    import numpy as np

    table.put("rows", groups.counts)
    if samples.quality.any():
        _qualities(table, groups, samples.quality, finite)
    else:
        table.put("worst", np.zeros(len(groups.key)))
        if not finite.all():
            table.put("odd", groups.tally(~finite))
    if table.wants("apart", "apart_med", "twice"):
        _intervals(table, groups, samples.ts, begins[begins < len(samples)])
    if samples.received is not None and table.wants("behind", "ahead"):
        offset = (samples.received - samples.ts) / SECOND
        offset[samples.received == NOT_RECEIVED] = np.nan
        table.put("behind", np.fmax.reduceat(offset, groups.begins))
        table.put("ahead", np.fmin.reduceat(offset, groups.begins))


def _intervals(table: Table, groups: Groups, ts: npt.NDArray[np.int64], begins: npt.NDArray[np.int64]) -> None:
    import numpy as np

    apart = np.empty(len(ts))
    np.subtract(ts[1:], ts[:-1], out=apart[1:], casting="unsafe")
    apart /= SECOND
    apart[begins] = np.nan
    table.put("apart", np.fmax.reduceat(apart, groups.begins))
    table.put("twice", groups.tally(apart == 0))
    if table.wants("apart_med"):
        unknown = np.bincount(np.searchsorted(groups.begins, begins, side="right") - 1, minlength=len(groups.key))
        table.put("apart_med", medians(apart, groups, unknown))


def _qualities(table: Table, groups: Groups, quality: npt.NDArray[np.uint32], finite: npt.NDArray[np.bool_]) -> None:
    import numpy as np

    bad = quality >= BAD
    table.put("bad", groups.tally(bad))
    table.put("uncertain", groups.tally((quality >= codes.UNCERTAIN) & ~bad))
    table.put("odd", groups.tally(~(finite | bad)))
    if not table.wants("worst"):
        return
    worst = np.maximum.reduceat(quality, groups.begins)
    mixed = np.minimum.reduceat(quality, groups.begins) != worst
    if mixed.any():
        rows = groups.spread(mixed)
        number, code = groups.spread(np.arange(len(worst)))[rows], quality[rows]
        of_class = code >> _CLASS == (worst >> _CLASS)[number]
        pairs, often = np.unique((number[of_class] << 32) | code[of_class], return_counts=True)
        order = np.lexsort((pairs, often, pairs >> 32))
        worst[pairs[order] >> 32] = (pairs[order] & 0xFFFFFFFF).astype(np.uint32)  # the last one of a group stays
    table.put("worst", worst)
