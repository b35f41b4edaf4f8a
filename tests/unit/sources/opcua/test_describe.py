"""Variables in plain values: node ids that can be written, texts of hostile servers, servers that take little at once."""

from __future__ import annotations

import asyncio
import math
from types import SimpleNamespace
from typing import Any, cast

import pytest
from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds

from iiotctl.sources.opcua.browse import Place, Variable
from iiotctl.sources.opcua.describe import Described, Describer, address_of
from iiotctl.sources.opcua.failures import ServiceError
from iiotctl.sources.opcua.session import ServerLimits, Session

NAMESPACES = ["http://opcfoundation.org/UA/", "urn:own", "urn:a;b%c"]
DOUBLE, BYTE_STRING = ua.NodeId(ua.Int32(11)), ua.NodeId(ua.Int32(15))


class Fake:
    """A session whose server takes `most` nodes a Read and says what `answers` hold by attribute."""

    namespaces = NAMESPACES

    def __init__(self, answers: dict[AttributeIds, Any], most: int = 1000) -> None:
        self.answers, self.most = answers, most
        self.limits = ServerLimits()

    async def read(self, nodes: list[Any], attribute: AttributeIds = AttributeIds.Value) -> list[ua.DataValue]:
        if min(len(nodes), self.limits.read) > self.most:
            raise ServiceError("Read", 0x80100000)
        answer = self.answers.get(attribute)
        if isinstance(answer, ua.DataValue):
            return [answer] * len(nodes)
        return [ua.DataValue(ua.Variant(answer))] * len(nodes)


def describe(number: int = 1, *, values: bool = False, most: int = 1000, **answers: Any) -> list[Described]:
    said = {AttributeIds.DataType: DOUBLE, AttributeIds.ValueRank: -1, AttributeIds.UserAccessLevel: 1}
    said |= {AttributeIds[name]: answer for name, answer in answers.items()}
    root = Place(ua.NodeId(ua.Int32(85)), "Objects", None, 0, frozenset())
    variables = [
        Variable(Place(ua.NodeId(ua.Int32(i + 1), ua.Int16(1)), f"v{i}", root, 1, frozenset())) for i in range(number)
    ]
    session = cast("Session", Fake(said, most))
    return asyncio.run(Describer(session, values=values).describe(variables))


@pytest.mark.parametrize(
    ("identifier", "index", "address"),
    [
        (5, 0, "i=5"),
        (5, 1, "nsu=urn:own;i=5"),
        ("Oven.Temperature", 1, "nsu=urn:own;s=Oven.Temperature"),
        ('"DB1"."x;y"', 2, 'nsu=urn:a%3Bb%25c;s="DB1"."x;y"'),
        (b"abc", 1, "nsu=urn:own;b=YWJj"),
        ("ends with a blank ", 1, ""),
        ("control\x07", 1, ""),
        ("line\nbreak", 1, ""),
        ("lone \udcff", 1, ""),
        ("", 1, ""),
        (5, 9, ""),
    ],
)
def test_address(identifier: Any, index: int, address: str) -> None:
    kinds = {int: ua.NodeIdType.Numeric, str: ua.NodeIdType.String, bytes: ua.NodeIdType.ByteString}
    node = SimpleNamespace(Identifier=identifier, NamespaceIndex=index, NodeIdType=kinds[type(identifier)])
    assert address_of(cast("ua.NodeId", node), NAMESPACES) == address


def test_a_server_that_takes_little_without_saying_so() -> None:
    assert len(describe(300, most=7)) == 300
    with pytest.raises(ServiceError):
        describe(3, most=0)


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ({}, ""),
        ({"UserAccessLevel": 2}, "the server does not let us read it"),
        ({"DataType": BYTE_STRING}, "values of type ByteString cannot be captured"),
        ({"ValueRank": 1}, "the node holds an array: give `element`, the index of the value"),
        ({"ValueRank": 2}, "an array of 2 dimensions cannot be captured"),
        (
            {"DataType": ua.DataValue(StatusCode=ua.StatusCode(ua.UInt32(0x80340000)))},
            "the server does not describe it (BadNodeIdUnknown)",
        ),
    ],
)
def test_why_a_variable_cannot_be_captured(answers: dict[str, Any], problem: str) -> None:
    assert describe(**answers)[0].problem == problem


def test_texts_of_a_hostile_server() -> None:
    (row,) = describe(Description=ua.LocalizedText("\x1b[2J" + "x" * 100_000 + "\n"))
    assert len(row.description) <= 500
    assert row.description.isprintable()
    (nothing,) = describe(DataType="nonsense", ValueRank="many", ArrayDimensions=["a"], UserAccessLevel=None)
    assert (nothing.data_type, nothing.value_rank, nothing.dimensions) == ("", -2, ())


@pytest.mark.parametrize(
    ("value", "shown"), [(1.5, 1.5), (True, True), (math.nan, "nan"), ("a\x1bb", "a b"), (None, None), (b"ab", "61 62")]
)
def test_values(value: Any, shown: Any) -> None:
    (row,) = describe(values=True, Value=value)
    assert row.value == shown
    assert row.status == "Good"
