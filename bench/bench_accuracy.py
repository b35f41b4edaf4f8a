"""The audit of sensors against labelled weeks: what it finds by the right name, and what it makes up.

    make bench BENCH=accuracy
    ACCURACY_SEEDS=201,202 python -m bench accuracy
    ACCURACY_SEEDS=101,102,103 ACCURACY_WRITE=1 python -m bench accuracy     # writes the page

A week is made by `iiotctl simulate --week`, imported and audited through the command line, without a site file and without
any parameter. Seeds from 100 on are for figures that are reported: nothing is tuned on them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from bench.accuracy.score import RANKS, Score, add, read_findings, read_labels
from bench.accuracy.table import tables, write

SEEDS: Final = tuple(int(seed) for seed in os.environ.get("ACCURACY_SEEDS", "101").split(","))
FAMILIES: Final = tuple(os.environ.get("ACCURACY_FAMILIES", "units,loops").split(","))
TAGS: Final = int(os.environ.get("ACCURACY_TAGS", "50"))
DAYS: Final = int(os.environ.get("ACCURACY_DAYS", "7"))
_LOUD: Final = RANKS["medium"]
_ALL: Final = RANKS["low"]


def _run(*words: str) -> str:
    done = subprocess.run([sys.executable, "-m", "iiotctl", *words], capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        msg = f"iiotctl {' '.join(words)}: exit {done.returncode}\n{done.stderr[-2000:]}"
        raise RuntimeError(msg)
    return done.stdout


def _week(folder: Path, seed: int, family: str, *, clean: bool) -> tuple[str, float]:
    """The findings of one week as JSON, and how long the audit took, s."""
    week, store = folder / "week", folder / "store"
    more = ("--clean",) if clean else ()
    _run(
        "simulate", "--week", str(week), "--seed", str(seed), "--family", family,
        "--tag-count", str(TAGS), "--days", str(DAYS), *more,
    )  # fmt: skip
    _run("import", str(week / "samples.parquet"), "--store", str(store))
    start = time.monotonic()
    told = _run("audit", "sensors", "--store", str(store), "--severity", "low", "--format", "json")
    return told, time.monotonic() - start


def main() -> None:
    """Print the tables; with `ACCURACY_WRITE` put them on the page."""
    every, loud = Score(), Score()
    for family in FAMILIES:
        for seed, clean in [*((seed, False) for seed in SEEDS), (SEEDS[0], True)]:
            folder = Path(tempfile.mkdtemp(prefix="iiotctl-accuracy-"))
            try:
                told, took = _week(folder, seed, family, clean=clean)
                labels = [] if clean else read_labels(folder / "week/labels.csv")
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            found = read_findings(told)
            for score, worst in ((every, _ALL), (loud, _LOUD)):
                add(score, found, labels, TAGS, DAYS, worst=worst)
            kind = "no fault" if clean else f"{len(labels)} faults"
            print(f"{family} {seed}: {kind}, {len(found)} findings, audit {took:.1f} s", flush=True)
    said = (
        f"{(len(SEEDS) + 1) * len(FAMILIES)} weeks of {TAGS} tags and {DAYS} days at 1 s: families {', '.join(FAMILIES)}, "
        f"seeds {', '.join(map(str, SEEDS))}, and one week without any fault each."
    )
    lines = tables(every, loud, said)
    print("\n".join(lines))
    for title, rows in (("missed", every.missed), ("false, medium and above", loud.wrong), ("false", every.wrong)):
        print(f"\n{title}:", *(rows or ["none"]), sep="\n  ")
    if os.environ.get("ACCURACY_WRITE"):
        write(lines)
