"""The one door to pyserial: a serial port that never blocks, and what its errors mean in the user's words.

On POSIX a port opened to listen is open for reading alone: the system refuses to send on it.
"""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol

from iiotctl.errors import SourceError

_LARGEST: Final = 4096
_POLL_S: Final = 0.005
_PSEUDO_TERMINALS: Final = range(136, 144)
"""Major numbers of the ends of pseudo terminals on Linux."""


class Line(Protocol):
    """The serial keys of a source in the site file."""

    @property
    def port(self) -> str: ...
    @property
    def baudrate(self) -> int: ...
    @property
    def parity(self) -> str: ...
    @property
    def databits(self) -> int: ...
    @property
    def stopbits(self) -> int | None: ...


def settings_of(line: Line) -> str:
    """Speed and form of a character as people write them, e.g. `19200 8E1`."""
    return f"{line.baudrate} {line.databits}{line.parity[0].upper()}{_stopbits(line)}"


def _stopbits(line: Line) -> int:
    # a character has 11 bits (Modbus over serial line V1.02 §2.5.1): the second stop bit stands in for parity
    return line.stopbits or (2 if line.parity == "none" else 1)


class Port:
    """An open serial port. Nothing here waits.

    Args:
        path: its name.
        device: pyserial's object, or None when `reading` is all there is.
        reading: descriptor open for reading alone.
        may_send: False for a port opened to listen.
    """

    def __init__(self, path: str, device: Any, reading: int | None = None, *, may_send: bool = True) -> None:
        self.path = path
        self.may_send = may_send
        self._device = device
        self._reading = reading
        self._watched: int | None = None
        self._polling: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """False once closed."""
        return self._device is not None or self._reading is not None

    def fileno(self) -> int:
        """The descriptor (POSIX)."""
        return self._reading if self._reading is not None else int(self._device.fileno())

    def start(self, received: Callable[[bytes], object], lost: Callable[[SourceError], object]) -> None:
        """Hand over what arrives, on the running loop, until `stop`; `lost` is called once when the port is gone."""
        if os.name == "nt":  # pragma: no cover - not run on Windows, whose loop cannot watch a port
            self._polling = asyncio.create_task(self._poll(received, lost))
            return
        self._watched = self.fileno()
        asyncio.get_running_loop().add_reader(self._watched, self._readable, received, lost)

    def stop(self) -> None:
        """Hand over nothing more."""
        if self._watched is not None:
            asyncio.get_running_loop().remove_reader(self._watched)
            self._watched = None
        if self._polling is not None:
            self._polling.cancel()
            self._polling = None

    def _readable(self, received: Callable[[bytes], object], lost: Callable[[SourceError], object]) -> None:
        try:
            data = os.read(self.fileno(), _LARGEST)
        except BlockingIOError:
            return
        except OSError as error:
            self.stop()
            lost(_lost(self.path, error.strerror or str(error)))
            return
        if data:
            received(data)
        else:  # ready, and nothing to read: the adapter was pulled out
            self.stop()
            lost(_lost(self.path, "the device is gone"))

    async def _poll(
        self, received: Callable[[bytes], object], lost: Callable[[SourceError], object]
    ) -> None:  # pragma: no cover - not run on Windows
        while True:
            try:
                data = bytes(self._device.read(self._device.in_waiting))
            except OSError as error:
                self._polling = None
                lost(_lost(self.path, str(error)))
                return
            if data:
                received(data)
            await asyncio.sleep(_POLL_S)

    def send(self, data: bytes) -> None:
        """Pass bytes to the system; they leave when the line takes them.

        Raises:
            SourceError: the port is gone, or takes no bytes.
            PermissionError: opened to listen: a mistake in our code, not in the plant.
        """
        if not self.may_send:
            msg = f"{self.path} is open to listen"
            raise PermissionError(msg)
        if self._device is None:
            raise _lost(self.path, "it is closed")
        try:
            sent = self._device.write(data)
        except OSError as error:
            raise _lost(self.path, str(error)) from error
        if sent != len(data):
            raise _lost(self.path, f"it took {sent} of {len(data)} bytes")

    def discard(self) -> None:
        """Forget what has arrived and was not handed over yet."""
        with suppress(OSError):
            if self._device is not None:
                self._device.reset_input_buffer()
            elif self._reading is not None:
                while len(os.read(self._reading, _LARGEST)) == _LARGEST:
                    pass

    def close(self) -> None:
        """Let go of the port; never raises."""
        with suppress(RuntimeError):  # no loop runs any more
            self.stop()
        device, self._device = self._device, None
        reading, self._reading = self._reading, None
        with suppress(OSError):
            if device is not None:
                device.close()
        with suppress(OSError):
            if reading is not None:
                os.close(reading)


