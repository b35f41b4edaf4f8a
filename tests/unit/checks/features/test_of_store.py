"""The pass over stores: sealed and unsealed rows, files that overlap, are damaged, foreign or gone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from iiotctl.checks.features import evidence, source, stream
from iiotctl.checks.features.columns import COLUMNS, DAY, MINUTE, SECOND
from iiotctl.checks.features.samples import Samples
from iiotctl.checks.features.stream import Found, Wanted, from_arrays, of_store
from iiotctl.events import Event
from iiotctl.store.bulk import BulkWriter
from tests.unit.history.stores import TAGS, batch, writer

T0 = 1_794_960_000_000_000  # 2026-11-18T00:00Z
Tags = dict[str, Samples]


def rows(count: int, start: int = T0, apart: int = 10 * SECOND, seed: int = 0) -> Samples:
    rng = np.random.default_rng(seed)
    value = np.round(np.cumsum(rng.normal(size=count)), 2)
    value[rng.random(count) < 0.01] = np.nan
    ts = start + np.arange(count) * apart
    return Samples(ts, value, np.where(rng.random(count) < 0.01, 0x80000000, 0).astype(np.uint32), ts + 1000 + seed)


def put(root: Path, *loads: Tags, order: Iterable[str] | None = None) -> Path:
    """A store with each load in files of its own."""
    for load in loads:
        with BulkWriter.open(root, site="p", now_us=lambda: T0) as bulk:
            for name, its in load.items():
                (code,) = bulk.codes([name])
                bulk.add(
                    pl.DataFrame(
                        {
                            "tag": np.full(len(its), code, np.uint32),
                            "ts": its.ts,
                            "value": its.value,
                            "quality": its.quality,
                            "ts_received": its.received,
                        }
                    )
                )
            bulk.flush()
    return root


def same(found: Found, expected: Tags, wanted: Wanted) -> None:
    with found, from_arrays(expected, wanted) as alone:
        assert found.facts == alone.facts
        for tag, table, other in zip(found.tags, found.read(found.tags), alone.read(alone.tags), strict=True):
            assert (table.window, table.start) == (other.window, other.start)
            for name in COLUMNS:
                np.testing.assert_allclose(table[name], other[name], rtol=1e-6, err_msg=f"{tag} {name}")


def silent(event: Event) -> None:
    raise AssertionError(event.text)


ALL = Wanted(T0, T0 + 3 * DAY)


def test_several_days_and_tags(tmp_path: Path) -> None:
    tags = {f"a{number}": rows(20_000, T0 + number * 1000, seed=number) for number in range(7)}
    same(of_store(put(tmp_path, tags), ALL, silent), tags, ALL)


def test_batches_of_few_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tags = {f"a{number}": rows(3_000, seed=number) for number in range(3)}
    monkeypatch.setattr(source, "BATCH_ROWS", 500)
    same(of_store(put(tmp_path, tags), ALL, silent), tags, ALL)


def test_files_that_overlap_are_merged(tmp_path: Path) -> None:
    one, two = rows(4_000, seed=1), rows(4_000, T0 + 3 * SECOND, seed=2)
    other = rows(500, T0 + 5 * SECOND, seed=3)
    root = put(tmp_path, {"a": one}, {"a": two, "b": other})
    ts = np.concatenate([one.ts, two.ts])
    order = np.argsort(ts, kind="stable")
    merged = Samples(
        ts[order],
        np.concatenate([one.value, two.value])[order],
        np.concatenate([one.quality, two.quality])[order],
        np.concatenate([one.received, two.received])[order],  # type: ignore[arg-type]
    )
    same(of_store(root, ALL, silent), {"a": merged, "b": other}, ALL)


def test_a_part_of_the_range_and_of_the_tags(tmp_path: Path) -> None:
    tags = {f"a{number}": rows(20_000, seed=number) for number in range(5)}
    part = Wanted(T0 + DAY // 2, T0 + DAY + 1, tags=frozenset({"a1", "a2", "a4", "unknown"}))
    same(of_store(put(tmp_path, tags), part, silent), {name: tags[name] for name in ("a1", "a2", "a4")}, part)


def test_unsealed_rows_count(tmp_path: Path) -> None:
    store = writer(tmp_path)
    store.commit(batch([0] * 50, [T0 + at * SECOND for at in range(50)], [1.0] * 50))
    store.rotate()
    store.seal()
    store.commit(batch([0, 1] * 50, [T0 + (50 + at // 2) * SECOND for at in range(100)], [2.0] * 100))
    store.close(seal=False)
    with of_store(tmp_path, ALL, silent) as found:
        assert found.tags == TAGS[1::-1] if TAGS[1] < TAGS[0] else TAGS[:2]
        assert found.facts[TAGS[0]].rows == 100
        (table,) = found.read([TAGS[0]])
    assert table["n"][:3].tolist() == [60, 40, 0]
    assert table["step_max"][0] == 1.0  # from the sealed row to the unsealed one


def test_texts_are_named(tmp_path: Path) -> None:
    with BulkWriter.open(tmp_path, site="p", now_us=lambda: T0) as bulk:
        bulk.codes(["state", "dead"])
        text = pl.Series(["run", "stop", None, None], dtype=pl.String)
        code = np.array([0, 0, 1, 1], np.uint32)
        ts = T0 + np.array([0, 1, 0, 1]) * SECOND
        bulk.add(
            pl.DataFrame(
                {"tag": code, "ts": ts, "value": [None] * 4, "text": text}, schema_overrides={"value": pl.Float64}
            )
        )
        bulk.flush()
    with of_store(tmp_path, ALL, silent) as found:
        assert {tag: facts.text for tag, facts in found.facts.items()} == {"dead": False, "state": True}
        assert found.read(["state"])[0]["n"].sum() == 0


def test_a_damaged_file_is_left_out_and_named(tmp_path: Path) -> None:
    tags = {"a": rows(100), "b": rows(20_000)}
    root = put(tmp_path, tags)
    first, *_, last = sorted((root / "samples").rglob("*.parquet"))
    data = bytearray(first.read_bytes())
    data[200 : len(data) // 2] = b"\x07" * (len(data) // 2 - 200)
    first.write_bytes(bytes(data))
    last.write_bytes(b"no parquet at all")
    said: list[str] = []
    with of_store(root, ALL, lambda event: said.append(event.text)) as found:
        assert found.facts["b"].first_row >= T0 + DAY - 10 * SECOND
    assert sorted(path.name in "".join(said) for path in (first, last)) == [True, True]
    assert len(said) == 2


@pytest.mark.parametrize("replaced", [True, False])
def test_a_file_that_goes_away_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replaced: bool) -> None:
    tags = {"a": rows(20_000), "b": rows(20_000, seed=2), "c": rows(20_000, seed=3)}
    root = put(tmp_path, tags)
    monkeypatch.setattr(source, "BATCH_ROWS", 20_000)
    monkeypatch.setattr(source, "_EPOCH_ROWS", 0)
    monkeypatch.setattr(source, "_EPOCH_FILES", 1)
    monkeypatch.setattr(stream, "_WORKERS", 1)
    read, calls = source.Source.read, []

    def moving(self: source.Source, job: source.Job) -> Iterator[Tags]:
        calls.append(job.tags)
        if len(calls) == 5:  # in the midst of the second day
            path = sorted((root / "samples").rglob("*.parquet"))[1]
            path.rename(path.with_name("other.parquet" if replaced else "gone"))
        return read(self, job)

    monkeypatch.setattr(source.Source, "read", moving)
    said: list[str] = []
    found = of_store(root, ALL, lambda event: said.append(event.text))
    if replaced:
        same(found, tags, ALL)
    else:
        with found:
            assert found.facts["a"].rows == 20_000
            assert found.facts["c"].rows == 20_000 - DAY // (10 * SECOND)
        assert len(said) == 1
        assert "it is gone" in said[0]


def test_a_foreign_file_without_order(tmp_path: Path) -> None:
    tags = {"a": rows(300, seed=1), "b": rows(300, seed=2)}
    root = put(tmp_path, tags)
    (path,) = (root / "samples").rglob("*.parquet")
    frame = pl.read_parquet(path, hive_partitioning=False).sample(fraction=1, shuffle=True, seed=1)
    path.unlink()
    frame.write_parquet(path.with_name("theirs.parquet"))
    with of_store(root, ALL, lambda event: None) as found:
        counts = {tag: facts.rows for tag, facts in found.facts.items()}
        assert counts == {"a": 300, "b": 300}
        np.testing.assert_allclose(found.read(["a"])[0]["apart"][1:50], 10)


def test_an_empty_range(tmp_path: Path) -> None:
    root = put(tmp_path, {"a": rows(10)})
    with of_store(root, Wanted(T0 + DAY, T0 + 2 * DAY), silent) as found:
        assert found.tags == ()
        assert found.rows == 0


def test_the_samples_themselves(tmp_path: Path) -> None:
    its = rows(1000)
    found = evidence.rows(put(tmp_path, {"a": its}), "a", T0 + MINUTE, T0 + 2 * MINUTE, silent)
    np.testing.assert_array_equal(found.ts, its.ts[6:12])
    np.testing.assert_array_equal(found.value, its.value[6:12])
    np.testing.assert_array_equal(found.quality, its.quality[6:12])
