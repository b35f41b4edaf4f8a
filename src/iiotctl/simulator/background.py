"""A plant in a thread of its own: for code that is not asynchronous, or runs an event loop of its own beside it."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType

from iiotctl.simulator.plant import Plant


class BackgroundPlant:
    """`with BackgroundPlant(Plant(…)) as plant:` serves until the block ends.

    Raises (on entering) what `Plant` raises on entering, (on leaving) what ended the simulation early.
    """

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._work, name="simulator", daemon=True)

    def __enter__(self) -> Plant:
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        return self._plant

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        if self._failure is not None and error is None:
            raise self._failure

    def _work(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with self._plant:
            self._ready.set()
            ended = asyncio.create_task(self._plant.wait())
            stopped = asyncio.create_task(self._stop.wait())
            done, _ = await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
            for task in (ended, stopped):
                task.cancel()
            await asyncio.gather(ended, stopped, return_exceptions=True)
            if ended in done:
                ended.result()
