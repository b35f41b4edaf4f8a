"""What a segment holds of each table, in the store's columns: for sealing it and for reading it unsealed."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from iiotctl.store import columns
from iiotctl.store.layout import Captured
from iiotctl.store.schema import TagRow, gaps_frame, kept_frame, tags_frame
from iiotctl.store.spool import Segment

if TYPE_CHECKING:
    import polars as pl


def has_rows(segment: Segment, table: Captured) -> bool:
    """Whether the segment holds anything of a table; cheap."""
    match table:
        case "samples":
            return bool(segment.commits)
        case "gaps":
            return bool(segment.gaps)
        case "tags":
            return bool(_history(segment))
        case "rollups":
            return bool(segment.rollups)
        case "kept":
            return bool(segment.kept)
    assert_never(table)


def rows_of(segment: Segment, table: Captured, *, ordered: bool = False) -> pl.DataFrame:
    """A segment's rows of a table.

    Args:
        segment: as read.
        table: which.
        ordered: samples by tag and time, as in every file, instead of by arrival.
    """
    match table:
        case "samples":
            coded = columns.coded_frame(segment.coded_frames())
            if ordered:
                coded = columns.sorted_by_name(coded, segment.names)
            return columns.final_frame(coded, segment.names, segment.site)
        case "gaps":
            return gaps_frame(segment.gaps, segment.site)
        case "tags":
            return tags_frame(_history(segment), segment.site).sort("tag", "valid_from", maintain_order=True)
        case "rollups":
            return columns.final_rollups(segment.coded_rollups(), segment.names, segment.site)
        case "kept":
            return kept_frame(segment.kept, segment.site)
    assert_never(table)


def _history(segment: Segment) -> list[tuple[TagRow, int]]:
    """Rows of the tag history with their `valid_from`."""
    return [(row, change.valid_from) for change in segment.changes for row in change.rows if row.tag in change.new]
