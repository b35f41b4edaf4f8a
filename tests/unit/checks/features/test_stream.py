"""The pass over arrays: what it tells of tags, windows, borders, repeats."""

from __future__ import annotations

import numpy as np
import pytest

from iiotctl.checks.features import stream
from iiotctl.checks.features.columns import DAY, HOUR, MINUTE, SECOND
from iiotctl.checks.features.samples import Samples
from iiotctl.checks.features.stream import Facts, Wanted, from_arrays

T0 = 1_760_000_400 * SECOND


def rows(count: int, apart: int = SECOND, *, seed: int = 1) -> Samples:
    value = np.round(np.cumsum(np.random.default_rng(seed).normal(size=count)), 2)
    return Samples(T0 + np.arange(count) * apart, value, np.zeros(count, np.uint32))


def wanted(length: int, **more: object) -> Wanted:
    return Wanted(T0, T0 + length, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("apart", "window"), [(10 * SECOND, MINUTE), (5 * MINUTE, HOUR), (HOUR, 6 * HOUR), (2 * DAY, DAY)]
)
@pytest.mark.parametrize("batch_rows", [7, 10_000])
def test_the_window_is_chosen_by_the_first_rows(apart: int, window: int, batch_rows: int) -> None:
    with from_arrays({"a": rows(700, apart)}, wanted(700 * apart), batch_rows=batch_rows) as found:
        (table,) = found.read(["a"])
        assert found.facts["a"].interval == apart
    assert table.window == window
    assert table.start % window == 0
    assert table.start <= T0 < table.start + window
    assert table.end - window < T0 + 700 * apart <= table.end
    assert table["rows"].sum() == 700


def test_a_window_that_is_given_stays() -> None:
    with from_arrays({"a": rows(100)}, wanted(HOUR, windows={"a": 10 * MINUTE})) as found:
        assert found.read(["a"])[0].window == 10 * MINUTE


def test_facts() -> None:
    its = Samples(
        T0 + np.arange(6) * SECOND,
        np.array([1.0, 1.0, 2.0, 2.0, np.nan, 5.0]),
        np.array([0, 0, 0, 0, 0, 0x80000000], np.uint32),
    )
    for batch_rows in (1, 2, 10):
        with from_arrays({"a": its}, wanted(HOUR), batch_rows=batch_rows) as found:
            assert found.facts["a"] == Facts(
                MINUTE, float(SECOND), 6, T0, T0 + 5 * SECOND, T0 + 2 * SECOND, numbers=4, text=False
            )


def test_a_constant_never_changed() -> None:
    its = Samples(T0 + np.arange(1000) * SECOND, np.full(1000, 4.0), np.zeros(1000, np.uint32))
    with from_arrays({"a": its}, wanted(HOUR), batch_rows=100) as found:
        assert found.facts["a"].last_change is None


def test_one_sample() -> None:
    with from_arrays({"a": rows(1)}, wanted(HOUR)) as found:
        (table,) = found.read(["a"])
        assert found.facts["a"].interval is None
    assert table["rows"].sum() == table["n"].sum() == 1
    assert len(table) == 60


def test_what_lies_outside_the_range_makes_no_table_longer() -> None:
    its = rows(1000)
    ts = its.ts.copy()
    ts[0], ts[-1] = 0, 2_100_000_000 * SECOND
    with from_arrays({"a": Samples(ts, its.value, its.quality)}, wanted(1000 * SECOND)) as found:
        (table,) = found.read(["a"])
        assert found.rows == 998
    assert len(table) == 17


def test_a_tag_without_rows_in_the_range_is_not_there() -> None:
    with from_arrays({"a": rows(10), "b": rows(0)}, Wanted(T0 + DAY, T0 + 2 * DAY)) as found:
        assert found.tags == ()
        with pytest.raises(KeyError):
            found.read(["a"])


