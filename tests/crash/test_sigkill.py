"""SIGKILL at random moments while Modbus and OPC UA are captured, against the simulator's log of what it served.

Promise: no committed sample is lost, none is stored twice, every hole is in the gaps table, and the gaps are
exact. The captures and the plant are processes of their own; several lanes run side by side.
"""

from __future__ import annotations

import json
import math
import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.crash import rig

KILLS = rig.kills_wanted(16)
LANES = 4
COMMITS = 10
"""Every run holds at least so many commits before it is killed."""

PERIOD_US = round(rig.PERIOD_S * 1e6)
HOLE_US = 4 * PERIOD_US
"""Further apart than this two samples have a hole between them; less happens when a busy device answers late."""

SHARED_US = 100_000
"""Requests of a cycle share a timestamp when they arrive within 50 ms of each other; some room for a busy machine."""

pytestmark = [pytest.mark.crash, pytest.mark.timeout(300 + 20 * KILLS)]


@dataclass(frozen=True, slots=True)
class Killed:
    """One run that was killed: when it was started and killed (µs UTC), its id, samples reported durable before."""

    started: int
    killed: int
    run: str
    durable: int


@dataclass(frozen=True, slots=True)
class Lane:
    """What one lane left."""

    store: Path
    truth: Path
    runs: list[Killed]


def _now() -> int:
    return time.time_ns() // 1000


def _one(site: Path, store: Path, chance: random.Random) -> Killed:
    started = _now()
    capture = rig.Capture.start(site, store)
    # from here a moment anywhere within the next commits, so that it may hit commit, rotation and seal
    capture.wait_commits(COMMITS)
    run = json.loads((store / "run" / "status.json").read_text())["run"]
    time.sleep(chance.uniform(0, 0.7))
    durable = capture.kill()
    return Killed(started, _now(), run, durable)


def _lane(folder: Path, kills: int, seed: int) -> Lane:
    chance = random.Random(seed)
    store = folder / "store"
    with rig.plant(folder) as plant:
        runs = [_one(plant.site, store, chance) for _ in range(kills)]
        last = rig.Capture.start(plant.site, store, "--for", "3s")
        assert last.end() == 0, "\n".join(last.lines)
    return Lane(store, plant.truth, runs)


def _check_nothing_that_was_reported_durable_is_lost(lanes: list[Lane]) -> None:
    for lane in lanes:
        rows = dict(rig.samples(lane.store).group_by("run").len().iter_rows())
        for number, run in enumerate(lane.runs):
            assert rows.get(run.run, 0) >= run.durable > 0, f"run {number}: {rows.get(run.run)} of {run.durable}"
        assert not list(lane.store.glob("spool/*.seg")), "everything is sealed"


def _check_nothing_is_stored_twice(lanes: list[Lane]) -> None:
    for lane in lanes:
        found = rig.samples(lane.store)
        twice = found.filter(found.select("tag", "ts").is_duplicated())
        assert len(twice) == 0, str(twice.head(10))


def _check_modbus_is_exactly_what_the_device_answered(lanes: list[Lane]) -> None:
    """Run by run the stored values are the device's answers in order; an answer that is not stored lies in a gap."""
    for lane in lanes:
        found, truth, table = rig.samples(lane.store), rig.truth_modbus(lane.truth), rig.gaps(lane.store)
        assert len(truth) > 30
        for run in lane.runs:
            mine = found.filter((pl.col("run") == run.run) & ~pl.col("tag").str.starts_with("line1."))
            for (name,), rows in mine.group_by("tag"):
                tag = str(name)
                if tag not in truth:
                    continue  # texts
                stored = rows.filter(pl.col("quality") < 1 << 31).sort("ts")["value"].to_list()
                served = [(at, value) for at, value in truth[tag] if run.started <= at <= run.killed]
                known = rig.gaps_of(table, tag.partition(".")[0], tag)
                place = 0
                for at, value in served:
                    if place < len(stored) and math.isclose(value, stored[place], rel_tol=1e-6):
                        place += 1
                    else:
                        covered = any(start - SHARED_US <= at <= end + SHARED_US for start, end, _ in known)
                        assert covered, f"{tag} answered {value} at {at}: neither stored nor in a gap"
                assert place == len(stored), f"{tag} has values that the device never gave"


def _check_opcua_is_what_the_server_published(lanes: list[Lane]) -> None:
    """Every stored value was published with that time; between the first and the last of a run none is missing."""
    for lane in lanes:
        found, truth = rig.samples(lane.store), rig.truth_opcua(lane.truth)
        for tag, published in truth.items():
            rows = found.filter((pl.col("tag") == tag) & (pl.col("quality") < 1 << 31))
            known = dict(published)
            for ts, source, value in rows.select("ts", "ts_source", "value").iter_rows():
                at = ts if source is None else source
                assert known.get(at) == pytest.approx(value, rel=1e-6), f"{tag} at {at}"
        tag = "line1.oven.zone1.temperature"  # moves twice a second, slower than it is sampled
        for run in lane.runs:
            times = found.filter((pl.col("tag") == tag) & (pl.col("run") == run.run))["ts"].sort().to_list()
            changes = [at for (_, old), (at, new) in pairwise(truth[tag]) if new != old]
            assert [at for at in changes if times[0] < at <= times[-1]] == times[1:]


