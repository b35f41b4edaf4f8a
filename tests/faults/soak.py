"""Half an hour of random faults on one capture: a line for each, then the account and a verdict.

    python -m tests.faults.soak [--minutes 30] [--seed N] [--keep FOLDER]

Exit code 1 when anything was lost that the gaps table does not say, stored twice, or never published; when a source
stayed away for longer than twice the longest pause between two attempts; or when memory grew.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.crash import rig
from tests.faults.account import Account
from tests.faults.catalogue import LINK, Fault, nothing, suffer
from tests.faults.scene import Scene

GROWTH_KB = 60_000


def _kill(scene: Scene) -> None:
    scene.capture.kill()


def _again(scene: Scene) -> None:
    scene.capture = rig.Capture.start(scene.folder / "site.toml", scene.store)
    scene.capture.wait_commits(1)


FAULTS = (
    *LINK,
    Fault("capture killed (SIGKILL)", _kill, _again),
    Fault("nothing at all", nothing, nothing, harmless=True),
)


def run(minutes: float, seed: int, folder: Path) -> list[str]:
    """The soak; what went wrong, empty = nothing."""
    chance = random.Random(seed)
    wrong: list[str] = []
    with Scene(folder) as scene:
        scene.start_capture()
        since = time.time_ns() // 1000
        began = time.monotonic()
        first = scene.resident_kb()
        number = 0
        while time.monotonic() - began < 60 * minutes:
            number += 1
            fault, lasts = chance.choice(FAULTS), chance.uniform(0.3, 8.0)
            try:
                took = suffer(scene, fault, lasts)
            except AssertionError as error:
                wrong.append(
                    f"{fault.name}: not well again: {str(error).splitlines()[-1] if str(error) else 'timeout'}"
                )
                print(f"{number:4d}  {fault.name:42s} {lasts:4.1f} s   NOT WELL AGAIN", flush=True)
                break
            memory = scene.resident_kb()
            print(
                f"{number:4d}  {fault.name:42s} {lasts:4.1f} s   well again after {took:4.1f} s   {memory / 1000:.0f} MB",
                flush=True,
            )
            time.sleep(chance.uniform(0.5, 3))
        until = time.time_ns() // 1000 - 500_000
        if not wrong:
            last = scene.resident_kb()
            if last > first + GROWTH_KB:
                wrong.append(f"memory grew from {first / 1000:.0f} to {last / 1000:.0f} MB")
            scene.finish()
            account = Account(scene.store, scene.truth, round(scene.period_s * 1e6), since=since, until=until)
            wrong += account.problems()
            lost = ", ".join(
                f"{name} {account.lost_s(name):.1f} s" for name in ("press1", "cooling1", "meter1", "line1")
            )
            print(f"{number} faults, {account.samples.height} samples, {account.gaps.height} gap rows; gaps of {lost}")
    return wrong


def main() -> int:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keep", type=Path, help="leave everything here")
    given = parser.parse_args()
    print(f"soak: {given.minutes:g} minutes, seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        wrong = run(given.minutes, given.seed, given.keep or Path(scratch) / "scene")
    for text in wrong:
        print(f"WRONG: {text}")
    print("verdict: " + ("every loss stands in the gaps table" if not wrong else f"{len(wrong)} things are wrong"))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
