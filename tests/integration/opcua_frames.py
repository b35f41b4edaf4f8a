"""Frames of a scripted OPC UA server (see `opcua_player`): security None, chunks both ways."""

from __future__ import annotations

import asyncio
import datetime as dt
import struct
from typing import Any, ClassVar

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import nodeid_from_binary, struct_from_binary, struct_to_binary

CHUNK = 60_000
BAD_NOT_KEPT = 0x807B0000
REQUESTS = {
    getattr(ua.ObjectIds, f"{name}_Encoding_DefaultBinary"): getattr(ua, name)
    for name in dir(ua)
    if name.endswith("Request") and hasattr(ua.ObjectIds, f"{name}_Encoding_DefaultBinary")
}


class Connection(asyncio.Protocol):
    """Frames in, frames out."""

    open: ClassVar[set[Connection]] = set()

    def __init__(self, player: Any) -> None:
        self.player = player
        self.transport: asyncio.Transport | None = None
        self._buffer = b""
        self._parts: list[bytes] = []
        self._sequence = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.set_write_buffer_limits(high=1 << 26)
        self.open.add(self)

    def connection_lost(self, _: Exception | None) -> None:
        self.transport = None
        self.open.discard(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= 8:
            size = int.from_bytes(self._buffer[4:8], "little")
            if len(self._buffer) < size:
                return
            message, self._buffer = self._buffer[:size], self._buffer[size:]
            self._take(message)

    def _take(self, message: bytes) -> None:
        kind = message[:3]
        if kind == b"HEL":
            self._write(b"ACKF", struct.pack("<IIIII", 0, 65535, 65535, 0, 0))
        elif kind == b"OPN":
            self._opened(message)
        elif kind == b"MSG":
            request_id = struct.unpack_from("<I", message, 20)[0]
            self._parts.append(message[24:])
            if message[3:4] == b"F":
                body, self._parts = b"".join(self._parts), []
                self._request(body, request_id)
        elif self.transport is not None:
            self.transport.close()

    def _write(self, kind: bytes, payload: bytes) -> None:
        if self.transport is not None:
            self.transport.write(kind + struct.pack("<I", 8 + len(payload)) + payload)

    def _opened(self, message: bytes) -> None:
        data = Buffer(message[12:])
        struct_from_binary(ua.AsymmetricAlgorithmHeader, data)
        header = struct_from_binary(ua.SequenceHeader, data)
        request = struct_from_binary(ua.OpenSecureChannelRequest, data)
        response = ua.OpenSecureChannelResponse()
        response.ResponseHeader.RequestHandle = request.RequestHeader.RequestHandle
        token = response.Parameters.SecurityToken
        token.ChannelId, token.TokenId, token.RevisedLifetime = 1, 1, request.Parameters.RequestedLifetime
        token.CreatedAt = dt.datetime.now(dt.UTC)
        policy = ua.AsymmetricAlgorithmHeader()
        policy.SecurityPolicyURI = "http://opcfoundation.org/UA/SecurityPolicy#None"
        self._sequence += 1
        place = struct.pack("<II", self._sequence, header.RequestId)
        self._write(b"OPNF", struct.pack("<I", 1) + struct_to_binary(policy) + place + struct_to_binary(response))

    def send(self, request_id: int, body: bytes) -> None:
        """A response in as many chunks as it takes."""
        pieces = []
        for start in range(0, len(body), CHUNK):
            part = body[start : start + CHUNK]
            self._sequence += 1
            end = b"F" if start + CHUNK >= len(body) else b"C"
            pieces += [b"MSG", end, struct.pack("<IIIII", 24 + len(part), 1, 1, self._sequence, request_id), part]
        if self.transport is not None:
            self.transport.write(b"".join(pieces))

    def fault(self, handle: int, request_id: int, code: int) -> None:
        """A ServiceFault."""
        fault = ua.ServiceFault()
        fault.ResponseHeader.RequestHandle = ua.UInt32(handle)
        fault.ResponseHeader.ServiceResult = ua.StatusCode(ua.UInt32(code))
        self.send(request_id, struct_to_binary(fault))

    def _request(self, body: bytes, request_id: int) -> None:
        kind = REQUESTS[int(nodeid_from_binary(Buffer(body)).Identifier)]
        request = struct_from_binary(kind, Buffer(body))
        name = kind.__name__.removesuffix("Request")
        self.player.asked.append(name)
        handle = int(request.RequestHeader.RequestHandle)
        if name == "Publish":
            self.player.on_publish(self, request, request_id)
        elif name == "Republish":
            answer = self.player.on_republish(request)
            if answer is None:
                self.fault(handle, request_id, BAD_NOT_KEPT)
            else:
                self.send(request_id, answer)
        else:
            response = self.player.answer(name, request)
            response.ResponseHeader.RequestHandle = handle
            self.send(request_id, self.player.spoil(name, struct_to_binary(response)))
