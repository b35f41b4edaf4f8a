"""The faults: each begins, lasts, and ends; what it does to the account is for `account` to find out."""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.scene import Scene


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of trouble.

    Attributes:
        name: what the soak prints.
        begin: makes it happen.
        end: makes it stop.
        harmless: nothing may be lost by it.
    """

    name: str
    begin: Callable[[Scene], None]
    end: Callable[[Scene], None]
    harmless: bool = False


def _each(**switches: object) -> Callable[[Scene], None]:
    def act(scene: Scene) -> None:
        for proxy in scene.proxies:
            for name, value in switches.items():
                setattr(proxy, name, value)

    return act


def _reset(scene: Scene) -> None:
    for proxy in scene.proxies:
        proxy.reset()


def _half_open(scene: Scene) -> None:
    for proxy in scene.proxies:
        proxy.half_open()


def _restart(scene: Scene) -> None:
    scene.stop_plant()


def _back(scene: Scene) -> None:
    scene.start_plant()


def _swallowed(scene: Scene) -> None:
    _each(blackhole=False, deaf=False)(scene)
    _reset(scene)  # bytes are missing from the streams: a firewall that forgot its state resets them


def _wrong_transaction(data: bytes) -> bytes:
    """Modbus TCP answers with the identifier of somebody else's request."""
    parts, at = [], 0
    while at + 6 <= len(data):
        transaction, _, length = struct.unpack_from(">HHH", data, at)
        parts.append(struct.pack(">H", (transaction + 7) & 0xFFFF) + data[at + 2 : at + 6 + length])
        at += 6 + length
    return b"".join(parts)


def _only_modbus(change: Callable[[bytes], bytes]) -> Callable[[Scene], None]:
    def act(scene: Scene) -> None:
        scene.modbus.garble = change

    return act


_HEADS = (b"MSG", b"OPN", b"ACK", b"ERR")


def _garbage(scene: Scene) -> None:
    """No answer makes sense any more.

    Of OPC UA a chunk is spoilt only where a message begins: bytes in the middle of one that TCP vouches for and
    nobody has signed may well be another valid message, and no client can tell.
    """

    def spoil(data: bytes) -> bytes:
        return b"\xde\xad" + data[2:][::-1]

    scene.modbus.garble = spoil
    scene.opcua.garble = lambda data: spoil(data) if data.startswith(_HEADS) else data


def _clean(scene: Scene) -> None:
    _each(garble=None, delay=0.0, split=0)(scene)


def _lossy(scene: Scene) -> None:
    """300 ms of latency, and one chunk in twenty held back for the time of a TCP retransmission."""
    chance = random.Random(5)

    def hold(data: bytes) -> bytes:
        if chance.random() < 0.05:
            for proxy in scene.proxies:
                proxy.delay = 0.9
        else:
            for proxy in scene.proxies:
                proxy.delay = 0.3
        return data

    _each(delay=0.3, garble=hold)(scene)


def nothing(_: Scene) -> None:
    """Ends by itself."""


LINK = (
    Fault("silent drop (blackhole, then reset)", _each(blackhole=True, deaf=True), _swallowed),
    Fault("connections reset", _reset, nothing),
    Fault("connections closed, new ones refused", lambda s: (_each(refuse=True)(s), _reset(s)), _each(refuse=False)),
    Fault("half-open", _half_open, _reset),
    Fault("server hangs, then goes on", Scene.freeze_plant, Scene.thaw_plant),
    Fault("server restart", _restart, _back),
    Fault("300 ms latency, 5 % of chunks late", _lossy, _clean),
    Fault("slow-loris answers", _each(split=3, split_pause=0.02), _clean),
    Fault("wrong transaction ids", _only_modbus(_wrong_transaction), _clean),
    Fault("duplicated answers", _only_modbus(lambda data: data + data), _clean, harmless=True),
    Fault("answers in pieces", _each(split=7, split_pause=0.0), _clean, harmless=True),
    Fault("garbage instead of answers", _garbage, _clean),
)


def suffer(scene: Scene, fault: Fault, seconds: float) -> float:
    """Let a fault last so long; seconds until everything is well again afterwards."""
    fault.begin(scene)
    time.sleep(seconds)
    fault.end(scene)
    return scene.wait_recovered()
