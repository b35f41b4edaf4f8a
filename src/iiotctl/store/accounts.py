"""Up to when the store accounts for each source: read beside a running capture, nothing is changed."""

from __future__ import annotations

from pathlib import Path

from iiotctl.store import spool
from iiotctl.store.layout import Layout
from iiotctl.store.state import State
from iiotctl.store.writer import check_store


def accounts(root: Path) -> dict[str, int]:
    """µs UTC by source: until then nothing is missing, or a gap says what is.

    The later of its last sign of life and its last stored sample that is not Bad. A source that has neither in
    checkpoint and spool (an import, a checkpoint that was lost) is not in it.

    Raises:
        StoreError: no store here, or one of a newer version.
    """
    layout = Layout(root.absolute())
    check_store(layout)
    try:
        state = State.from_frame(layout.checkpoint.read_bytes()) or State()
    except OSError:
        state = State()
    for segment in spool.read_spool(layout):
        state.replay(segment)
    return state.recovery().alive
