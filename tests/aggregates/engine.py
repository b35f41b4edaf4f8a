"""The engine asked as the worked examples and the oracle are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from iiotctl import quality
from iiotctl.history.aggregates.base import INFO_MASK, Configuration, info_names
from iiotctl.history.aggregates.edition import Edition
from iiotctl.history.aggregates.frame import Frame
from iiotctl.history.aggregates.registry import FUNCTIONS
from iiotctl.history.series import Series
from tests.aggregates.history import History

Row = tuple[float | None, int, str, list[str]]
"""Value, time, name of the status, info bits sorted."""


def frame_of(history: History, intervals: Sequence[tuple[int, int, bool]]) -> Frame:
    samples = history.samples
    series = Series(
        "t",
        np.array([sample.ts for sample in samples], np.int64),
        np.array([np.nan if sample.value is None else float(sample.value) for sample in samples]),
        np.array([sample.status for sample in samples], np.uint32),
    )
    low, high, cut = zip(*intervals, strict=True)
    config = history.config
    return Frame.of(
        series,
        np.array(low, np.int64),
        np.array(high, np.int64),
        np.array(cut, bool),
        backward=history.backward,
        stepped=history.stepped,
        configuration=Configuration(
            config.treat_uncertain_as_bad,
            config.percent_data_bad,
            config.percent_data_good,
            config.sloped_extrapolation,
            Edition(config.edition),
        ),
    )


def compute(function: str, history: History, intervals: Sequence[tuple[int, int, bool]]) -> list[Row]:
    found = FUNCTIONS[function].compute(frame_of(history, intervals))
    return [
        (
            None if np.isnan(value) else float(value),
            int(ts),
            quality.name(int(code) & 0xFFFF0000),
            sorted(info_names(int(code) & INFO_MASK, raw=bool(raw))),
        )
        for value, code, ts, raw in zip(found.value, found.quality, found.ts, found.raw, strict=True)
    ]
