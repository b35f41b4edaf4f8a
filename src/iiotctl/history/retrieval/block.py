"""Rows of one tag as columns, on their way from the store to a file or a drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iiotctl import quality as codes

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows of a tag.

    Attributes:
        tag: its name.
        ts: (n,) int64, µs UTC, in one direction.
        value: (n,) float64; NaN where there is no number.
        quality: (n,) uint32, OPC UA status codes.
        text: (n,) objects, str or None; None when texts were not asked for or there are none.
    """

    tag: str
    ts: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    quality: npt.NDArray[np.uint32]
    text: npt.NDArray[np.object_] | None = None

    def __len__(self) -> int:
        return len(self.ts)

    def __getitem__(self, chosen: Any) -> Block:
        """The rows of a slice, a mask or indices."""
        text = None if self.text is None else self.text[chosen]
        return Block(self.tag, self.ts[chosen], self.value[chosen], self.quality[chosen], text)

    @property
    def usable(self) -> npt.NDArray[np.bool_]:
        """Where there is a number that is not Bad."""
        import numpy as np

        return (self.quality < codes.BAD) & ~np.isnan(self.value)

    @property
    def blank(self) -> npt.NDArray[np.bool_]:
        """Where there is no number although it is not Bad: mostly a text."""
        import numpy as np

        blank: npt.NDArray[np.bool_] = (self.quality < codes.BAD) & np.isnan(self.value)
        return blank

    @property
    def good(self) -> npt.NDArray[np.bool_]:
        """Where there is a number that is Good."""
        import numpy as np

        return (self.quality < codes.UNCERTAIN) & ~np.isnan(self.value)


def empty(tag: str) -> Block:
    """No rows."""
    return of(tag, (), (), ())


def of(
    tag: str, ts: Sequence[int] | Any, value: Sequence[float] | Any, quality: Sequence[int] | Any, text: Any = None
) -> Block:
    """Rows from anything that numpy takes."""
    import numpy as np

    texts = None if text is None else np.asarray(text, dtype=np.object_)
    return Block(tag, np.asarray(ts, np.int64), np.asarray(value, np.float64), np.asarray(quality, np.uint32), texts)


def joined(tag: str, blocks: Sequence[Block]) -> Block:
    """The rows of several blocks, one after the other."""
    import numpy as np

    blocks = [block for block in blocks if len(block)]
    if len(blocks) == 1:
        return blocks[0]
    if not blocks:
        return empty(tag)
    text = None
    if any(block.text is not None for block in blocks):
        nothing = [np.full(len(block), None, dtype=np.object_) for block in blocks]
        text = np.concatenate(
            [block.text if block.text is not None else none for block, none in zip(blocks, nothing, strict=True)]
        )
    return Block(
        tag,
        np.concatenate([block.ts for block in blocks]),
        np.concatenate([block.value for block in blocks]),
        np.concatenate([block.quality for block in blocks]),
        text,
    )
