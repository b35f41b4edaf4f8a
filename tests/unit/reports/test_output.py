from __future__ import annotations

import errno
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from iiotctl import reports
from iiotctl.errors import UsageError
from iiotctl.reports import Column, Rows
from iiotctl.reports.target import check_place
from iiotctl.reports.values import guard_formula, harmless, unguard_formula

ONE = [Column("a", "integer")]


def test_an_existing_file_is_refused_and_kept(tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    output.write_text("mine")
    with pytest.raises(UsageError) as caught:
        reports.write(Rows(ONE, [(1,)]), "csv", output)
    assert caught.value.slug == "output-exists"
    assert output.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


@pytest.mark.parametrize(("force", "told"), [(None, "or remove it first"), (False, "or replace it with `--force`")])
def test_the_hint_names_force_only_where_there_is_one(tmp_path: Path, force: bool | None, told: str) -> None:
    (tmp_path / "a.csv").touch()
    with pytest.raises(UsageError) as caught:
        check_place(tmp_path / "a.csv", force=force)
    assert str(caught.value.hint).endswith(told)


def test_force_replaces_it(tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    output.write_text("mine")
    reports.write(Rows(ONE, [(1,)]), "csv", output, force=True)
    assert output.read_bytes() == b"a\r\n1\r\n"


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    def rows() -> Iterator[tuple[object, ...]]:
        yield (1,)
        msg = "the device is gone"
        raise RuntimeError(msg)

    for force in (False, True):
        with pytest.raises(RuntimeError):
            reports.write(Rows(ONE, rows()), "csv", tmp_path / "out.csv", force=force)
        assert list(tmp_path.iterdir()) == []


def test_a_file_that_came_up_meanwhile_is_kept(tmp_path: Path) -> None:
    output = tmp_path / "out.csv"

    def rows() -> Iterator[tuple[object, ...]]:
        output.write_text("theirs")
        yield (1,)

    with pytest.raises(UsageError):
        reports.write(Rows(ONE, rows()), "csv", output)
    assert output.read_text() == "theirs"


def test_a_new_file_has_ordinary_permissions(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    reports.write(Rows(ONE, [(1,)]), "csv", tmp_path / "out.csv")
    assert stat.S_IMODE((tmp_path / "out.csv").stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


@pytest.mark.parametrize("place", ["missing/out.csv", "."])
def test_a_place_that_cannot_be_written_is_said_so(tmp_path: Path, place: str) -> None:
    with pytest.raises(UsageError) as caught:
        reports.write(Rows(ONE, [(1,)]), "csv", tmp_path / place)
    assert caught.value.slug == "output-unwritable"


def test_devices_are_written_as_they_are() -> None:
    reports.write(Rows(ONE, [(1,)]), "csv", Path("/dev/null"))
    assert not Path("/dev/null").is_file()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("format_", ["csv", "tsv", "markdown", "xlsx", "parquet", "arrow", "jsonl"])
def test_a_full_disk_is_said_of_its_file(format_: str) -> None:
    rows = Rows(ONE, ((number,) for number in range(20_000)))
    with pytest.raises(OSError, match="No space left") as caught:
        reports.write(rows, format_, Path("/dev/full"))
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, "/dev/full")


def test_dash_is_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    reports.write(Rows(ONE, [(1,)]), "csv", Path("-"))
    assert capsys.readouterr().out == "a\r\n1\r\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+cmd|x", "'+cmd|x"),
        ("-cmd", "'-cmd"),
        ("\t=1", "'\t=1"),
        ("'=1", "''=1"),
        ("-5", "-5"),
        ("+1.5e3", "+1.5e3"),
        ("'quoted'", "'quoted'"),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_formulas_are_guarded_and_can_be_read_back(text: str, shown: str) -> None:
    assert guard_formula(text) == shown
    assert unguard_formula(shown) == text


def test_device_texts_cannot_move_the_cursor() -> None:
    assert harmless("a\x1b[2J\x9b1mb\r\n\t\u202e") == "a\\x1b[2J\\x9b1mb\\r\\n\\t\\u202e"
    assert harmless("Öl °C µm 漢") == "Öl °C µm 漢"
