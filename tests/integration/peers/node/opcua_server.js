// An OPC UA server of another codebase (node-opcua) for the integration tests.
//
//   node opcua_server.js '{"port": 0, "folder": "/tmp/x", ...}'
//
// One JSON object a line on stdout ({"event": "ready" | "report" | "done" | "error", ...}); commands as JSON
// lines on stdin, see `commands` below. Every changing value is written to `truth` (JSON lines) with its source time.
"use strict";

const fs = require("fs");
const path = require("path");
const readline = require("readline");
const opcua = require("node-opcua");
const { readCertificate } = require("node-opcua-crypto");
const { ServerSession } = require("node-opcua-server");

const options = Object.assign(
  {
    port: 0,
    host: "127.0.0.1",
    folder: ".",
    certificate: null,
    key: null,
    truth: null,
    period: 100,
    extra: 0,
    namespaces: ["urn:iiotctl:test"],
    accept: true,
    anonymous: true,
    plainPassword: false,
    maxRead: 0,
    maxPublish: 0,
    transfer: true,
    maxItems: 0,
    maxBrowse: 0,
    tree: false,
    endpointHost: null,
    history: [], // names of variables whose changes the server records
    maxHistoryNodes: 0,
  },
  JSON.parse(process.argv[2] || "{}"),
);
const say = (message) => process.stdout.write(JSON.stringify(message) + "\n");
const truth = options.truth === null ? null : fs.openSync(options.truth, "a");
const seen = {}; // service name -> requests
const acknowledged = []; // sequence numbers in the order of the requests, with the time
const republished = [];
let mostPublish = 0; // publish requests that waited at once
const variables = new Map();
let ticking = null;
let step = 0;
let server = null;
let manager = null;
let namespace = null;

const note = (name, value, at) => {
  if (truth !== null) fs.writeSync(truth, JSON.stringify({ name, value, ts: at.getTime() * 1000 }) + "\n");
};

const set = (name, value, dataType, { status = opcua.StatusCodes.Good, at = new Date(), arrayType } = {}) => {
  const variable = variables.get(name);
  variable.setValueFromSource({ dataType, value, arrayType }, status, at);
  note(name, typeof value === "object" ? String(value) : value, at);
};

function addVariable(name, dataType, value, more = {}) {
  const variable = namespace.addVariable({
    organizedBy: namespace.addressSpace.rootFolder.objects,
    browseName: name,
    nodeId: `s=${name}`,
    dataType,
    minimumSamplingInterval: 0,
    ...more,
  });
  variables.set(name, variable);
  if (value !== undefined) {
    variable.setValueFromSource(value, more.status || opcua.StatusCodes.Good, more.at || new Date());
  }
  return variable;
}

