// Reads the simulator as node-opcua sees it: for each security mode all values, one refused write, some changes.
// node simulator_client.js '{"url": …, "folder": …, "nodes": [tag names], "watch": tag name}' -> one JSON line
const {
  AttributeIds, MessageSecurityMode, OPCUACertificateManager, OPCUAClient, SecurityPolicy, TimestampsToReturn, UserTokenType,
} = require("node-opcua");

const options = JSON.parse(process.argv[2]);
const namespace = "urn:iiotctl:simulator:press-line";
const modes = [
  ["None", MessageSecurityMode.None, SecurityPolicy.None, { type: UserTokenType.Anonymous }],
  ["Sign", MessageSecurityMode.Sign, SecurityPolicy.Basic256Sha256, { type: UserTokenType.UserName, userName: "reader", password: "press-line" }],
  ["SignAndEncrypt", MessageSecurityMode.SignAndEncrypt, SecurityPolicy.Basic256Sha256, { type: UserTokenType.UserName, userName: "reader", password: "press-line" }],
];

async function changes(session, nodeId, count) {
  const subscription = await session.createSubscription2({ requestedPublishingInterval: 100, publishingEnabled: true });
  const item = await subscription.monitor(
    { nodeId, attributeId: AttributeIds.Value }, { samplingInterval: 100, queueSize: 20 }, TimestampsToReturn.Both);
  const seen = [];
  await new Promise((done) => item.on("changed", (value) => {
    seen.push([value.sourceTimestamp.getTime(), value.value.value]);
    if (seen.length >= count) done();
  }));
  await subscription.terminate();
  return seen;
}

(async () => {
  const clientCertificateManager = new OPCUACertificateManager({ automaticallyAcceptUnknownCertificate: true, rootFolder: options.folder });
  await clientCertificateManager.initialize();
  const result = {};
  for (const [name, securityMode, securityPolicy, user] of modes) {
    const client = OPCUAClient.create({ securityMode, securityPolicy, endpointMustExist: true, connectionStrategy: { maxRetry: 1 }, clientCertificateManager });
    await client.connect(options.url);
    const session = await client.createSession(user);
    const index = (await session.readNamespaceArray()).indexOf(namespace);
    const id = (tag) => `ns=${index};s=${tag}`;
    const values = await session.read(options.nodes.map((tag) => ({ nodeId: id(tag), attributeId: AttributeIds.Value })));
    const written = await session.write({ nodeId: id(options.watch), attributeId: AttributeIds.Value, value: { value: { dataType: "Float", value: 9 } } });
    result[name] = {
      values: values.map((v) => [v.value.value, v.statusCode.value]), write: written.name, changes: await changes(session, id(options.watch), 5),
    };
    await session.close();
    await client.disconnect();
  }
  console.log("\n" + JSON.stringify(result));
  process.exit(0);
})().catch((error) => { console.error(error.message); process.exit(1); });
