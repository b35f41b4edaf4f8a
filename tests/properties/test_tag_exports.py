"""Importers of foreign tag lists meet any bytes: an error of ours or rows that the site file takes, nothing else."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iiotctl.errors import IiotctlError
from iiotctl.site.exports.collect import Collection, Options, Protocol
from iiotctl.site.exports.recognise import Tool, read_export
from iiotctl.site.model import Tag

EXPORTS = Path(__file__).parents[1] / "fixtures" / "exports"
FILES = sorted(EXPORTS.iterdir())
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def check(content: bytes, tool: Tool | None, protocol: Protocol | None = None) -> None:
    into = Collection(Options("s", protocol, "p", bases=("MW0", "QW0=input:0", "DB10.DBW0=holding:50")))
    with suppress(IiotctlError):
        read_export(content, "x", tool, into)
    for row in into.rows:
        values = {key: getattr(row, key) for key in row.__slots__}
        Tag.model_validate({key: value for key, value in values.items() if value not in ("", None)})
    assert len({row.name.lower() for row in into.rows}) == len(into.rows)
    assert all(left.reason for left in into.left)


@pytest.mark.parametrize("tool", [None, *Tool])
@QUICK
@given(st.binary(max_size=400))
def test_any_bytes(tool: Tool | None, content: bytes) -> None:
    check(content, tool)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
@QUICK
@given(data=st.data())
def test_a_damaged_export(path: Path, data: st.DataObject) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(start, min(len(content), start + 30)))
        content[start:end] = data.draw(st.binary(max_size=20))
    check(bytes(content), data.draw(st.sampled_from([None, *Tool])), data.draw(st.sampled_from([None, *Protocol])))


@QUICK
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=10),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["name", "tagType", "tags", "opcItemPath", "valueSource", "scaleMode", "engLow"]), inner
            )
        ),
        max_leaves=12,
    )
)
def test_any_json(value: object) -> None:
    check(json.dumps(value).encode(), Tool.IGNITION)


@QUICK
@given(st.lists(st.lists(st.text(max_size=12), min_size=3, max_size=4), max_size=5))
def test_any_cells_under_the_right_titles(cells: list[list[str]]) -> None:
    for titles, tool in (
        ("Tag Name,Address,Data Type,Scaling", Tool.KEPWARE),
        ("Name,Data Type,Logical Address,Comment", Tool.TIA),
        ("Name,OPCItemPath,ScaleMode,EngUnit", Tool.IGNITION),
    ):
        text = titles + "\n" + "\n".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in cells)
        for protocol in Protocol:
            check(text.encode("utf-8", "surrogatepass"), tool, protocol)