def _check_no_gap_covers_a_stored_sample_and_none_overlap(lanes: list[Lane]) -> None:
    for lane in lanes:
        found, table = rig.samples(lane.store), rig.gaps(lane.store)
        for (tag,), rows in found.filter(pl.col("quality") < 1 << 31).group_by("tag"):
            times = np.sort(rows["ts"].to_numpy())
            known = rig.gaps_of(table, str(tag).partition(".")[0], str(tag))
            assert all(first[1] < second[0] for first, second in pairwise(known)), f"gaps of {tag} overlap"
            for start, end, _ in known:
                inside = np.searchsorted(times, end, side="right") - np.searchsorted(times, start)
                assert inside == 0, f"a gap of {tag} covers {inside} samples"


def _check_every_hole_is_in_the_gaps_table_and_the_sum_is_exact(lanes: list[Lane]) -> None:
    for lane in lanes:
        found, table = rig.samples(lane.store), rig.gaps(lane.store)
        polled = found.filter((pl.col("quality") < 1 << 31) & ~pl.col("tag").str.starts_with("line1."))
        for (tag,), rows in polled.group_by("tag"):
            times = rows["ts"].sort().to_list()
            known = rig.gaps_of(table, str(tag).partition(".")[0], str(tag))
            holes = [(before, after) for before, after in pairwise(times) if after - before > HOLE_US]
            for before, after in holes:
                covered = sum(
                    min(end, after) - max(start, before) for start, end, _ in known if start < after and end > before
                )
                assert covered >= after - before - 2 * PERIOD_US, f"a silent hole of {tag} from {before} to {after}"
            total = sum(end - start + 1 for start, end, _ in known)
            away = sum(after - before for before, after in pairwise(times) if after - before > 1.4 * PERIOD_US)
            assert total <= away + 2 * PERIOD_US, f"gaps of {tag} claim more than is missing"
        restarts = table.filter((pl.col("reason") == "restart") & (pl.col("source") == "press1"))
        assert len(restarts) == len(lane.runs)


def _check_the_rollups_are_those_of_the_samples(lanes: list[Lane]) -> None:
    """Nothing of a tag whose samples are stored is lost to its roll-ups, and only what was seen whole says so."""
    for lane in lanes:
        found, rolled, table = rig.samples(lane.store), rig.rollups(lane.store), rig.gaps(lane.store)
        assert rolled.filter(~pl.col("partial")).height > len(lane.runs), "some seconds are whole"
        for (tag,), rows in rolled.group_by("tag"):
            mine = found.filter((pl.col("tag") == tag) & pl.col("text").is_null())
            known = rig.gaps_of(table, str(tag).partition(".")[0], str(tag))
            for row in rows.iter_rows(named=True):
                inside = mine.filter((pl.col("ts") >= row["start"]) & (pl.col("ts") < row["until"]))
                good = inside.filter(pl.col("quality") < 1 << 31)["value"]
                assert (row["count"], row["bad"]) == (len(good), len(inside) - len(good)), row
                if len(good):
                    expected = [good.min(), good.max(), good.mean(), good.std(ddof=0)]
                    assert [row[name] for name in ("min", "max", "mean", "std")] == pytest.approx(expected, abs=1e-9)
                cut = any(row["start"] <= edge < row["until"] for start, end, _ in known for edge in (start, end))
                assert row["partial"] or not cut, row
            assert rows["count"].sum() == mine.filter(pl.col("quality") < 1 << 31).height, (
                f"samples of {tag} are in no roll-up"
            )


def _check_the_moments_differ(lanes: list[Lane]) -> None:
    """A rig that always killed at the same place would prove little."""
    assert sum(len(lane.runs) for lane in lanes) == KILLS
    assert len({run.killed % 200_000 // 20_000 for lane in lanes for run in lane.runs}) >= min(5, KILLS // 2)


def test_sigkill(tmp_path: Path) -> None:
    """One test, not one a promise: the kills are expensive, and parallel workers share no fixtures."""
    share = [KILLS // LANES + (lane < KILLS % LANES) for lane in range(LANES)]
    with ThreadPoolExecutor(LANES) as pool:
        lanes = list(pool.map(lambda lane: _lane(tmp_path / str(lane), share[lane], 7 + lane), range(LANES)))
    lanes = [lane for lane in lanes if lane.runs]
    _check_nothing_that_was_reported_durable_is_lost(lanes)
    _check_nothing_is_stored_twice(lanes)
    _check_modbus_is_exactly_what_the_device_answered(lanes)
    _check_opcua_is_what_the_server_published(lanes)
    _check_no_gap_covers_a_stored_sample_and_none_overlap(lanes)
    _check_every_hole_is_in_the_gaps_table_and_the_sum_is_exact(lanes)
    _check_the_rollups_are_those_of_the_samples(lanes)
    _check_the_moments_differ(lanes)
