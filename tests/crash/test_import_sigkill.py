"""An import killed with SIGKILL at any moment, and repeated: every row once."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from iiotctl.store.verify import HARMLESS, verify
from tests.crash.rig import SOAK
from tests.unit.store.bulk_stores import samples

pytestmark = pytest.mark.crash

DAYS = 20
PER_DAY = 400
KILLS = 40 if SOAK else 3


def test_killed_and_repeated(tmp_path: Path) -> None:
    path, root = tmp_path / "x.csv", tmp_path / "store"
    lines = [
        f"2025-{1 + day // 28:02d}-{1 + day % 28:02d}T{i // 60:02d}:{i % 60:02d}:00Z,t{i % 3},{day * PER_DAY + i}"
        for day in range(DAYS)
        for i in range(PER_DAY)
    ]
    path.write_text("ts,tag,value\n" + "\n".join(lines) + "\n")
    command = [sys.executable, "-m", "iiotctl", "import", str(path), "--store", str(root)]
    random, killed = Random(7), 0
    for _ in range(KILLS):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        before = len(list(root.rglob("*.p*")))
        while process.poll() is None and len(list(root.rglob("*.p*"))) <= before and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(random.random() * 0.05)
        process.kill()
        killed += process.wait() == -9
        if (root / "store.toml").exists():
            assert {flaw.verdict for flaw in verify(root).flaws} <= HARMLESS
    assert killed >= 1
    subprocess.run(command, check=True, capture_output=True)
    found = samples(root)
    assert sorted(found["value"]) == [float(i) for i in range(DAYS * PER_DAY)]
    assert verify(root).flaws == []
