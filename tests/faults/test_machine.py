"""Faults of the machine that captures: a full disk and steps of the wall clock; and a server whose clock is wrong."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from tests.crash import rig
from tests.faults.account import Account
from tests.faults.scene import Scene
from tests.peers import require, require_tool

HOUR_US = 3_600_000_000
ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.crash,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="namespaces, libfaketime"),
]


def _now() -> int:
    return time.time_ns() // 1000


def _faked(clock: Path | None) -> dict[str, str]:
    """Variables that let a process see the wall clock shifted by what stands in `clock`; its other clocks stay."""
    require_tool("faketime", "apt-get install faketime")
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    require(bool(found), "libfaketime", "apt-get install faketime")
    faked = {"LD_PRELOAD": str(found[0]), "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}
    if clock is None:
        return faked
    # within a second a step is seen; looking at the file each time would slow the process down
    return {**faked, "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_CACHE_DURATION": "1"}


def _set(clock: Path, shift: str) -> None:
    scratch = clock.with_suffix(".new")
    scratch.write_text(shift + "\n")
    scratch.replace(clock)


@pytest.mark.parametrize("shift", ["+3600", "-3600"])
def test_wall_clock_stepped_by_an_hour_and_back(shift: str, tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    _set(clock, "+0")
    with Scene(tmp_path / "scene") as scene:
        scene.capture = rig.Capture.start(scene.folder / "site.toml", scene.store, **_faked(clock))
        scene.capture.wait_commits(8)
        since = _now()
        time.sleep(2)
        _set(clock, shift)
        time.sleep(4)
        _set(clock, "+0")
        time.sleep(4)
        until = _now() - 500_000
        scene.finish()
        account = Account(scene.store, scene.truth, round(scene.period_s * 1e6), since=since, until=until)
    steps = account.gaps.filter(pl.col("reason") == "clock-step")
    assert steps.height > 0, "a step is told in the gaps table"
    assert not [text for text in account.problems() if "covers" in text or "twice" in text or "overlap" in text]
    # by the plant's clock nothing is missing: shifted back, every answer and every change is there
    way = HOUR_US if shift.startswith("+") else -HOUR_US
    account.samples = account.samples.with_columns(_unshifted("ts", since, way))
    others = account.gaps.filter(pl.col("reason") != "clock-step")
    account.gaps = others.with_columns(_unshifted("start", since, way), _unshifted("end", since, way))
    assert account.problems() == []


def _unshifted(column: str, since: int, way: int) -> pl.Expr:
    """Times of a column as the plant's clock shows them."""
    is_shifted = (pl.col(column) - (since + way)).abs() < HOUR_US // 2
    return pl.when(is_shifted).then(pl.col(column) - way).otherwise(pl.col(column)).alias(column)


@pytest.mark.parametrize(("shift", "word"), [(3600, "ahead of"), (-3600, "behind")])
def test_server_clock_is_an_hour_off(shift: int, word: str, tmp_path: Path) -> None:
    """Source times are the server's, gaps stand in the same time, and our own clock is not believed for them."""
    faked = {**_faked(None), "FAKETIME": f"{shift:+d}"}
    with Scene(tmp_path / "scene", plant_env=faked) as scene:
        scene.start_capture()
        since = _now() + shift * 1_000_000
        time.sleep(2)
        scene.stop_plant()
        time.sleep(2.5)
        scene.start_plant()
        scene.wait_recovered()
        time.sleep(2)
        until = _now() + shift * 1_000_000 - 500_000
        scene.finish()
        account = Account(scene.store, scene.truth, round(scene.period_s * 1e6), since=since, until=until)
    account.samples = account.samples.filter(pl.col("tag").str.starts_with("line1."))
    account.truth = [_only_opcua(path) for path in account.truth]
    assert account.problems() == []
    assert account.lost_s("line1") > 2
    told = [line for line in scene.capture.lines if f"s {word} ours" in line]
    assert any(re.search(r"clock is (3599|3600)\.\d+ s", line) for line in told), "\n".join(scene.capture.lines)


def _only_opcua(path: Path) -> Path:
    kept = path.with_suffix(".opcua")
    kept.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if '"kind":"opcua"' in line))
    return kept


def test_disk_full_and_free_again(tmp_path: Path) -> None:
    """On a real file system without a byte left: what finds no room is a gap with that cause, the rest is stored."""
    unshare = require_tool("unshare", "apt-get install util-linux")
    works = subprocess.run([unshare, "--map-root-user", "--mount", "true"], capture_output=True)
    require(works.returncode == 0, "mount namespaces", "allow unprivileged user namespaces, or run as root")
    with Scene(tmp_path / "scene") as scene:
        kept = tmp_path / "kept"
        line = [unshare, "--map-root-user", "--mount", sys.executable, "-m", "tests.faults.small_disk"]
        words = rig.command("capture", "--no-live", "--site", scene.folder / "site.toml", "--store", scene.store)
        with (tmp_path / "capture.log").open("w") as log:
            disk = subprocess.Popen(
                [*line, str(scene.store), str(kept), "12000000", "--", *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=ROOT,
                env=dict(os.environ),
            )
            assert disk.stdin is not None
            assert disk.stdout is not None
            pid = int(disk.stdout.readline().split()[1])

            def tell(word: str) -> None:
                disk.stdin.write(word + "\n")  # type: ignore[union-attr]
                disk.stdin.flush()  # type: ignore[union-attr]
                disk.stdout.readline()  # type: ignore[union-attr]

            store = Path(f"/proc/{pid}/root{scene.store}")
            rig.wait_for(lambda: (store / "run" / "status.json").exists() and list(store.glob("samples/*/*")), 60)
            since = _now()
            time.sleep(1)
            tell("fill")
            time.sleep(4)
            tell("free")
            time.sleep(6)
            until = _now() - 500_000
            tell("end")
            assert disk.wait(60) == 130, (tmp_path / "capture.log").read_text()
            disk.stdin.close()
            disk.stdout.close()
        scene.stop_plant()
        account = Account(kept, scene.truth, round(scene.period_s * 1e6), since=since, until=until)
    assert account.problems() == []
    assert set(account.gaps["reason"]) & {"disk-full", "disk-reserve"}
    assert all(account.lost_s(source) > 1 for source in ("press1", "cooling1", "meter1", "line1"))