def test_only_chosen_tags_and_columns() -> None:
    asked = wanted(HOUR, tags=frozenset({"b"}), columns=frozenset({"mean"}))
    with from_arrays({"a": rows(10), "b": rows(10)}, asked) as found:
        assert found.tags == ("b",)
        assert set(found.read(["b"])[0].columns) == {"rows", "n", "mean"}


def test_a_value_before_bad_rows_stands_out_from_what_follows_them() -> None:
    """Its window ended with the Bad rows, but the next usable row is near enough to count."""
    its = rows(700)
    value, quality = np.zeros(700), its.quality.copy()
    value[659] = 8.0
    quality[660:663] = 0x80000000
    for batch_rows in (661, 662, 10_000):
        with from_arrays({"a": Samples(its.ts, value, quality)}, wanted(HOUR), batch_rows=batch_rows) as found:
            assert found.read(["a"])[0]["jut"][10] == 8.0


def test_a_long_bad_stretch_does_not_pile_up() -> None:
    count = 50_000
    its = Samples(T0 + np.arange(count) * SECOND, np.zeros(count), np.full(count, 0x80000000, np.uint32))
    its.quality[:1000] = 0
    work = stream._Pass(wanted(count * SECOND))
    for low in range(0, count, 1000):
        work.take({"a": its[low : low + 1000]})
        assert len(work._carried["a"]._kept) < 1000
    work.end(["a"])
    with work.found(()) as found:
        assert found.read(["a"])[0]["bad"].sum() == count - 1000


def test_a_replayed_hour_has_the_anchors_of_the_first() -> None:
    its = rows(20_000)
    value = its.value.copy()
    value[12_000:15_600] = value[2_000:5_600]
    repeated = np.sort(np.concatenate([np.arange(20_000), np.arange(13_000, 13_050)]))  # rows sent twice
    twice = Samples(its.ts, value, its.quality)[repeated]
    with from_arrays({"a": twice}, wanted(DAY, anchors=True), batch_rows=1777) as found:
        anchors = found.anchors("a")
    assert anchors is not None
    assert len(anchors.ts) == pytest.approx(20_000 / 32, rel=0.2)
    of = dict(zip(anchors.hash.tolist(), anchors.ts.tolist(), strict=True))
    first = [at for at, code in zip(anchors.ts.tolist(), anchors.hash.tolist(), strict=True) if of[code] != at]
    assert len(first) == pytest.approx(3_600 / 32, rel=0.35)
    assert {of[code] - at for at, code in zip(anchors.ts.tolist(), anchors.hash.tolist(), strict=True)} == {
        0,
        10_000 * SECOND,
    }


def test_what_rests_or_toggles_has_no_anchors() -> None:
    for pattern in ([1.0], [0.0, 1.0], [0.0] * 9 + [1.0] * 9 + [2.0] * 9 + [3.0] * 9):
        value = np.resize(np.array(pattern), 5000)
        its = Samples(T0 + np.arange(5000) * SECOND, value, np.zeros(5000, np.uint32))
        with from_arrays({"a": its}, wanted(DAY, anchors=True)) as found:
            anchors = found.anchors("a")
        assert anchors is not None
        assert not len(anchors.ts)


def test_ten_thousand_tags() -> None:
    short = wanted(10 * MINUTE, columns=frozenset({"mean"}))
    with from_arrays(((f"t{number:05}", rows(3, MINUTE, seed=number)) for number in range(10_000)), short) as found:
        assert len(found.tags) == 10_000
        (last,) = found.read(["t09999"])
    assert last["mean"][0] == pytest.approx(rows(3, MINUTE, seed=9999).value.mean())


def test_huge_values_do_not_warn() -> None:
    its = rows(1000)
    value = np.resize([1.7e308, -1.7e308, 5e-324], 1000)
    with from_arrays({"a": Samples(its.ts, value, its.quality)}, wanted(HOUR, anchors=True), batch_rows=99) as found:
        assert found.read(["a"])[0]["max"][3] == 1.7e308
        assert found.facts["a"].last_change == T0 + 999 * SECOND
