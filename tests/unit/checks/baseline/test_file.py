"""A frozen baseline: what is written is read again, and what somebody changed is refused."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from iiotctl.checks.baseline.file import FORMAT, Header, encoded, header_of, read
from iiotctl.checks.baseline.learn import learn
from iiotctl.checks.baseline.model import ALL_BANDS, ALL_STATES, TagBaseline
from iiotctl.errors import StoreError
from tests.unit.checks.faketags import tag

_HEADER = Header("line3", 2, "0.1.0", 5, 1, 4, named=True, tags=0, store="store")


def _base(name: str, level: float = 50.0) -> TagBaseline:
    data = tag(name, windows=200, learning=200, unit="bar")
    data.features.columns["median"][:] = level + np.arange(200) % 7
    found = learn(data)
    assert found is not None
    return replace(found, learnt={"noise-up": {"limit": np.float64(1.5), "tags": ["A", "B"], "curve": np.arange(2.0)}})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    content, _ = encoded(_HEADER, {name: _base(name) for name in ("B", "A", "C")})
    path = tmp_path / "line3-v2.parquet"
    path.write_bytes(content)
    return path


def test_what_is_written_is_read_again(file: Path) -> None:
    found = read(file)
    assert list(found.tags) == ["A", "B", "C"]
    assert (found.header.name, found.header.version, found.header.tags) == ("line3", 2, 3)
    assert len(found.header.sha256) == 64
    before, after = _base("A"), found.tags["A"]
    for name in ("tag", "unit", "window", "windows", "start", "end", "interval", "counts"):
        assert getattr(before, name) == getattr(after, name)
    assert (before.edges == after.edges).all()
    assert before.table.keys() == after.table.keys()
    for key, values in before.table.items():
        assert after.table[key] == pytest.approx(values, rel=1e-6)
    assert after.quantile("median", 0.5) == before.quantile("median", 0.5)
    assert after.learnt == {"noise-up": {"limit": 1.5, "tags": ["A", "B"], "curve": [0.0, 1.0]}}


def test_only_what_is_wanted_is_read(file: Path) -> None:
    assert list(read(file, ["B", "nix"]).tags) == ["B"]
    assert not read(file, []).tags


def test_another_content_has_another_hash(file: Path) -> None:
    tags = {name: _base(name) for name in ("A", "B", "C")}
    assert encoded(_HEADER, tags)[1].sha256 == header_of(file).sha256
    assert encoded(_HEADER, tags | {"A": _base("A", 51.0)})[1].sha256 != header_of(file).sha256


def test_any_reader_of_parquet_can_look_into_it(file: Path) -> None:
    frame = pl.read_parquet(file)
    row = frame.filter(tag="A", state=ALL_STATES, band=ALL_BANDS, quantile=0.5)
    assert row["median"].to_list() == [53.0]


def test_a_file_that_was_changed_is_refused(file: Path) -> None:
    said = pl.read_parquet_metadata(file)["iiotctl.baseline"]
    changed = pl.read_parquet(file).with_columns(pl.col("std") * 2)
    changed.write_parquet(file, metadata={"iiotctl.baseline": said})
    with pytest.raises(StoreError, match="was changed after it was learnt") as caught:
        read(file)
    assert caught.value.slug == "baseline-damaged"


@pytest.mark.parametrize("cut", [0, 3, 100, -1, -100])
def test_a_file_that_was_cut_is_refused(file: Path, cut: int) -> None:
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(StoreError) as caught:
        read(file)
    assert caught.value.slug == "baseline-damaged"


def test_a_flipped_bit_is_noticed_wherever_it_lies(file: Path) -> None:
    content = file.read_bytes()
    for at in range(0, len(content), max(1, len(content) // 60)):
        file.write_bytes(content[:at] + bytes([content[at] ^ 16]) + content[at + 1 :])
        with pytest.raises(StoreError, match="damaged"):
            read(file)


def test_other_files_are_none(tmp_path: Path) -> None:
    for content in (b"", b"PAR1", b"tag,value\n"):
        (tmp_path / "x.parquet").write_bytes(content)
        with pytest.raises(StoreError, match="no baseline"):
            header_of(tmp_path / "x.parquet")
    buffer = io.BytesIO()
    pl.DataFrame({"a": [1]}).write_parquet(buffer)
    (tmp_path / "x.parquet").write_bytes(buffer.getvalue())
    with pytest.raises(StoreError, match="no baseline"):
        read(tmp_path / "x.parquet")
    with pytest.raises(StoreError) as caught:
        read(tmp_path / "nothing.parquet")
    assert caught.value.slug == "baseline-missing"


def test_one_of_a_newer_version_says_so(file: Path) -> None:
    content = file.read_bytes().replace(header_of(file).sha256.encode(), b"0" * 64)
    content = content.replace(f'"format": {FORMAT}'.encode(), b'"format": 9')
    file.write_bytes(content.replace(b"0" * 64, hashlib.sha256(content).hexdigest().encode()))
    with pytest.raises(StoreError) as caught:
        read(file)
    assert caught.value.slug == "baseline-newer"
