"""Power cuts, simulated: no committed sample is lost or doubled, and not one sync in the store is idle.

SIGKILL proves nothing about fsync. Here every step of the store is recorded, the disk is rebuilt at each of
them with what was not synced dropped, torn or out of order, and the store is read and recovered.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

import iiotctl.store
from tests.crash.power_cut import How, Operation, after
from tests.crash.power_cut_story import check, expected, record, record_after_kill

pytestmark = pytest.mark.crash

SHARES = 12
CUTS_A_SHARE = 50
KILL_SHARES = 8
HOWS: tuple[How, ...] = ("nothing", "names", "content", "everything", "random", "random", "random")

SYNCS = [
    "sync in durable.write_file < writer._save_checkpoint",
    "sync in durable.write_file < writer.prepare",
    "sync in manifest._write",
    "sync in seal._write_scratch",
    "sync in spool._append",
    "sync in writer._settle",
    "sync_dir in durable.make_dir < seal._write_scratch",
    "sync_dir in durable.make_dir < writer.prepare",
    "sync_dir in durable.write_file < writer._save_checkpoint",
    "sync_dir in durable.write_file < writer.prepare",
    "sync_dir in manifest._write",
    "sync_dir in seal.place",
    "sync_dir in spool.__init__",
]
EVIDENCE = "sync_dir in durable.make_dir < writer._discard"
"""Folder of damaged segments: for people; no committed sample depends on it."""
IMPORT = {"sync_dir in bulk._recover"}
"""Proven needed in `test_power_cut_import`."""
COMPACTION = {
    "sync in merge.write",
    "sync_dir in compact._replace",
    "sync_dir in gather.gather",
    "sync_dir in upkeep._clean",
}
"""Proven needed in `test_power_cut_compact`."""
PUSH = {"sync in push._copy", "sync_dir in push._copy", "sync_dir in push.sync_dir"}
"""Proven needed in `test_power_cut_retain`; the last is the disk of a share."""


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> list[Operation]:
    return record(tmp_path_factory.mktemp("story"))


def _kills(trace: list[Operation]) -> list[int]:
    """Where a kill leaves something that is not synced."""
    return [number + 1 for number, step in enumerate(trace) if step.kind in ("mkdir", "link", "rename", "write")]


def _cut(
    trace: list[Operation], steps: int, how: How, base: Path, *, seed: int = 0, without: str | None = None
) -> None:
    after(trace, steps, without).write_out(base, how, Random(seed))
    check(base, expected(trace, steps))


def test_every_sync_of_the_store_is_in_the_list(trace: list[Operation], tmp_path: Path) -> None:
    places = {step.place for step in trace}
    for number, killed_at in enumerate(_kills(trace)[-4:]):
        places |= {step.place for step in record_after_kill(trace, killed_at, tmp_path / str(number))}
    assert sorted(places - {"", EVIDENCE}) == SYNCS
    written = set()
    for path in Path(iiotctl.store.__file__).parent.glob("*.py"):
        for function in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(function, ast.FunctionDef):
                for node in ast.walk(function):
                    if isinstance(node, ast.Attribute) and node.attr in ("sync", "sync_dir"):
                        written.add(f"{node.attr} in {path.stem}.{function.name}")
    assert written - IMPORT - COMPACTION - PUSH == {place.partition(" < ")[0] for place in SYNCS}


def test_there_are_enough_cuts(trace: list[Operation]) -> None:
    assert SHARES * CUTS_A_SHARE >= 500
    assert 2 * len(trace) <= SHARES * CUTS_A_SHARE, "every step is a place to cut, several times over"


@pytest.mark.parametrize("share", range(SHARES))
def test_nothing_committed_is_lost_or_doubled(trace: list[Operation], tmp_path: Path, share: int) -> None:
    for number in range(share, SHARES * CUTS_A_SHARE, SHARES):
        turn, step = divmod(number, len(trace))
        _cut(trace, 1 + step, HOWS[(step + turn) % len(HOWS)], tmp_path / str(number), seed=number)


@pytest.mark.parametrize("share", range(KILL_SHARES))
def test_a_killed_process_and_then_a_power_cut(trace: list[Operation], tmp_path: Path, share: int) -> None:
    """What the killed process had not synced is still pending when the next one goes on."""
    for killed_at in _kills(trace)[share::KILL_SHARES]:
        folder = tmp_path / str(killed_at)
        folder.mkdir()
        both = record_after_kill(trace, killed_at, folder / "killed")
        random = Random(killed_at)
        _cut(both, len(both), "nothing", folder / "end")
        _cut(both, random.randint(killed_at, len(both)), random.choice(HOWS), folder / "any", seed=killed_at)


@pytest.mark.parametrize("place", SYNCS)
def test_every_sync_is_needed(trace: list[Operation], tmp_path: Path, place: str) -> None:
    """Take one sync out: some cut must now lose something, and the same check must see it."""
    for number, (story, begin) in enumerate(_stories(trace, tmp_path)):
        places = [step for step in range(begin, len(story)) if story[step].place == place]
        if not places:
            continue
        hows: tuple[How, ...] = ("nothing", "names", "content", "random", "random")
        cuts = [(steps, how) for steps in range(places[0] + 1, len(story) + 1) for how in hows]
        # In any order: what is lost shows in a few steps after the place, and the first loss found is enough.
        Random(number).shuffle(cuts)
        for seed, (steps, how) in enumerate(cuts):
            try:
                _cut(story, steps, how, tmp_path / f"{number}-{seed}", seed=seed, without=place)
            except Exception:  # an assertion, or the store refusing what it finds
                # with the sync in place the very same cut loses nothing
                _cut(story, steps, how, tmp_path / "intact", seed=seed)
                return
    pytest.fail(f"nothing is lost without `{place}`: either it is idle or this test is blind")


def _stories(trace: list[Operation], folder: Path) -> Iterator[tuple[list[Operation], int]]:
    yield trace, 0
    # A kill between a commit's write and its sync first: that is where most is not durable yet.
    for killed_at in sorted(_kills(trace), key=lambda number: trace[number].place != "sync in spool._append"):
        yield record_after_kill(trace, killed_at, folder / f"killed-{killed_at}"), killed_at
