"""Whatever happens to the bytes of a segment: what is read is a prefix of what was committed, never other values."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from iiotctl.quality import BAD_TIMEOUT
from iiotctl.samples import NULL_TIME, SampleBatch
from iiotctl.store import frames
from iiotctl.store.layout import SegmentName
from iiotctl.store.spool import parse
from iiotctl.store.tables import rows_of
from tests.unit.store.making import NOON, SECOND, gap, open_writer, tag_row

Row = tuple[str, int, float | None, str | None, int]


@cache
def _segment() -> tuple[SegmentName, bytes, list[Row], list[str]]:
    """A segment with everything in it: (name, bytes, rows in the order committed, gap ids)."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "store"
        writer = open_writer(root)
        for number in range(6):
            size = 1 + 40 * (number % 3)
            code = (np.arange(size) % 3).astype(np.uint32)
            ts = NOON + number * SECOND + np.arange(size, dtype=np.int64)
            is_bad = code == number % 3
            writer.commit(
                SampleBatch(
                    code,
                    ts,
                    np.where(is_bad, np.nan, np.sqrt(np.arange(size) + number)),
                    np.where(is_bad, BAD_TIMEOUT, 0).astype(np.uint32),
                    text=[f"text {number}" if bad else None for bad in is_bad] if number == 4 else None,
                    ts_received=np.where(is_bad, NULL_TIME, ts + 7) if number == 2 else None,
                ),
                [gap(f"g{number}", NOON, None, NOON + number)],
            )
            if number == 3:
                writer.define_tags([tag_row(1, unit="degC")])
        writer.close(seal=False)
        (path,) = (root / "spool").glob("*.seg")
        name = SegmentName.parse(path.stem)
        assert name is not None
        data = path.read_bytes()
    return name, data, *_read(name, data)


def _read(name: SegmentName, data: bytes) -> tuple[list[Row], list[str]]:
    segment = parse(name, Path("x"), data)
    if not segment.rows:
        return [], [one.id for one in segment.gaps]
    from polars import col

    rows = rows_of(segment, "samples").select("tag", col("ts").dt.epoch("us"), "value", "text", "quality").rows()
    return rows, [one.id for one in segment.gaps]


def _must_be_a_prefix(data: bytes) -> int:
    name, whole, rows, gaps = _segment()
    found, ids = _read(name, data)
    assert found == rows[: len(found)]
    assert ids == gaps[: len(ids)]
    # rows and gaps of one commit are there together or not at all
    assert len({row[1] // SECOND for row in found}) == len(ids)
    assert parse(name, Path("x"), data).valid <= len(whole)
    return len(ids)


def test_the_whole_segment_is_read() -> None:
    name, data, rows, gaps = _segment()
    assert len(gaps) == 6
    assert len(rows) == 246
    assert parse(name, Path("x"), data).valid == len(data)


def test_every_prefix_is_a_prefix_of_the_samples() -> None:
    _, data, _, _ = _segment()
    counts = [_must_be_a_prefix(data[:length]) for length in range(0, len(data), 7)]
    assert counts == sorted(counts)
    assert set(counts) == set(range(6))


def test_one_flipped_bit_anywhere_never_gives_another_value() -> None:
    _, data, _, _ = _segment()
    for place in range(0, len(data), 5):
        damaged = bytearray(data)
        damaged[place] ^= 1 << (place % 8)
        assert _must_be_a_prefix(bytes(damaged)) < 6, f"the flip at byte {place} was not seen"


@given(st.data())
@settings(max_examples=200)
def test_any_damage_ends_the_truth_and_never_bends_it(data: st.DataObject) -> None:
    """Cuts, zeros, noise and moved blocks, one after the other."""
    damaged = bytearray(_segment()[1])
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, max(len(damaged) - 1, 0)))
        length = data.draw(st.sampled_from([1, 4, 9, 512, 4096]))
        match data.draw(st.sampled_from(["cut", "zeros", "noise", "repeat", "drop", "tail"])):
            case "cut":
                del damaged[start:]
            case "zeros":
                damaged[start : start + length] = bytes(len(damaged[start : start + length]))
            case "noise":
                damaged[start : start + length] = data.draw(st.binary(min_size=1, max_size=length))
            case "drop":
                del damaged[start : start + length]
            case "tail":
                damaged += bytes(length)
            case _:
                damaged[start:start] = damaged[max(0, start - length) : start]
    _must_be_a_prefix(bytes(damaged))


@given(st.lists(st.binary(max_size=300), max_size=5), st.binary(max_size=40))
def test_frames_survive_whatever_follows_them(payloads: list[bytes], noise: bytes) -> None:
    data = b"".join(frames.pack(frames.Kind.COMMIT, payload) for payload in payloads)
    found = [bytes(frame.payload) for frame in frames.scan(data + noise)]
    assert found[: len(payloads)] == payloads


@given(st.binary(max_size=2000))
def test_noise_is_no_frame(noise: bytes) -> None:
    assert list(frames.scan(noise)) == []


def test_a_length_that_asks_for_gigabytes_is_damage() -> None:
    frame = frames.pack(frames.Kind.COMMIT, b"payload")
    assert list(frames.scan(b"\xff\xff\xff\xff" + frame[4:])) == []
    assert list(frames.scan(bytes(4096))) == []
