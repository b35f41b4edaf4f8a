"""A wire that loses packets: two network namespaces, a TUN device in each, and this process between them.

    unshare --map-root-user --net --mount python -m tests.faults.wire FOLDER

Real TCP stacks meet real loss: what is dropped here is sent again by the kernel. The plant stands at 10.77.0.2 in one
namespace, the capture at 10.77.0.1 in the other. Orders come one a line: `plant COMMAND…`, `capture COMMAND…` (JSON
lists; the answer is the process id), `wire DELAY LOSS` (seconds one way, share of packets; 1 = cut), `signal PID NUMBER`,
`wait PID`.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import json
import os
import random
import struct
import subprocess
import sys
from pathlib import Path

_TUNSETIFF = 0x400454CA
_IFF_TUN_NO_PI = 0x0001 | 0x1000
_CLONE_NEWNET = 0x40000000
_PLACES = {"capture": "10.77.0.1", "plant": "10.77.0.2"}

libc = ctypes.CDLL(None, use_errno=True)


class Wire:
    """Both ends, and what happens between them."""

    def __init__(self, folder: Path) -> None:
        self.delay, self.loss = 0.0, 0.0
        self.dropped = 0
        self._chance = random.Random(11)
        self._folder = folder
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
        for name in _PLACES:
            subprocess.run(["ip", "netns", "add", name], check=True)
        self._ends = {name: self._tun(name) for name in _PLACES}

    def _tun(self, name: str) -> int:
        """A TUN device inside a namespace; the descriptor stays ours."""
        home = os.open("/proc/self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{name}", os.O_RDONLY)
        assert libc.setns(there, _CLONE_NEWNET) == 0
        tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(tun, _TUNSETIFF, struct.pack("16sH", b"wire0", _IFF_TUN_NO_PI))
        for words in (f"addr add {_PLACES[name]}/24 dev wire0", "link set wire0 up", "link set lo up"):
            subprocess.run(["ip", *words.split()], check=True)
        assert libc.setns(home, _CLONE_NEWNET) == 0
        os.close(there)
        os.close(home)
        return tun

    def carry(self, source: str, target: str) -> None:
        """Take the packets of one end to the other, late or not at all."""
        while True:
            try:
                packet = os.read(self._ends[source], 65536)
            except BlockingIOError:
                return
            if self._chance.random() < self.loss:
                self.dropped += 1
            else:
                asyncio.get_running_loop().call_later(self.delay, self._put, target, packet)

    def _put(self, target: str, packet: bytes) -> None:
        try:
            os.write(self._ends[target], packet)
        except BlockingIOError:  # a full queue drops packets, as a switch does
            self.dropped += 1

    async def obey(self, line: str) -> str:
        """Do what one line says; the answer."""
        word, _, rest = line.strip().partition(" ")
        if word in _PLACES:
            command = ["ip", "netns", "exec", word, *json.loads(rest)]
            with (self._folder / f"{word}.log").open("ab") as log:
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._folder)
            self._processes[process.pid] = process
            return str(process.pid)
        if word == "wire":
            self.delay, self.loss = (float(number) for number in rest.split())
            return str(self.dropped)
        if word == "signal":
            pid, number = (int(part) for part in rest.split())
            self._processes[pid].send_signal(number)
            return "ok"
        return str(await asyncio.to_thread(self._processes[int(rest)].wait))

    async def run(self) -> None:
        """Until nobody gives orders any more."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._ends["capture"], self.carry, "capture", "plant")
        loop.add_reader(self._ends["plant"], self.carry, "plant", "capture")
        orders = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
        while line := await orders.readline():
            print(await self.obey(line.decode()), flush=True)
        for process in self._processes.values():
            process.kill()


if __name__ == "__main__":
    asyncio.run(Wire(Path(sys.argv[1])).run())
