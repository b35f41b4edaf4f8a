"""Whatever a server calls its nodes, the tag names made of it are valid, unique and at most 64 bytes."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from iiotctl.site.model import LONGEST_NAME, Tag
from iiotctl.site.naming import UniqueNames, tag_name
from iiotctl.site.taglist import read_csv
from iiotctl.site.tagrows import TagRow, to_csv
from iiotctl.sources.opcua.nodeid import format_node_id, parse_node_id
from iiotctl.sources.opcua.pathglob import escape, split

any_text = st.text(max_size=90)
paths = st.lists(any_text, min_size=1, max_size=9)


@given(st.lists(paths, min_size=1, max_size=30), st.sampled_from(["", "plc", "line-3"]))
def test_names_are_valid_and_unique(found: list[list[str]], prefix: str) -> None:
    names = UniqueNames()
    made = [names.take(tag_name(path, prefix)) for path in found]
    for name in made:
        assert len(name.encode()) <= LONGEST_NAME
        Tag(name=name, source="s", address="i=1")
    assert len({name.lower() for name in made}) == len(made)


@given(any_text, any_text)
def test_any_description_and_unit_come_back_on_one_line(description: str, unit: str) -> None:
    raw, problems = read_csv(to_csv([TagRow("t", "s", "i=1", unit=unit, description=description)]), "t.csv")
    assert not problems
    assert len(raw) == 1
    assert raw[0].values["address"] == "i=1"


identifiers = st.one_of(
    st.tuples(st.just("i"), st.integers(0, 2**32 - 1)),
    st.tuples(st.just("s"), st.text(min_size=1).filter(lambda text: text == text.strip())),
    st.tuples(st.just("g"), st.uuids()),
    st.tuples(st.just("b"), st.binary(min_size=1)),
)


@given(st.none() | st.text(min_size=1).filter(lambda text: text == text.strip()), identifiers)
def test_node_ids_round_trip(namespace: str | None, identifier: tuple[str, int | str | uuid.UUID | bytes]) -> None:
    kind, value = identifier
    back = parse_node_id(format_node_id(namespace, kind, value))
    assert (back.namespace, back.kind, back.identifier) == (0 if namespace is None else namespace, kind, value)


@given(st.lists(st.text(min_size=1), min_size=1).filter(lambda names: names[0] != "Objects"))
def test_paths_round_trip(names: list[str]) -> None:
    assert split("/".join(map(escape, names))) == names
