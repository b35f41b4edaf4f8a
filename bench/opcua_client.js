// node-opcua's client as a yardstick: node opcua_client.js URL TAGS PUBLISH_MS SECONDS
// Prints {"values", "cpu"}: values that its handlers saw and CPU seconds, after two seconds of warming up.
"use strict";

const path = require("path");
const root = path.join(__dirname, "..", "tests", "integration", "peers", "node", "node_modules");
const opcua = require(path.join(root, "node-opcua"));

async function main() {
  const [url, tags, publish, seconds] = process.argv.slice(2);
  const client = opcua.OPCUAClient.create({
    endpointMustExist: false,
    keepSessionAlive: false,
    connectionStrategy: { maxRetry: 0 },
    transportSettings: { maxMessageSize: 1 << 26, maxChunkCount: 1000 },
  });
  await client.connect(url);
  const session = await client.createSession();
  const subscription = await session.createSubscription2({
    requestedPublishingInterval: Number(publish),
    requestedLifetimeCount: 1000,
    requestedMaxKeepAliveCount: 10,
    maxNotificationsPerPublish: 0,
    publishingEnabled: true,
  });
  let values = 0;
  const wanted = [];
  for (let i = 0; i < Number(tags); i++) {
    wanted.push({ nodeId: `ns=1;s=v${i}`, attributeId: opcua.AttributeIds.Value });
  }
  for (let start = 0; start < wanted.length; start += 500) {
    const group = await subscription.monitorItems(
      wanted.slice(start, start + 500),
      { samplingInterval: 0, queueSize: 100, discardOldest: true },
      opcua.TimestampsToReturn.Both,
    );
    group.on("changed", () => {
      values += 1;
    });
  }
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const [before, cpu] = [values, process.cpuUsage()];
  await new Promise((resolve) => setTimeout(resolve, Number(seconds) * 1000));
  const used = process.cpuUsage(cpu);
  console.log(JSON.stringify({ values: values - before, cpu: (used.user + used.system) / 1e6 }));
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
