"""`[site] shifts`: times of day, each once, as the file writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from iiotctl.errors import SiteError
from iiotctl.site.load import load_site


def test_shifts_stay_as_written(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text('[site]\nshifts = ["22:00", "06:00", "14:00"]\n')
    assert load_site(path).site.site.shifts == ("22:00", "06:00", "14:00")


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ('["6:00"]', 'a time of day is written `"06:00"`'),
        ('["24:00"]', "a time of day"),
        ("[6]", "a time of day"),
        ('"06:00"', "must be a list"),
        ('["06:00", "06:00"]', "twice"),
    ],
)
def test_what_is_no_shift(tmp_path: Path, written: str, told: str) -> None:
    path = tmp_path / "site.toml"
    path.write_text(f"[site]\nshifts = {written}\n")
    with pytest.raises(SiteError) as caught:
        load_site(path)
    assert told in caught.value.what
    assert caught.value.where == "site.toml:2"
