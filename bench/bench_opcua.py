"""OPC UA: CPU a value and lost values at 100,000 values a second, ours beside asyncua's and node-opcua's clients.

All in one run, against notifications of node-opcua played back (`opcua_server`): no server that can be installed
here offers that rate. Ours is the whole way to sealed Parquet, whose every value is counted afterwards. *Behind*: sent
and not yet delivered when the measured time was over; *missing*: not delivered at all.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
PEERS = ROOT / "tests" / "integration" / "peers" / "node"
SECONDS = 6.0
PUBLISH_S = 0.1
BY_HAND = bytes.fromhex("000000000d0b" + "00" * 24)
"""A Double with both times, where node-opcua is not there to record from."""


def record() -> tuple[bytes, str]:
    """One item as node-opcua encodes it, and where it comes from."""
    if shutil.which("node") is None or not (PEERS / "node_modules" / "node-opcua").is_dir():
        return BY_HAND, "encoded by hand (node-opcua is not installed)"
    from tests.integration.opcua_peer import Watcher, captured, config, context, running, source, until, watch

    from iiotctl.sources.opcua import changes

    bodies: list[bytes] = []
    decode = changes.decode

    def listen(data: bytes, start: int, end: int) -> Any:
        bodies.append(data[start:end])
        return decode(data, start, end)

    async def steps(_: Watcher) -> None:
        await until(lambda: len(bodies) > 3)

    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as server:
        changes.decode = listen
        try:
            asyncio.run(watch(source(config(server.url), captured("Ramp"), context(Path(folder))), steps))
        finally:
            changes.decode = decode
    layout = changes._layout(bodies[-1][8] | bodies[-1][9] << 8)
    assert layout is not None
    return bodies[-1][4 : 4 + layout.itemsize], "recorded from node-opcua"


@dataclass(frozen=True)
class Load:
    """What is played: so many tags, each so often a second, published every so many seconds."""

    tags: int
    hz: float
    publish: float
    item: bytes


@contextmanager
def playing(load: Load) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The playing process and its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.opcua_server", str(load.tags), str(load.hz), load.item.hex()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    try:
        yield f"opc.tcp://127.0.0.1:{json.loads(process.stdout.readline())['port']}", process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


def ask(process: subprocess.Popen[str], word: str) -> dict[str, Any]:
    """A word to the player, its answer."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(word + "\n")
    process.stdin.flush()
    return dict(json.loads(process.stdout.readline()))


def client(kind: str, load: Load, folder: Path) -> dict[str, Any]:
    """Figures of one client of `opcua_clients`."""
    with playing(load) as (url, player):
        arguments = [kind, url, *map(str, (load.tags, 1 / load.hz, load.publish, SECONDS, folder))]
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.opcua_clients", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert process.stdout is not None
        assert process.stdin is not None
        with process:
            taken = int(process.stdout.readline())
            sent = ask(player, "stop")["rounds"] * load.tags
            process.stdin.write("\n")
            process.stdin.flush()
            found = json.loads(process.stdout.readline())
    return {**found, "sent": sent, "behind": max(0, sent - taken)}


def node_client(load: Load) -> dict[str, Any] | None:
    """Figures of node-opcua's client; None when it cannot run."""
    if shutil.which("node") is None or not (PEERS / "node_modules" / "node-opcua").is_dir():
        return None
    with playing(load) as (url, _):
        done = subprocess.run(
            ["node", str(HERE / "opcua_client.js"), url, str(load.tags), f"{load.publish * 1000:g}", str(SECONDS)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        print("   node-opcua's client failed:", (done.stderr or done.stdout).strip().splitlines()[-1:])
        return None
    return dict(json.loads(lines[-1]))


def check(folder: Path, tags: int, rounds: int) -> tuple[int, int, float]:
    """(values missing, values double or wrong, greatest lag in seconds) in the sealed Parquet."""
    import polars as pl

    table = pl.read_parquet(folder / "store" / "samples" / "**" / "*.parquet", hive_partitioning=False)
    good = table.filter(pl.col("value").is_not_null())
    seen = good.select("tag", "value").unique().height
    lag = good.select((pl.col("ts_received") - pl.col("ts")).max())[0, 0]
    return tags * rounds - seen, good.height - seen, 0.0 if lag is None else lag.total_seconds()


def run(load: Load, *, rivals: bool) -> None:
    """One load, all clients."""
    tags, hz, publish = load.tags, load.hz, load.publish
    print(f"\n   {tags:,} tags x {hz:g} Hz = {tags * hz:,.0f} values/s, published every {publish:g} s, {SECONDS:g} s")
    print(f"   {'':44}{'values/s':>10}{'cores':>8}{'us/value':>10}{'behind':>11}{'missing':>9}")

    def line(name: str, found: dict[str, Any], lost: str) -> float:
        cost = found["cpu"] / max(1, found["values"]) * 1e6
        print(
            f"   {name:44}{found['values'] / SECONDS:>10,.0f}{found['cpu'] / SECONDS:>8.3f}{cost:>10.3f}{found.get('behind', 0):>11,}{lost:>9}",
            flush=True,
        )
        return float(cost)

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        ours = client("capture", load, folder)
        missing, twice, lag = check(folder, tags, ours["sent"] // tags)
        cost = line("ours, to the spool (sealed at the end)", ours, f"{missing:,}")
        loop = ours["loop"] / max(1, ours["values"]) * 1e6
        seal = ours["seal"] / max(1, ours["stored"]) * 1e6
        print(
            f"      of it on the event loop {loop:.3f}, commits {cost - loop:.3f}; the last seal and the end {seal:.3f} us/value"
        )
        print(
            f"      {ours['stored']:,} stored in sealed Parquet, {twice} double or wrong, {ours['gaps']} gaps, greatest lag {lag:.2f} s"
        )
        bare = line("ours, receive and decode alone", client("receive", load, folder), "-")
        if not rivals:
            return
        theirs = client("asyncua", load, folder)
        handler = line("asyncua's subscription handler", theirs, f"{theirs['sent'] - theirs['all']:,}")
        node = node_client(load)
        if node is not None:
            peer = line("node-opcua's client (yardstick)", node, "-")
            print(f"   receive and decode: {bare / peer:.2f}x node-opcua; with the spool {cost / peer:.2f}x")
        print(
            f"   receive and decode: 1/{handler / bare:.0f} of asyncua's handler; with the spool 1/{handler / cost:.0f}"
        )


def main() -> None:
    """Print the tables."""
    item, origin = record()
    print(f"   items {origin}: {len(item)} bytes, played back with counting values and the time of playing")
    run(Load(5_000, 20, PUBLISH_S, item), rivals=True)
    run(Load(6_000, 1, 0.5, item), rivals=False)
    print(f"   ({time.strftime('%H:%M')}; the player runs beside the clients on the same machine)")


if __name__ == "__main__":
    main()
