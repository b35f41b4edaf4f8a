"""A press for the tests of events and states: temperature (sloped), state (with texts), recipe (texts), power."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from iiotctl.samples import Gap, GapReason
from iiotctl.store.bulk import BulkWriter
from iiotctl.store.schema import TagRow

T0 = 1_795_000_000_000_000
S = 1_000_000
TEMPERATURE, STATE, RECIPE, POWER = "press1.oil.temperature", "press1.state", "press1.recipe", "press1.power"
_ROWS = (
    TagRow(0, TEMPERATURE, "press1", unit="degC", kind="temperature", type="float32"),
    TagRow(1, STATE, "press1", kind="state", type="uint16", enum='{"0": "idle", "1": "ramp", "2": "run"}'),
    TagRow(2, RECIPE, "press1", type="string(16)"),
    TagRow(3, POWER, "press1", unit="kW", kind="power", type="float32"),
)
Values = Sequence[tuple[float, float | str | None]]
"""Seconds after T0 and the value; None = Bad."""


def press(root: Path, *, gap: tuple[float, float] | None = None, **values: Values) -> Path:
    """A store with these samples, by `temperature`, `state`, `recipe` and `power`; more may be added later."""
    names = {"temperature": TEMPERATURE, "state": STATE, "recipe": RECIPE, "power": POWER}
    with BulkWriter.open(root, site="plant1", now_us=lambda: T0) as bulk:
        if not (root / "tags").exists():
            bulk.write_tags([(row, T0) for row in _ROWS])
        for key, rows in values.items():
            (code,) = bulk.codes([names[key]])
            bulk.add(
                pl.DataFrame(
                    {
                        "tag": [code] * len(rows),
                        "ts": [T0 + round(at * S) for at, _ in rows],
                        "value": [float(value) if isinstance(value, int | float) else None for _, value in rows],
                        "text": [value if isinstance(value, str) else None for _, value in rows],
                        "quality": [0x800A0000 if value is None else 0 for _, value in rows],
                    },
                    schema={
                        "tag": pl.UInt32,
                        "ts": pl.Int64,
                        "value": pl.Float64,
                        "text": pl.String,
                        "quality": pl.UInt32,
                    },
                )
            )
        if gap is not None:
            start, end = (T0 + round(at * S) for at in gap)
            bulk.write_gaps([Gap("g", "press1", None, start, end, GapReason.TIMEOUT, T0)])
        bulk.flush()
    return root
