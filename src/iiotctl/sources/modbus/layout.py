"""From tags to requests and back: which requests a scan sends, and where each tag's bytes stand in its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from iiotctl.samples import SampleBatch
from iiotctl.site.address import DataType, ModbusAddress, Order, parse_address, parse_range
from iiotctl.site.sources import ModbusUnit, PolledModbus
from iiotctl.sources.base import CapturedTag
from iiotctl.sources.modbus.decode import Decoder, Field
from iiotctl.sources.modbus.failure import Failure
from iiotctl.sources.modbus.frame import Request
from iiotctl.sources.modbus.plan import Block, Extent, Limits

_SHARED_US = 50_000
"""Answers of one scan that arrive within this time share one timestamp: it makes files much smaller."""


@dataclass(frozen=True, slots=True)
class ModbusTag:
    """A captured tag with its address and type parsed.

    Attributes:
        code: code of its samples.
        name: name in the site file.
        address: where it is.
        type: raw data type.
        extent: what it needs from the device; its key is the code.
        field: how its bytes are read, `at` = 0.
    """

    code: int
    name: str
    address: ModbusAddress
    type: DataType
    extent: Extent
    field: Field


def parse_tag(captured: CapturedTag, config: ModbusUnit) -> ModbusTag:
    """Address and type of a tag.

    Raises:
        ValueError: the address is none; `check` reports it first.
    """
    tag = captured.tag
    address = parse_address(tag.address)
    type_ = tag.data_type
    count = 1 if address.table.is_bits or address.bit is not None else type_.registers
    period = tag.period if tag.period is not None else config.period
    return ModbusTag(
        captured.code,
        tag.name,
        address,
        type_,
        Extent(captured.code, address.table, address.offset, count, period),
        Field(
            0,
            type_,
            Order(tag.order),
            bit=address.bit,
            packed=address.table.is_bits,
            scale=tag.scale,
            offset=tag.offset,
            invalid=tag.invalid,
        ),
    )


def limits_of(config: PolledModbus) -> Limits:
    """The limits of a source in the planner's words."""
    never = tuple(parse_range(text) for text in config.never_read)
    return Limits(config.max_gap, config.max_registers, config.max_bits, never)


def request_for(block: Block, unit: int) -> Request:
    """The request of a block."""
    return Request(unit, block.table.function_code, block.start, block.count, block.payload)


@dataclass(frozen=True, slots=True)
class Lost:
    """Tags of a scan that got no value, with one cause."""

    failure: Failure
    blocks: tuple[Block, ...]
    codes: tuple[int, ...]


class Layout:
    """One scan: its requests, and the decoder of their answers.

    Args:
        blocks: requests, as planned.
        tags: by code; all that the blocks name.
        unit: unit identifier.
    """

    def __init__(self, blocks: Sequence[Block], tags: Mapping[int, ModbusTag], unit: int) -> None:
        self.blocks = tuple(blocks)
        self.requests = tuple(request_for(block, unit) for block in blocks)
        placed: list[tuple[str, int, Field, int]] = []
        start = 0
        for number, block in enumerate(blocks):
            for code in block.keys:
                tag = tags[code]
                relative = tag.address.offset - block.start
                if block.table.is_bits:
                    item = replace(tag.field, at=start + relative // 8, bit=relative % 8)
                else:
                    item = replace(tag.field, at=start + 2 * relative)
                placed.append((tag.type.name, code, item, number))
            start += block.payload
        # tags of one type side by side: the decoder then assigns slices instead of index lists
        placed.sort(key=lambda entry: (entry[0], entry[2].bit is not None, entry[2].at))
        self.codes = np.array([code for _, code, _, _ in placed], np.uint32)
        self._block_of = np.array([number for *_, number in placed], np.intp)
        self._decoder = Decoder([item for _, _, item, _ in placed])

    def __len__(self) -> int:
        return len(self.codes)

    def samples(self, results: Sequence[bytes | Failure | None], arrived: Sequence[int]) -> SampleBatch | None:
        """Samples of the requests that were answered; None when none was.

        Args:
            results: data or failure per request.
            arrived: µs UTC per request.
        """
        if not len(self):
            return None
        good = [number for number, result in enumerate(results) if isinstance(result, bytes)]
        if not good:
            return None
        if len(good) == len(results):
            buffer = b"".join(results)  # type: ignore[arg-type]  # all are bytes: counted in the line above
        else:
            buffer = b"".join(
                result if isinstance(result, bytes) else bytes(block.payload)
                for result, block in zip(results, self.blocks, strict=True)
            )
        decoded = self._decoder.decode(buffer)
        batch = SampleBatch(
            tag=self.codes,
            ts=self._times(arrived, good),
            value=decoded.value,
            quality=decoded.quality,
            text=decoded.text,
        )
        if len(good) == len(results):
            return batch
        return batch.take(np.isin(self._block_of, good))

    def _times(self, arrived: Sequence[int], good: Sequence[int]) -> NDArray[np.int64]:
        times = [arrived[number] for number in good]
        last = max(times)
        if last - min(times) <= _SHARED_US:
            return np.full(len(self), last, np.int64)
        return np.array(arrived, np.int64)[self._block_of]

    def lost(self, results: Sequence[bytes | Failure | None]) -> list[Lost]:
        """The tags that got no value, grouped by status and reason."""
        groups: dict[tuple[object, int], list[tuple[Failure, Block]]] = {}
        for result, block in zip(results, self.blocks, strict=True):
            if isinstance(result, Failure):
                groups.setdefault((result.reason, result.status), []).append((result, block))
        return [
            Lost(
                members[0][0],
                tuple(block for _, block in members),
                tuple(code for _, block in members for code in block.keys),
            )
            for members in groups.values()
        ]
