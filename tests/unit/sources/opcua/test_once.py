"""One reading as `read` and `tags check --live` show it."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from asyncua import ua

from iiotctl import quality
from iiotctl.site.model import Tag
from iiotctl.sources.base import CapturedTag
from iiotctl.sources.opcua.convert import Rule
from iiotctl.sources.opcua.once import _reading, raw_text
from iiotctl.sources.opcua.resolve import Item

NOW = 1_700_000_000_000_000


def reading(value: Any, kind: ua.VariantType, **rule: Any) -> tuple[object, str]:
    item = Item(CapturedTag(0, Tag(name="a", source="s", address="i=1")), ua.NodeId(1), Rule(0, **rule), numeric=True)
    found = _reading(item, ua.DataValue(ua.Variant(value, kind)), NOW, 0.0)
    assert found.quality == quality.GOOD
    return found.value, found.note


@pytest.mark.parametrize("number", [9007199254740993, -9007199254740993, 2**63 - 1])
def test_integers_beyond_a_double_keep_their_digits(number: int) -> None:
    assert reading(number, ua.VariantType.Int64) == (str(number), "")


def test_a_number_with_a_text_stays_a_number() -> None:
    assert reading(2, ua.VariantType.Int32, texts={2: "Running"}) == (2.0, "Running")


@pytest.mark.parametrize(
    ("value", "kind", "shown"),
    [
        (5, ua.VariantType.Int64, "Int64 5"),
        (True, ua.VariantType.Boolean, "Boolean true"),
        ("it's", ua.VariantType.String, 'String "it\'s"'),
        (b"\x01\xff", ua.VariantType.ByteString, "ByteString 01 ff"),
        (dt.datetime(2026, 11, 21, 9, 0, 0, 5), ua.VariantType.DateTime, "DateTime 2026-11-21T09:00:00.000005Z"),
        (ua.LocalizedText("läuft"), ua.VariantType.LocalizedText, 'LocalizedText "läuft"'),
        ([1.5, 2.0], ua.VariantType.Double, "Double [1.5, 2.0]"),
        ([None, "a"], ua.VariantType.String, 'String [null, "a"]'),
        (uuid.UUID(int=1), ua.VariantType.Guid, "Guid 00000000-0000-0000-0000-000000000001"),
        (ua.NodeId("A", 2), ua.VariantType.NodeId, "NodeId ns=2;s=A"),
        (ua.QualifiedName("A", 2), ua.VariantType.QualifiedName, "QualifiedName 2:A"),
    ],
)
def test_raw_is_no_python(value: Any, kind: ua.VariantType, shown: str) -> None:
    assert raw_text(ua.DataValue(ua.Variant(value, kind))) == shown
