"""The load of the OPC UA bench, as a process: notifications of a real server played back at a given rate.

`python -m bench.opcua_server TAGS HZ ITEM`: ITEM is one item of a DataChangeNotification in hexadecimal, recorded
from node-opcua. Each publishing interval the items of all tags follow, with the handles of the client, values
that count up and source times `1 / HZ` apart; so a value that is lost or comes twice shows. No server that can
be installed here offers 100,000 values a second; the client's session, framing and decoding are the real ones.
One line of JSON on stdout when it listens; a line on stdin asks what was sent.
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
import threading
import time

import numpy as np
from tests.integration.opcua_player import Player, Subscription, ticks

from iiotctl.sources.opcua import changes


class Load:
    """Bodies for the player."""

    def __init__(self, tags: int, hz: float, item: bytes) -> None:
        layout = changes._layout(item[4] | item[5] << 8)
        assert layout is not None
        assert layout.itemsize == len(item)
        self._tags = tags
        self._hz = hz
        self._item = np.frombuffer(item, layout)
        self._records: np.ndarray | None = None
        self._began = 0.0
        self._rounds = 0
        self.is_running = True

    def body(self, subscription: Subscription) -> bytes | None:
        """What has become due since the last interval: a value of each tag for each period."""
        if len(subscription.handles) < self._tags:
            return None
        if not self._began:
            self._began = time.monotonic()
        due = int((time.monotonic() - self._began) * self._hz) + 1 if self.is_running else self._rounds
        fresh = due - self._rounds
        if fresh <= 0:
            return None
        handles = np.fromiter(subscription.handles, np.uint32)
        if self._records is None or self._records.shape != (len(handles), fresh):
            self._records = np.tile(self._item, (len(handles), fresh))
            self._records["handle"] = handles[:, None]
        numbers = np.arange(self._rounds, due)
        self._records["value"] = numbers[None, :]
        # 100-ns ticks; the step keeps times of one tag apart whatever the jitter of this process
        self._records["source"] = ticks() - ((due - 1 - numbers) * (1e7 / self._hz)).astype(np.int64)[None, :]
        if "server" in (self._records.dtype.names or ()):
            self._records["server"] = self._records["source"]
        self._rounds = due
        return struct.pack("<i", self._records.size) + self._records.tobytes() + struct.pack("<i", -1)

    @property
    def sent(self) -> int:
        """Values of each tag."""
        return self._rounds


async def _serve(tags: int, hz: float, item: bytes) -> None:
    player, load = Player(), Load(tags, hz, item)
    player.body = load.body
    player.values = _Everything()  # type: ignore[assignment]
    await player.serve()
    sys.stdout.write(json.dumps({"port": player.port}) + "\n")
    sys.stdout.flush()
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def listen() -> None:
        for line in sys.stdin:
            if line.strip() == "stop":
                load.is_running = False
            sys.stdout.write(json.dumps({"rounds": load.sent, "cpu": time.process_time()}) + "\n")
            sys.stdout.flush()
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=listen, daemon=True).start()
    await ended.wait()


class _Everything(dict):
    """Any node may be read."""

    def get(self, _key: object, _default: object = None) -> float:
        return 0.0


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2]), bytes.fromhex(sys.argv[3])))
