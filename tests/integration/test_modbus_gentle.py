"""`browse` goes gently: a pause before every request, those of the identification too, over all its connections."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from iiotctl.ops import modbus_browse

pytestmark = pytest.mark.integration

DELAY_S = 0.1


@contextmanager
def device(*, knows_itself: bool) -> Iterator[tuple[int, list[tuple[float, int]]]]:
    """A device that says who it is in pieces of an object, or ignores that; port, and (time, function) of requests."""
    seen: list[tuple[float, int]] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    while head := connection.recv(7, socket.MSG_WAITALL):
                        pdu = connection.recv(int.from_bytes(head[4:6], "big") - 1, socket.MSG_WAITALL)
                        seen.append((time.monotonic(), pdu[0]))
                        if pdu[0] == 43 and knows_itself:
                            object_id = pdu[3]
                            more = b"\xff" + bytes([object_id + 1]) if object_id < 2 else b"\0\0"
                            answer = bytes([43, 14, pdu[2], 1]) + more + bytes([1, object_id, 1]) + b"x"
                        elif pdu[0] == 43:
                            continue
                        else:
                            count = 2 * int.from_bytes(pdu[3:5], "big")
                            answer = bytes([pdu[0], count]) + bytes(count)
                        connection.sendall(head[:4] + (len(answer) + 1).to_bytes(2, "big") + head[6:7] + answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], seen
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


@pytest.mark.parametrize(("knows_itself", "identification"), [(True, 3), (False, 1)])
def test_the_pause_holds_between_all_requests(knows_itself: bool, identification: int) -> None:
    with device(knows_itself=knows_itself) as (port, seen):
        url = f"modbus-tcp://127.0.0.1:{port}/1"
        found = modbus_browse.browse(modbus_browse.plan(url, ["holding:0-63"], timeout_s=0.3, delay_s=DELAY_S))
    assert bool(found.identity) is knows_itself
    assert [function for _, function in seen] == [43] * identification + [3, 3]
    assert min(later - sooner for (sooner, _), (later, _) in itertools.pairwise(seen)) >= DELAY_S