function build() {
  const { DataType, VariantArrayType } = opcua;
  for (const uri of options.namespaces) {
    const added = server.engine.addressSpace.registerNamespace(uri);
    if (uri === "urn:iiotctl:test") namespace = added;
  }
  addVariable("Counter", "Int32", { dataType: DataType.Int32, value: 0 });
  addVariable("Ramp", "Double", { dataType: DataType.Double, value: 0 });
  addVariable("Flag", "Boolean", { dataType: DataType.Boolean, value: true });
  addVariable("Float", "Float", { dataType: DataType.Float, value: 1.5 });
  addVariable("Fast", "Double", { dataType: DataType.Double, value: -1 });
  addVariable("Byte", "Byte", { dataType: DataType.Byte, value: 200 });
  addVariable("Int64", "Int64", { dataType: DataType.Int64, arrayType: VariantArrayType.Scalar, value: [0x7fffffff, 0xfffffffe] });
  addVariable("UInt64", "UInt64", { dataType: DataType.UInt64, arrayType: VariantArrayType.Scalar, value: [0, 42] });
  addVariable("Name", "String", { dataType: DataType.String, value: "Halle 3 ü" });
  addVariable("Text", "LocalizedText", { dataType: DataType.LocalizedText, value: { locale: "de", text: "läuft" } });
  addVariable("Time", "DateTime", { dataType: DataType.DateTime, value: new Date("2026-01-02T03:04:05.678Z") });
  addVariable("Nan", "Double", { dataType: DataType.Double, value: NaN });
  addVariable("Guid", "Guid", { dataType: DataType.Guid, value: "72962B91-FA75-4AE6-8D28-B404DC7DAF63" });
  addVariable("Bytes", "ByteString", { dataType: DataType.ByteString, value: Buffer.from("abc") });
  addVariable("Old", "Double", { dataType: DataType.Double, value: 7 }, { at: new Date("1999-01-01T00:00:00Z") });
  addVariable("Static", "Double", { dataType: DataType.Double, value: 3 }, { at: new Date("2025-05-05T05:05:05Z") });
  addVariable(
    "Bad",
    "Double",
    { dataType: DataType.Double, value: 1 },
    { status: opcua.StatusCodes.BadSensorFailure },
  );
  addVariable(
    "Array",
    "Double",
    { dataType: DataType.Double, arrayType: VariantArrayType.Array, value: new Float64Array([10, 20, 30]) },
    { valueRank: 1, arrayDimensions: [3] },
  );
  const states = namespace.addEnumerationType({ browseName: "LineState", enumeration: ["Stopped", "Idle", "Running"] });
  addVariable("State", states, { dataType: DataType.Int32, value: 2 });
  addVariable("Duration", "Duration", { dataType: DataType.Double, value: 12.5 });
  for (let i = 0; i < options.extra; i++) addVariable(`V${i}`, "Double", { dataType: DataType.Double, value: 0 });
  for (const name of options.history) {
    server.engine.addressSpace.installHistoricalDataNode(variables.get(name), { maxOnlineValues: 100000 });
  }
  if (options.tree) require("./tree.js").build(namespace, variables);
}

function tick() {
  const { DataType } = opcua;
  const at = new Date();
  step += 1;
  set("Counter", step, DataType.Int32, { at });
  set("Ramp", step / 10, DataType.Double, { at });
  for (let i = 0; i < options.extra; i++) set(`V${i}`, step + i / 1000, DataType.Double, { at });
}

// The server samples by timers too. On a busy machine all of them run late and at once; counting turns of a
// timer, and not time, lets no value go before whoever samples it within half a period has seen it.
const BEATS = 4;
let beats = 0;
function beat() {
  beats += 1;
  if (beats % BEATS === 0) tick();
}

const commands = {
  start: () => {
    if (ticking === null) ticking = setInterval(beat, options.period / BEATS);
  },
  stop: () => {
    clearInterval(ticking);
    ticking = null;
  },
  burst: ({ name, count }) => {
    let i = 0;
    const timer = setInterval(() => {
      set(name, i, opcua.DataType.Double);
      i += 1;
      if (i === count) clearInterval(timer);
    }, 10);
  },
  record: ({ name, rows }) => {
    for (const [at, value, status] of rows) {
      set(name, value, opcua.DataType.Double, { at: new Date(at), status: opcua.StatusCodes[status || "Good"] });
    }
  },
  set: ({ name, value, type }) => set(name, value, opcua.DataType[type]),
  status: ({ name, status }) =>
    variables.get(name).setValueFromSource({ dataType: "Double", value: 0 }, opcua.StatusCodes[status], new Date()),
  add: ({ name }) => {
    addVariable(name, "Double", { dataType: opcua.DataType.Double, value: 5 });
  },
  access: ({ name, level }) => {
    const variable = variables.get(name);
    variable.accessLevel = variable.userAccessLevel = opcua.makeAccessLevelFlag(level);
  },
  remove: ({ name }) => {
    namespace.deleteNode(variables.get(name).nodeId);
    variables.delete(name);
  },
  drop_subscriptions: () => {
    let dropped = 0;
    for (const session of Object.values(server.engine._sessions)) {
      for (const subscription of [...session.publishEngine.subscriptions]) {
        session.deleteSubscription(subscription.id);
        dropped += 1;
      }
    }
    return { dropped };
  },
  trust: async () => {
    const folder = path.join(options.folder, "server-pki", "rejected");
    const files = fs.readdirSync(folder).filter((file) => file.endsWith(".pem"));
    for (const file of files) await manager.trustCertificate(readCertificate(path.join(folder, file)));
    return { trusted: files.length };
  },
  report: () => ({
    services: seen,
    sessions: server.engine.currentSessionCount,
    step,
    acknowledged,
    republished,
    mostPublish,
  }),
  shutdown: async () => {
    commands.stop();
    await server.shutdown(10);
    setTimeout(() => process.exit(0), 50);
  },
};

