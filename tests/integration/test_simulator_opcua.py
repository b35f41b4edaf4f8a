"""The simulated OPC UA server: values, times, types, refusals, faults; None and Basic256Sha256.

The client is asyncua, the same codebase as the server, except in the last test: node-opcua.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, ua
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256

from iiotctl import quality
from iiotctl.simulator.certificate import server_certificate
from iiotctl.simulator.plant import Plant
from iiotctl.simulator.tags import NAMESPACE, TAGS
from iiotctl.simulator.truth import TruthLog
from tests.peers import require, require_tool

pytestmark = pytest.mark.integration
LINE = [tag for tag in TAGS if tag.source == "line1"]
PEERS = Path(__file__).parent / "peers" / "node"
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def _run(test: Callable[[Plant, TruthLog, Client], Awaitable[None]], **more: Any) -> TruthLog:
    truth = TruthLog(keep=True)

    async def main() -> None:
        async with (
            Plant(modbus_port=None, truth=truth, **more) as plant,
            # its watchdog would give up a server that pauses for two seconds
            Client(f"opc.tcp://127.0.0.1:{plant.opcua_port}", timeout=30, watchdog_intervall=60) as client,
        ):
            await test(plant, truth, client)

    asyncio.run(main())
    return truth


def _us(time: dt.datetime) -> int:
    return (time - EPOCH) // dt.timedelta(microseconds=1)


async def _until(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        await asyncio.sleep(0.05)
    pytest.fail("it did not come to pass within 30 s")


class _Changes:
    """What a subscription delivered."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, Any, int, int]] = []
        self.arrived: list[int] = []

    def datachange_notification(self, node: Any, value: Any, data: Any) -> None:
        self.arrived.append(_us(dt.datetime.now(dt.UTC)))
        raw = data.monitored_item.Value
        self.seen.append((node.nodeid.Identifier, value, raw.StatusCode.value, _us(raw.SourceTimestamp)))


async def _subscribe(client: Client, changes: _Changes, names: list[str]) -> Any:
    index = await client.get_namespace_index(NAMESPACE)
    subscription = await client.create_subscription(100, changes)
    await subscription.subscribe_data_change([client.get_node(ua.NodeId(name, index)) for name in names], queuesize=100)
    return subscription


def _served(truth: TruthLog) -> dict[tuple[str, int], list[Any]]:
    return {
        (name, record["at"]): pair  # type: ignore[misc]
        for record in truth.records
        if record["kind"] == "opcua"
        for name, pair in record["values"].items()  # type: ignore[attr-defined]
    }


