"""Each fault of link and server once, in one capture after the other: lost equals the ledger, and it comes back."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from tests.faults.account import Account
from tests.faults.catalogue import LINK, Fault, suffer
from tests.faults.scene import Scene

pytestmark = [
    pytest.mark.crash,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="signals and /proc"),
]

HALVES = {"first": LINK[: len(LINK) // 2], "second": LINK[len(LINK) // 2 :]}


@pytest.mark.parametrize("faults", HALVES.values(), ids=HALVES)
def test_link_and_server(faults: tuple[Fault, ...], tmp_path: Path) -> None:
    with Scene(tmp_path) as scene:
        scene.start_capture()
        since = time.time_ns() // 1000
        began = scene.resident_kb()
        for fault in faults:
            took = suffer(scene, fault, 2.5)
            print(f"{fault.name}: well again after {took:.1f} s")
        time.sleep(1)
        until = time.time_ns() // 1000 - 500_000
        ended = scene.resident_kb()
        scene.finish()
        account = Account(scene.store, scene.truth, round(scene.period_s * 1e6), since=since, until=until)
        assert account.problems() == []
        assert ended < began + 40_000, "memory grows with faults"
        if all(fault.harmless for fault in faults):
            assert account.gaps.height == 0