async function main() {
  manager = new opcua.OPCUACertificateManager({
    rootFolder: path.join(options.folder, "server-pki"),
    automaticallyAcceptUnknownCertificate: options.accept,
    name: "pki",
  });
  await manager.initialize();
  if (options.maxPublish) ServerSession.maxPublishRequestInQueue = options.maxPublish;
  server = new opcua.OPCUAServer({
    allowAnonymousSubscriptionTransferOnUnsecuredChannel: options.transfer,
    port: options.port,
    host: options.host,
    hostname: options.endpointHost || undefined,
    serverCertificateManager: manager,
    userCertificateManager: manager,
    certificateFile: options.certificate || undefined,
    privateKeyFile: options.key || undefined,
    allowAnonymous: options.anonymous,
    securityPolicies: [
      opcua.SecurityPolicy.None,
      opcua.SecurityPolicy.Basic256Sha256,
      opcua.SecurityPolicy.Aes128_Sha256_RsaOaep,
      opcua.SecurityPolicy.Aes256_Sha256_RsaPss,
    ].filter((policy) => (options.policies || null) === null || options.policies.includes(policy.split("#")[1])),
    serverCapabilities: {
      operationLimits: {
        maxNodesPerRead: options.maxRead,
        maxMonitoredItemsPerCall: options.maxItems,
        maxNodesPerBrowse: options.maxBrowse,
        maxNodesPerHistoryReadData: options.maxHistoryNodes,
      },
    },
    userManager: { isValidUser: (name, password) => name === "reader" && password === "plant-42" },
    serverInfo: { applicationUri: "urn:iiotctl:test:server" },
    buildInfo: { productName: "iiotctl test server" },
    maxConnectionsPerEndpoint: 20,
    disableDiscovery: true,
  });
  server.on("request", (request) => {
    const name = request.schema.name.replace(/Request$/, "");
    seen[name] = (seen[name] || 0) + 1;
    if (name === "Publish") {
      for (const { sequenceNumber } of request.subscriptionAcknowledgements || []) {
        acknowledged.push({ sequence: sequenceNumber, ts: Date.now() * 1000 });
      }
      for (const session of Object.values(server.engine._sessions)) {
        mostPublish = Math.max(mostPublish, session.publishEngine.pendingPublishRequestCount);
      }
    }
    if (name === "Republish") republished.push(request.retransmitSequenceNumber);
  });
  await server.initialize();
  build();
  tick(); // whoever connects before the first beat reads values that stand in `truth` as well
  await server.start();
  const url = new URL(server.getEndpointUrl().replace("opc.tcp:", "http:"));
  say({ event: "ready", port: Number(url.port), endpoint: server.getEndpointUrl() });
  commands.start();
  const input = readline.createInterface({ input: process.stdin });
  input.on("line", async (line) => {
    const command = JSON.parse(line);
    try {
      const answer = (await commands[command.cmd](command)) || {};
      say({ event: "done", cmd: command.cmd, ...answer });
    } catch (error) {
      say({ event: "error", cmd: command.cmd, text: String((error && error.stack) || error) });
    }
  });
  input.on("close", () => process.exit(0));
}

main().catch((error) => {
  say({ event: "error", text: String((error && error.stack) || error) });
  process.exit(1);
});
