// A plant-like tree for the tests of browsing: objects, analog items with units and ranges, a circle, odd names.
"use strict";

const opcua = require("node-opcua");

function folder(namespace, parent, name) {
  return namespace.addObject({ organizedBy: parent, browseName: name, nodeId: `s=${name}-${parent.nodeId.value}` });
}

function analog(namespace, variables, parent, name, unit, range, more = {}) {
  const item = namespace.addAnalogDataItem({
    componentOf: parent,
    browseName: name,
    nodeId: `s=${parent.browseName.name}.${name}`,
    dataType: "Double",
    definition: "",
    valuePrecision: 0.1,
    engineeringUnits: unit,
    engineeringUnitsRange: range,
    minimumSamplingInterval: 0,
    value: { dataType: opcua.DataType.Double, value: 20 },
    ...more,
  });
  variables.set(`${parent.browseName.name}.${name}`, item);
  return item;
}

function build(namespace, variables) {
  const units = opcua.standardUnits;
  const objects = namespace.addressSpace.rootFolder.objects;
  const line = folder(namespace, objects, "Line3");
  const oven = folder(namespace, line, "Oven");
  analog(namespace, variables, oven, "Temperature", units.degree_celsius, { low: 0, high: 300 }, {
    description: "Zone 1, measured at the door",
    instrumentRange: { low: -50, high: 400 },
  });
  analog(namespace, variables, oven, "Pressure", units.bar, { low: 0, high: 0 }, {
    instrumentRange: { low: 0, high: 16 },
  });
  analog(namespace, variables, oven, "Setpoint", units.degree_celsius, { low: 0, high: 300 }, {
    accessLevel: "CurrentRead | CurrentWrite",
    userAccessLevel: "CurrentRead | CurrentWrite",
  });
  const press = folder(namespace, line, "Presse 7 / Süd");
  analog(namespace, variables, press, "Öl°Druck", units.bar, { low: 0, high: 250 });
  const plain = { dataType: "Boolean", minimumSamplingInterval: 0 };
  namespace.addVariable({ componentOf: press, browseName: "Door", nodeId: "s=Door;1%", ...plain });
  namespace.addVariable({
    componentOf: press,
    browseName: "Secret",
    nodeId: "s=Secret",
    ...plain,
    accessLevel: "CurrentWrite",
    userAccessLevel: "CurrentWrite",
  });
  namespace.addVariable({ componentOf: press, browseName: "Picture", nodeId: "s=Picture", dataType: "ByteString" });
  // a circle: the oven organizes its own line
  oven.addReference({ referenceType: "Organizes", nodeId: line.nodeId });
  // one variable under two names
  const many = folder(namespace, objects, "Many");
  many.addReference({ referenceType: "Organizes", nodeId: variables.get("Oven.Temperature").nodeId });
  for (let i = 0; i < 1200; i++) {
    namespace.addVariable({ componentOf: many, browseName: `N${i}`, nodeId: `i=${5000 + i}`, ...plain });
  }
  for (const variable of [...namespace.nodeIterator()]) {
    if (variable.nodeClass === opcua.NodeClass.Variable && variable.dataType.value === 1 && !variable.isValueInitialized) {
      variable.setValueFromSource({ dataType: opcua.DataType.Boolean, value: true });
    }
  }
}

module.exports = { build };
