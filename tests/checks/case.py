"""A case folder -> what a check gets to see of it, and the check's verdicts: `learn` and `judge` as in a run."""

from __future__ import annotations

import csv
import importlib
import pkgutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

import iiotctl.checks.sensors
from iiotctl import quality as codes
from iiotctl.checks.base import Check, Verdict
from iiotctl.checks.baseline.learn import learn
from iiotctl.checks.features.columns import DAY, window_of
from iiotctl.checks.features.compute import table_of
from iiotctl.checks.relations import learnt as relations
from iiotctl.checks.relations.learnt import RELATIONS
from iiotctl.checks.tagdata import Calibration, State, TagData, TagInfo
from tests.checks.recipe import SECOND, Samples, samples, us

CASES: Final = Path(__file__).parent / "cases"
START: Final = 20514 * DAY
"""µs UTC, beginning of every case: 2 March 2026."""
_FACTS: Final = {field.name for field in fields(TagInfo)} - {"tag"}


def checks() -> dict[str, Check]:
    """Every check of sensors by its id: each file of `checks/sensors` is one."""
    found = {}
    for module in pkgutil.iter_modules(iiotctl.checks.sensors.__path__):
        check = importlib.import_module(f"iiotctl.checks.sensors.{module.name}").CHECK
        found[check.id] = check
    return found


@dataclass(frozen=True, slots=True)
class Case:
    """One folder.

    Attributes:
        check: id of the check.
        name: of the folder.
        recipe: `case.toml`.
        expect: `expect.toml`.
        folder: where it lies.
    """

    check: str
    name: str
    recipe: Mapping[str, Any]
    expect: Mapping[str, Any]
    folder: Path

    @property
    def tag(self) -> str:
        """The tag that the case is about: the first."""
        return next(iter(self.recipe["tags"]))

    def samples(self, tag: str) -> Samples:
        """The rows of one tag, times since the beginning of the case."""
        if (self.folder / "samples.csv").exists():
            return _read(self.folder / "samples.csv", tag)
        recipe = self.recipe
        return samples(
            recipe["tags"],
            tag,
            seed=int(recipe.get("seed", 1)),
            period=recipe.get("period", "10s"),
            length=recipe["length"],
        )


def case(folder: Path) -> Case:
    """The case in a folder."""
    recipe, expect = (tomllib.loads((folder / f"{name}.toml").read_text("utf-8")) for name in ("case", "expect"))
    return Case(folder.parent.name, folder.name, recipe, expect, folder)


def cases() -> list[Case]:
    """All cases there are."""
    return [case(path.parent) for path in sorted(CASES.glob("*/*/expect.toml"))]


def run(case: Case, check: Check) -> Mapping[str, Verdict]:
    """The check's verdict on each tag of the case."""
    params = check.params(**case.recipe.get("params", {}))
    tags = [data_of(case, name, learns=check.learns) for name in case.recipe["tags"]]
    if case.recipe.get("baseline", True):
        tags = [replace(data, baseline=learn(data)) for data in tags]
        if RELATIONS in check.needs:
            tags = _heard(tags)
    call: Any = check.judge
    teach: Any = check.learn
    if check.scope == "group":
        taught = teach(tags, params) if teach else {}
        return call([replace(data, learnt=taught.get(data.info.tag, {})) for data in tags], params)  # type: ignore[no-any-return]
    if teach:
        tags = [replace(data, learnt=teach(data, params)) for data in tags]
    return {data.info.tag: call(data, params) for data in tags}


def _heard(tags: list[TagData]) -> list[TagData]:
    """With what related tags say of each, learnt from the learning period."""
    learnt = relations.learn(tags)
    made = [
        replace(data, baseline=replace(data.baseline, learnt={RELATIONS: learnt.get(data.info.tag, {})}))
        for data in tags
        if data.baseline is not None
    ]
    return relations.heard(made + [data for data in tags if data.baseline is None])


def data_of(case: Case, tag: str, *, learns: bool) -> TagData:
    """What a check sees of one tag, without baseline."""
    recipe, told = case.recipe, case.recipe["tags"][tag]
    rows = case.samples(tag)
    ts = rows.ts + START
    window = window_of(float(np.median(np.diff(ts)))) if len(ts) > 1 else window_of(SECOND)
    count = -(-us(recipe["length"]) // window)
    features = table_of(
        ts,
        rows.value,
        rows.quality,
        window=window,
        start=START,
        count=count,
        received=None if rows.received is None else rows.received + START,
    )
    learning = features.times() < START + us(recipe.get("learning", "0"))
    state, settled = _states(told, features.times() - START, window)
    changes = np.flatnonzero(np.diff(rows.value) != 0) + 1
    facts = {name: tuple(v) if isinstance(v, list) else v for name, v in told.items() if name in _FACTS}
    facts["calibrations"] = tuple(_calibration(row) for row in told.get("calibrations", ()))
    facts["period"] = (
        us(told.get("period", recipe.get("period", "10s"))) / SECOND if told.get("mode") == "polled" else None
    )
    return TagData(
        info=TagInfo(tag, **facts),
        features=features,
        learning=learning,
        judged=~learning if learns else np.ones(count, np.bool_),
        state=state,
        settled=settled,
        now=START + us(recipe.get("now", recipe["length"])),
        holes=[replace(hole, start=hole.start + START, end=hole.end and hole.end + START) for hole in rows.holes],
        disorder=[replace(d, start=d.start + START, end=d.end + START) for d in rows.disorder],
        anchors=_anchors(ts, rows),
        last_row=int(ts[-1]) if len(ts) else None,
        last_change=int(ts[changes[-1]]) if len(changes) else None,
    )


def _calibration(row: Mapping[str, Any]) -> Calibration:
    """`ago`: before the beginning of the case."""
    of = {"as_found": None, "as_left": None} | {name: value for name, value in row.items() if name != "ago"}
    return Calibration(at=START - us(row["ago"]), **of)


def _anchors(ts: Any, rows: Samples) -> Any:
    try:  # together: they come in one commit
        from iiotctl.checks.features import samples as arrays
        from iiotctl.checks.features.anchors import anchors_of
    except ImportError:
        return None
    return anchors_of(arrays.Samples(ts, rows.value, rows.quality))


def _states(told: Mapping[str, Any], since: Any, window: int) -> tuple[Any, Any]:
    """State of each window and whether it has settled: `rest` is off, `states` says more, the rest is steady."""
    state = np.full(len(since), State.UNKNOWN if told.get("state") == "unknown" else State.STEADY, np.uint8)
    spans = [(*span, "off") for span in told.get("rest", ())] + list(told.get("states", ()))
    for at, length, name in spans:
        state[(since + window > us(at)) & (since < us(at) + us(length))] = State[name.upper()]
    settled = np.ones(len(since), np.bool_)
    for change in np.flatnonzero(np.diff(state)) + 1:
        settled[change : change + us(told.get("settle", "10min")) // window] = False
    return state, settled


def _read(path: Path, tag: str) -> Samples:
    """`samples.csv`: columns `at` (a duration), `tag`, `value` (empty = none), `quality` (a name; none = Good)."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["tag"] == tag]
    return Samples(
        np.array([us(row["at"]) for row in rows], np.int64),
        np.array([float(row["value"] or "nan") for row in rows], np.float64),
        np.array([codes.parse(row.get("quality") or "Good") for row in rows], np.uint32),
    )
