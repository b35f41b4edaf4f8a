"""Node ids of the site file."""

from __future__ import annotations

import uuid

import pytest

from iiotctl.sources.opcua.nodeid import parse_node_id


@pytest.mark.parametrize(
    ("text", "namespace", "kind", "identifier"),
    [
        ("i=2258", 0, "i", 2258),
        ("ns=2;s=Oven.Temperature", 2, "s", "Oven.Temperature"),
        ('ns=3;s="DB 1"."a;b=c"', 3, "s", '"DB 1"."a;b=c"'),
        ("nsu=urn:plant:line3;s=A=B;C", "urn:plant:line3", "s", "A=B;C"),
        ("nsu=urn:a%3Bb%25;i=4294967295", "urn:a;b%", "i", 4294967295),
        (
            "ns=1;g=72962B91-FA75-4AE6-8D28-B404DC7DAF63",
            1,
            "g",
            uuid.UUID("72962b91-fa75-4ae6-8d28-b404dc7daf63"),
        ),
        ("ns=1;b=YWJj", 1, "b", b"abc"),
    ],
)
def test_forms(text: str, namespace: int | str, kind: str, identifier: object) -> None:
    parsed = parse_node_id(text)
    assert (parsed.namespace, parsed.kind, parsed.identifier) == (namespace, kind, identifier)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Oven",
        "holding:11",
        "ns=2",
        "ns=2;x=1",
        "ns=65536;i=1",
        "ns=a;i=1",
        "nsu=;s=a",
        "i=-1",
        "i=4294967296",
        "s=",
        "g=1",
        "b=*",
    ],
)
def test_wrong_forms_are_named(text: str) -> None:
    with pytest.raises(ValueError, match="`"):
        parse_node_id(text)


def test_index_in_a_namespace_array() -> None:
    array = ["http://opcfoundation.org/UA/", "urn:server", "urn:plant"]
    assert parse_node_id("nsu=urn:plant;s=A").index(array) == 2
    assert parse_node_id("nsu=urn:other;s=A").index(array) is None
    assert parse_node_id("ns=2;s=A").index(array) == 2
    assert parse_node_id("ns=3;s=A").index(array) is None
