"""The OPC UA address space of the simulated line: folders by asset, read-only variables, units and ranges."""

from __future__ import annotations

from typing import Any, Final

from asyncua import ua as _ua

from iiotctl.simulator.faults import Measured
from iiotctl.simulator.image import serve_opcua
from iiotctl.simulator.tags import NAMESPACE, SimTag

ua: Any = _ua  # asyncua's types reject what its own callers pass
# UN/CEFACT common codes of the units in use (OPC 10000-8 §5.6.3).
_UNIT_CODES: Final = {"degC": "CEL", "%": "P1", "m/s": "MTS", "s": "SEC"}
_UNIT_NAMES: Final = {"degC": "°C"}


async def build(server: Any, tags: list[tuple[int, SimTag]], first: list[Measured]) -> dict[str, Any]:
    """Add every tag with its first value; returns the node ids by tag name."""
    index = await server.register_namespace(NAMESPACE)
    objects = ua.NodeId(ua.ObjectIds.ObjectsFolder)
    folders = {"": objects}
    nodes = {}
    for i, tag in tags:
        path = ""
        *parents, browse = tag.name.split(".")
        for part in parents:
            parent, path = path, f"{path}.{part}".lstrip(".")
            if path not in folders:
                item = _item(folders[parent], ua.NodeId(path, index), part, _object(part, top=not parent))
                item.NodeClass, item.TypeDefinition = ua.NodeClass.Object, ua.NodeId(ua.ObjectIds.BaseObjectType)
                if not parent:
                    item.ReferenceTypeId = ua.NodeId(ua.ObjectIds.Organizes)
                folders[path] = await _added(server, item)
        value = serve_opcua(tag, first[i]).raw
        item = _item(folders[path], ua.NodeId(tag.name, index), browse, _variable(tag, browse, value))
        item.NodeClass, item.TypeDefinition = ua.NodeClass.Variable, _type_definition(tag)
        nodes[tag.name] = await _added(server, item)
        await _describe(server.get_node(nodes[tag.name]), tag, index)
    return nodes


def _item(parent: Any, node_id: Any, browse: str, attributes: Any) -> Any:
    item = ua.AddNodesItem()
    item.RequestedNewNodeId = node_id
    item.BrowseName = ua.QualifiedName(browse, node_id.NamespaceIndex)
    item.ParentNodeId = parent
    item.ReferenceTypeId = ua.NodeId(ua.ObjectIds.HasComponent)
    item.NodeAttributes = attributes
    return item


async def _added(server: Any, item: Any) -> Any:
    results = await server.iserver.isession.add_nodes([item])
    results[0].StatusCode.check()
    return results[0].AddedNodeId


async def _describe(node: Any, tag: SimTag, index: int) -> None:
    """EURange, EngineeringUnits or EnumStrings (OPC 10000-8)."""
    if tag.span is not None:
        own = ua.NodeId(f"{tag.name}/EURange", index)
        await node.add_property(own, ua.QualifiedName("EURange", 0), ua.Range(Low=tag.span[0], High=tag.span[1]))
    if tag.unit:
        code = int.from_bytes(_UNIT_CODES[tag.unit].encode(), "big")
        unit = ua.EUInformation(
            NamespaceUri="http://www.opcfoundation.org/UA/units/un/cefact",
            UnitId=code,
            DisplayName=ua.LocalizedText(_UNIT_NAMES.get(tag.unit, tag.unit)),
            Description=ua.LocalizedText(tag.unit),
        )
        own = ua.NodeId(f"{tag.name}/EngineeringUnits", index)
        await node.add_property(own, ua.QualifiedName("EngineeringUnits", 0), unit)
    if tag.enum and tag.type != "Boolean":
        own = ua.NodeId(f"{tag.name}/EnumStrings", index)
        texts = [ua.LocalizedText(text) for text in tag.enum.values()]
        await node.add_property(own, ua.QualifiedName("EnumStrings", 0), texts)


def _object(name: str, *, top: bool) -> Any:
    attributes = ua.ObjectAttributes()
    attributes.EventNotifier = 0
    attributes.DisplayName = ua.LocalizedText(name)
    attributes.Description = ua.LocalizedText("Press line" if top else name)
    attributes.WriteMask = attributes.UserWriteMask = 0
    return attributes


def _type_definition(tag: SimTag) -> Any:
    if tag.enum and tag.type != "Boolean":
        return ua.NodeId(ua.ObjectIds.MultiStateDiscreteType)
    return ua.NodeId(ua.ObjectIds.AnalogItemType if tag.span is not None else ua.ObjectIds.BaseDataVariableType)


def _variable(tag: SimTag, name: str, value: float | str | None) -> Any:
    kind = getattr(ua.VariantType, tag.type)
    attributes = ua.VariableAttributes()
    attributes.DisplayName = ua.LocalizedText(name)
    attributes.Description = ua.LocalizedText(tag.description)
    attributes.DataType = ua.NodeId(kind.value)
    attributes.Value = ua.Variant(value, kind) if value is not None else ua.Variant()
    attributes.ValueRank = ua.ValueRank.Scalar
    attributes.ArrayDimensions = None
    attributes.WriteMask = attributes.UserWriteMask = 0
    attributes.Historizing = False
    attributes.MinimumSamplingInterval = tag.period * 1000.0
    attributes.AccessLevel = attributes.UserAccessLevel = ua.AccessLevel.CurrentRead.mask
    return attributes
