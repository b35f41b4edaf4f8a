"""The checksum of RTU frames: CRC-16 with polynomial A001, low byte first (Modbus over serial line V1.02 §2.5.1.2)."""

from __future__ import annotations

from typing import Final


def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (0xA001 if value & 1 else 0)
        table.append(value)
    return tuple(table)


_TABLE: Final = _table()


def crc16(data: bytes | bytearray | memoryview) -> int:
    """Checksum of `data`; 0 for a whole frame that carries its own."""
    value = 0xFFFF
    for byte in data:
        value = (value >> 8) ^ _TABLE[(value ^ byte) & 0xFF]
    return value


def sealed(body: bytes) -> bytes:
    """A frame: unit, function and the rest, followed by the checksum."""
    return body + crc16(body).to_bytes(2, "little")
