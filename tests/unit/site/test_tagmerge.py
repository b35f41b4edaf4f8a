"""New rows in a list that exists: the old ones stay byte for byte, and merging again changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from iiotctl.errors import SiteError
from iiotctl.site.taglist import read_tag_list
from iiotctl.site.tagmerge import merge
from iiotctl.site.tagrows import TagRow

OLD = TagRow("a", "s", "holding:1")
NEW = TagRow("a", "s", "holding:2", type="float32", order="CDAB", scale=0.1, span=(0.0, 250.0), description="x; y")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_old_rows_stay_and_new_ones_can_be_read(tmp_path: Path, delimiter: str, ending: str, mark: bytes) -> None:
    path = tmp_path / "tags.csv"
    lines = [
        "# ours",
        delimiter.join(("name", "source", "address", "unit")),
        delimiter.join(("a", "s", "holding:1", "bar")),
    ]
    path.write_bytes(mark + ending.join(lines).encode())
    merged = merge(path, [OLD, NEW])
    assert (len(merged.added), merged.present) == (1, 1)
    assert merged.added[0].name == "a_2"
    written = merged.content.decode("utf-8-sig").split(ending)
    assert written[0] == lines[0]
    assert written[1].startswith(lines[1])
    assert written[2] == lines[2]
    path.write_bytes(merged.content)
    tags, problems = read_tag_list(path, "tags.csv", "x")
    assert not problems
    assert tags[1].values["scale"] == 0.1
    assert tags[1].values["span"] == [0.0, 250.0]
    assert tags[1].values["description"] == "x; y"
    again = merge(path, [OLD, NEW])
    assert (again.added, again.present, again.content) == ((), 2, merged.content)


def test_elements_of_one_array_are_different_tags(tmp_path: Path) -> None:
    path = tmp_path / "tags.csv"
    path.write_text("name,source,address,element\na,s,ns=4;s=x,0\n")
    merged = merge(path, [TagRow("a", "s", "ns=4;s=x", element=index) for index in (0, 1)])
    assert [row.element for row in merged.added] == [1]


@pytest.mark.parametrize("text", ["name,source\n", "", "name,source,address\na,s,x,y,z\n"])
def test_a_list_that_is_wrong_is_not_touched(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tags.csv"
    path.write_text(text)
    with pytest.raises(SiteError):
        merge(path, [NEW])


def test_a_workbook_is_not_merged_into(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match="only CSV"):
        merge(tmp_path / "tags.xlsx", [NEW])