def open_port(line: Line, *, listen_only: bool = False) -> Port:
    """Open a port for this process alone.

    Args:
        line: port and settings.
        listen_only: nothing can be sent; on POSIX the system sees to it.

    Raises:
        SourceError: `serial-port-missing`, `-denied`, `-busy` or `-failed`.
    """
    import serial

    pseudo = _is_pseudo_terminal(line.port)
    device = serial.Serial()
    device.port = line.port
    device.baudrate = line.baudrate
    # a pseudo terminal has no line: some systems refuse to set the form of its characters
    device.parity = "N" if pseudo else line.parity[0].upper()
    device.bytesize = 8 if pseudo else line.databits
    device.stopbits = 1 if pseudo else _stopbits(line)
    device.timeout = 0
    device.write_timeout = 0
    if os.name != "nt":
        device.exclusive = True
    if listen_only:
        device.rts = False  # on many converters RTS switches the transmitter on
    try:
        device.open()
        if listen_only and os.name != "nt":
            return _for_reading(line.port, device)
    except Exception as error:  # pyserial lets `termios.error` and `ValueError` through
        device.close()
        raise _refused(line, error) from error
    return Port(line.port, device, may_send=not listen_only)


def _for_reading(path: str, device: Any) -> Port:
    """The same port, set up already, by a descriptor that cannot write."""
    import fcntl

    reading = os.open(path, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        device.close()  # its lock goes with it
        fcntl.flock(reading, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(reading)
        raise
    return Port(path, None, reading, may_send=False)


def _is_pseudo_terminal(path: str) -> bool:
    try:
        found = Path(path).stat()
    except OSError:
        return False
    return stat.S_ISCHR(found.st_mode) and os.name == "posix" and os.major(found.st_rdev) in _PSEUDO_TERMINALS


def _is_file(path: str) -> bool:
    try:
        return os.name == "posix" and not stat.S_ISCHR(Path(path).stat().st_mode)
    except OSError:
        return False


def _lost(path: str, cause: str) -> SourceError:
    return SourceError(
        "source-lost",
        f"the serial port `{path}` is gone",
        where=path,
        cause=cause,
        hint="plug the adapter in again; capture opens the port as soon as it is back",
        retriable=True,
    )


def _refused(line: Line, error: Exception) -> SourceError:
    """Why a port cannot be opened."""
    path = line.port
    number = getattr(error, "errno", None)
    if number is None and error.args and isinstance(error.args[0], int):  # termios.error
        number = error.args[0]
    text = str(error)
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO) or "FileNotFoundError" in text:
        return SourceError(
            "serial-port-missing",
            f"there is no serial port `{path}`",
            where=path,
            cause=f"ports of this machine: {', '.join(_ports()) or 'none'}",
            hint="plug the adapter in, or correct `port`; on Linux `ls -l /dev/serial/by-id` shows names that stay",
            retriable=True,
        )
    if number in (errno.EACCES, errno.EPERM) and os.name != "nt":
        return SourceError(
            "serial-port-denied",
            f"this user may not open the serial port `{path}`",
            where=path,
            cause=os.strerror(number),
            hint="`sudo usermod -aG dialout $USER`, then log in again (the group is `uucp` on some systems)",
        )
    if number in (errno.EAGAIN, errno.EBUSY) or "PermissionError" in text:
        return SourceError(
            "serial-port-busy",
            f"another program uses the serial port `{path}`",
            where=path,
            cause="it holds the port for itself alone",
            hint=f"`fuser -v {path}` names it; ModemManager is a usual suspect",
            retriable=True,
        )
    if number == errno.ENOTTY or f"({errno.ENOTTY}, " in text or _is_file(path):
        return SourceError(
            "serial-port-failed",
            f"`{path}` is no serial port",
            where=path,
            cause=f"ports of this machine: {', '.join(_ports()) or 'none'}",
            hint="correct `port`; on Linux `ls -l /dev/serial/by-id` shows the names of adapters",
        )
    reason = os.strerror(number) if number else text
    return SourceError(
        "serial-port-failed",
        f"the serial port `{path}` cannot be set to {settings_of(line)}",
        where=path,
        cause=reason[:1].lower() + reason[1:],
        hint="check `port`, `baudrate`, `parity` and `databits`; not every adapter can do every speed",
        retriable=True,
    )


def _ports() -> list[str]:
    from serial.tools.list_ports import comports

    return sorted(port.device for port in comports())