def test_every_change_a_subscription_delivers_is_in_the_truth_log_and_the_other_way_round() -> None:
    changes = _Changes()

    async def test(_: Plant, truth: TruthLog, client: Client) -> None:
        subscription = await _subscribe(client, changes, [tag.name for tag in LINE])
        first = len(changes.seen)
        await _until(lambda: len({at for *_, at in changes.seen[first:]}) > 20)
        await subscription.delete()

    truth = _run(test)
    served = _served(truth)
    assert {name for name, *_ in changes.seen} == {tag.name for tag in LINE}
    for name, value, status, at in changes.seen:
        true, code = served[name, at]
        assert (float(value) if isinstance(value, bool) else value, status) == (true, code)
    newest = max(at for *_, at in changes.seen)
    begun = sorted({at for *_, at in changes.seen})[len(LINE) // 2]
    delivered = {(name, at) for name, _, _, at in changes.seen}
    last: dict[str, Any] = {}
    for (name, at), pair in sorted(served.items(), key=lambda item: item[0][1]):
        changed = last.get(name) != pair
        last[name] = pair
        if changed and begun < at < newest:
            assert (name, at) in delivered


def test_types_units_and_ranges() -> None:
    async def test(_: Plant, __: TruthLog, client: Client) -> None:
        index = await client.get_namespace_index(NAMESPACE)
        for tag in LINE:
            node = client.get_node(ua.NodeId(tag.name, index))
            assert (await node.read_data_type_as_variant_type()).name == tag.type
            assert await node.get_user_access_level() == {ua.AccessLevel.CurrentRead}
            properties = {(await p.read_browse_name()).Name: await p.read_value() for p in await node.get_properties()}
            if tag.span:
                assert (properties["EURange"].Low, properties["EURange"].High) == tag.span
            if tag.unit:
                assert properties["EngineeringUnits"].Description.Text == tag.unit
            if tag.enum and tag.type == "Int32":
                assert [text.Text for text in properties["EnumStrings"]] == list(tag.enum.values())
        path = ["0:Objects", *(f"{index}:{part}" for part in ("line1", "oven", "zone1", "temperature"))]
        found = await client.nodes.root.get_child(path)
        assert found.nodeid.Identifier == "line1.oven.zone1.temperature"

    _run(test)


def test_the_clock_is_now_whenever_it_is_read() -> None:
    async def test(_: Plant, __: TruthLog, client: Client) -> None:
        for _ in range(3):
            before = dt.datetime.now(dt.UTC)
            clock = await client.get_node(ua.ObjectIds.Server_ServerStatus_CurrentTime).read_value()
            status = await client.get_node(ua.ObjectIds.Server_ServerStatus).read_value()
            assert before <= clock <= status.CurrentTime <= dt.datetime.now(dt.UTC)

    _run(test)


def test_what_changes_something_is_refused_and_recorded() -> None:
    async def test(plant: Plant, _: TruthLog, client: Client) -> None:
        index = await client.get_namespace_index(NAMESPACE)
        node = client.get_node(ua.NodeId("line1.oven.zone1.setpoint", index))
        with pytest.raises(ua.UaStatusCodeError):
            await node.write_value(5.0)
        with pytest.raises(ua.UaStatusCodeError):
            await client.nodes.server.call_method(ua.NodeId(ua.ObjectIds.Server_GetMonitoredItems), 1)
        with pytest.raises(ua.UaStatusCodeError):
            await client.nodes.objects.add_variable(index, "mine", 1.0)
        with pytest.raises(ua.UaStatusCodeError):
            await client.delete_nodes([node])
        assert await node.read_value() == 180.0
        assert plant.opcua is not None
        assert plant.opcua.services["Write"] == 1

    truth = _run(test)
    refused = [str(record["what"]) for record in truth.records if record["kind"] == "refused"]
    assert refused[0].startswith("Write ns=")
    assert refused[1:] == ["Call", "AddNodes", "DeleteNodes"]


def test_users(tmp_path: Path) -> None:
    async def main() -> None:
        async with Plant(modbus_port=None, pki=tmp_path) as plant:
            url = f"opc.tcp://127.0.0.1:{plant.opcua_port}"
            for password, works in (("press-line", True), ("wrong", False)):
                client = Client(url, timeout=30)
                client.set_user("reader")
                client.set_password(password)
                if works:
                    async with client:
                        await client.get_namespace_array()
                else:
                    with pytest.raises(ua.UaStatusCodeError):
                        await client.connect()

    asyncio.run(main())


def test_basic256sha256(tmp_path: Path) -> None:
    server_certificate(tmp_path / "client", "127.0.0.1")

    async def main() -> None:
        async with Plant(modbus_port=None, pki=tmp_path / "server") as plant:
            for mode in (ua.MessageSecurityMode.Sign, ua.MessageSecurityMode.SignAndEncrypt):
                client = Client(f"opc.tcp://127.0.0.1:{plant.opcua_port}", timeout=30)
                client.application_uri = "urn:iiotctl:simulator"
                await client.set_security(
                    SecurityPolicyBasic256Sha256,
                    tmp_path / "client" / "simulator.der",
                    tmp_path / "client" / "simulator-key.pem",
                    server_certificate=tmp_path / "server" / "simulator.der",
                    mode=mode,
                )
                async with client:
                    index = await client.get_namespace_index(NAMESPACE)
                    assert await client.get_node(ua.NodeId("line1.oven.zone2.setpoint", index)).read_value() == 200.0

    asyncio.run(main())


def test_the_certificate_stays_the_same_where_it_is_kept(tmp_path: Path) -> None:
    first, _ = server_certificate(tmp_path, "127.0.0.1")
    again, _ = server_certificate(tmp_path, "127.0.0.1")
    assert first == again
    assert (tmp_path / "simulator-key.pem").stat().st_mode & 0o077 == 0


def test_sensor_faults_show_as_status() -> None:
    changes = _Changes()
    name = "line1.oven.zone1.temperature"

    async def test(_: Plant, __: TruthLog, client: Client) -> None:
        await _subscribe(client, changes, [name])
        await _until(lambda: [status for *_, status, _ in changes.seen][-1:] == [0] and len(changes.seen) > 2)
        await _until(lambda: quality.BAD_SENSOR_FAILURE in [status for *_, status, _ in changes.seen])
        await _until(lambda: changes.seen[-1][2] == 0)

    truth = _run(test, faults=[f"{name}:wire-break:start=3s,for=2s"])
    marks = {r["state"]: int(r["at"]) for r in truth.records if r["kind"] == "fault"}  # type: ignore[call-overload]
    for _, value, status, at in changes.seen:
        inside = marks["start"] <= at < marks["end"]
        assert status == (quality.BAD_SENSOR_FAILURE if inside else 0)
        assert (value is None) == inside


def test_a_server_whose_values_are_all_bad() -> None:
    changes = _Changes()

    async def test(_: Plant, __: TruthLog, client: Client) -> None:
        await _subscribe(client, changes, ["line1.oven.zone1.setpoint", "line1.batch.id"])
        code = quality.CODES["BadOutOfService"]
        await _until(lambda: sum(status == code for *_, status, _ in changes.seen) == 2)
        await _until(lambda: [status for *_, status, _ in changes.seen][-2:] == [0, 0])

    _run(test, faults=["line1:bad-status:start=3s,for=1s"])


def test_a_pause_holds_everything_back_and_loses_nothing() -> None:
    changes = _Changes()
    name = "line1.conveyor.speed"

    async def test(_: Plant, truth: TruthLog, client: Client) -> None:
        await _subscribe(client, changes, [name])
        await _until(lambda: any(record.get("state") == "end" for record in truth.records))
        seen = len(changes.seen)
        await _until(lambda: len(changes.seen) > seen + 12)

    truth = _run(test, faults=["line1:pause:start=3s,for=2s"])
    marks = {r["state"]: int(r["at"]) for r in truth.records if r["kind"] == "fault"}  # type: ignore[call-overload]
    times = [at for *_, at in changes.seen]
    held = [i for i, at in enumerate(times) if marks["start"] <= at < marks["end"]]
    assert held
    assert all(changes.arrived[i] >= marks["end"] for i in held)
    values = [pair for (tag, at), pair in _served(truth).items() if tag == name and times[0] <= at <= times[-1]]
    changed = 1 + sum(a != b for a, b in itertools.pairwise(values))
    assert len(times) == changed


def test_a_disconnect_ends_sessions() -> None:
    async def ask_again_and_again(client: Client) -> None:
        for _ in range(50):
            await asyncio.wait_for(client.get_namespace_array(), 10)
            await asyncio.sleep(0.05)

    async def test(_: Plant, truth: TruthLog, client: Client) -> None:
        await _until(lambda: any(record.get("state") == "start" for record in truth.records))
        with pytest.raises((ConnectionError, ua.UaError, TimeoutError)):
            await ask_again_and_again(client)
        await _until(lambda: any(record.get("state") == "end" for record in truth.records))

    async def main() -> None:
        truth = TruthLog(keep=True)
        async with Plant(modbus_port=None, truth=truth, faults=["line1:disconnect:start=3s,for=1s"]) as plant:
            client = Client(f"opc.tcp://127.0.0.1:{plant.opcua_port}", timeout=5)
            await client.connect()
            await test(plant, truth, client)
            await client.disconnect()
            async with Client(f"opc.tcp://127.0.0.1:{plant.opcua_port}", timeout=30) as again:
                assert NAMESPACE in await again.get_namespace_array()

    asyncio.run(main())


def test_node_opcua_reads_it(tmp_path: Path) -> None:
    node = require_tool("node", "apt-get install nodejs npm")
    require((PEERS / "node_modules" / "node-opcua").is_dir(), "node-opcua", "make peers")
    truth = TruthLog(keep=True)
    names = [tag.name for tag in LINE if tag.stepped or tag.name == "line1.cycle_time"]
    watched = "line1.oven.zone1.temperature"

    async def main() -> dict[str, Any]:
        async with Plant(modbus_port=None, truth=truth, seed=3) as plant:
            options = {
                "url": f"opc.tcp://127.0.0.1:{plant.opcua_port}",
                "folder": str(tmp_path),
                "nodes": names,
                "watch": watched,
            }
            process = await asyncio.create_subprocess_exec(
                node,
                str(PEERS / "simulator_client.js"),
                json.dumps(options),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            out, err = await asyncio.wait_for(process.communicate(), 90)
            assert process.returncode == 0, err.decode()[-2000:]
            return json.loads(out.decode().splitlines()[-1])

    result = asyncio.run(main())
    served = _served(truth)
    at_ms = {at // 1000: pair[0] for (name, at), pair in served.items() if name == watched}
    for mode in ("None", "Sign", "SignAndEncrypt"):
        for name, (value, status) in zip(names, result[mode]["values"], strict=True):
            shown = float(value) if isinstance(value, bool) else value
            assert status == 0
            assert any(shown == pair[0] for (tag, _), pair in served.items() if tag == name), name
        assert result[mode]["write"] == "BadUserAccessDenied"
        assert all(at_ms[at] == value for at, value in result[mode]["changes"])
    assert truth.counts["refused"] == 3
