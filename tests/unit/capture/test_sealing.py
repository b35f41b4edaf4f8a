"""What a seal beside a running capture tells."""

from __future__ import annotations

import asyncio
from pathlib import Path

from iiotctl.capture.pending import Figures
from iiotctl.capture.sealing import Sealing
from iiotctl.events import Level
from tests.unit.store.making import NOON, SECOND, Clock, batch, open_writer
from tests.unit.store.test_damage import flip


def test_damage_found_while_running_is_told_once(tmp_path: Path) -> None:
    clock = Clock()
    writer = open_writer(tmp_path, clock)
    for number in range(6):
        clock.now = NOON + number * SECOND + 500_000
        writer.commit(batch(NOON + number * SECOND), alive={"plc": NOON + number * SECOND})
    writer.rotate()
    (segment,) = tmp_path.glob("spool/*.seg")
    flip(segment, 3)
    told: list[tuple[Level, str, str]] = []
    sealing = Sealing(writer, lambda: 0.0, Figures(), lambda *event: told.append(event))

    async def rotate() -> bool:
        return True

    async def main() -> None:
        for _ in range(2):
            sealing.wanted = True
            await sealing.begin(rotate)
            await sealing.settled()

    asyncio.run(main())
    sealing.shut_down()
    writer.close()
    ((level, slug, text),) = told
    assert (level, slug) == (Level.WARNING, "segment-damaged")
    assert f"damaged since it was written: `{segment.stem}`; all up to the damaged place is stored" in text
    assert text.endswith(str(tmp_path / "spool" / "damaged"))
