"""The simulated units read by another codebase (pyModbusTCP): every tag decodes to what the truth log says."""

from __future__ import annotations

import asyncio
import json
import struct
import time
from pathlib import Path
from typing import Any

import pytest
from pyModbusTCP.client import ModbusClient
from pyModbusTCP.utils import decode_ieee, get_2comp, word_list_to_long

from iiotctl.simulator.plant import Plant
from iiotctl.simulator.truth import TruthLog
from iiotctl.site.load import load_site
from iiotctl.site.model import Site, Tag
from tests.peers import require_tool

pytestmark = pytest.mark.integration


def _swap(words: list[int], order: str) -> list[int]:
    """Registers as a big-endian device would send them."""
    if order in ("BADC", "DCBA"):
        words = [((word << 8) | (word >> 8)) & 0xFFFF for word in words]
    return words[::-1] if order in ("CDAB", "DCBA") else words


def _decode(tag: Tag, words: list[int]) -> Any:
    kind = tag.data_type.name
    if kind == "string":
        raw = b"".join(struct.pack(">H", word) for word in _swap(words, "BADC" if "BA" in tag.order else "ABCD"))
        return raw.rstrip(b"\0").decode("ascii")
    words = _swap(words, str(tag.order))
    number = 0
    for word in words:
        number = (number << 16) | word
    bits = 16 * len(words)
    if kind == "float16":
        return struct.unpack(">e", struct.pack(">H", number))[0]
    if kind.startswith("float"):
        return decode_ieee(number, double=bits == 64)
    if kind.startswith("bcd"):
        return int(f"{number:x}")
    if kind in ("int8", "uint8"):
        return get_2comp(number & 0xFF, 8) if kind == "int8" else number & 0xFF
    assert bits != 32 or number == word_list_to_long(words)[0]
    return get_2comp(number, bits) if kind.startswith("int") else number


def _fetch(client: ModbusClient, tag: Tag) -> Any:
    from iiotctl.site.address import parse_address

    place = parse_address(tag.address)
    if place.table == "coil":
        return int(client.read_coils(place.offset, 1)[0])
    if place.table == "discrete":
        return int(client.read_discrete_inputs(place.offset, 1)[0])
    read = client.read_holding_registers if place.table == "holding" else client.read_input_registers
    words = read(place.offset, tag.data_type.registers)
    assert words is not None, (tag.name, client.last_except_as_txt, client.last_error_as_txt)
    return words[0] >> place.bit & 1 if place.bit is not None else _decode(tag, words)


def _read_all(site: Site) -> dict[str, Any]:
    raw = {}
    for source in ("press1", "cooling1", "meter1"):
        config: Any = site.sources[source]
        client = ModbusClient(config.host, config.port, unit_id=config.unit, timeout=10.0)
        raw |= {tag.name: _fetch(client, tag) for tag in site.tags_of(source)}
        client.close()
    return raw


def _site(tmp_path: Path, plant: Plant) -> Site:
    path = tmp_path / "site.toml"
    path.write_text(plant.site_toml(), encoding="utf-8")
    return load_site(path).site


@pytest.mark.parametrize("seed", [1, 42])
def test_every_tag_decodes_to_the_truth(tmp_path: Path, seed: int) -> None:
    truth = TruthLog(keep=True)

    async def main() -> tuple[Site, dict[str, Any]]:
        async with Plant(seed=seed, opcua_port=None, truth=truth) as plant:
            site = _site(tmp_path, plant)
            return site, await asyncio.to_thread(_read_all, site)

    site, raw = asyncio.run(main())
    served: dict[str, list[Any]] = {}
    for record in truth.records:
        if record["kind"] == "modbus":
            assert record["answer"] == "ok"
            served |= record["values"]  # type: ignore[arg-type,operator]
    tags = [tag for source in ("press1", "cooling1", "meter1") for tag in site.tags_of(source)]
    assert set(served) == {tag.name for tag in tags} == set(raw)
    for tag in tags:
        assert raw[tag.name] == served[tag.name][0], tag.name
        if tag.data_type.name != "string":
            assert raw[tag.name] * tag.scale + tag.offset == served[tag.name][1], tag.name


def test_the_log_holds_each_request_once_with_what_was_in_it(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"

    def scan(port: int) -> list[list[int]]:
        client = ModbusClient("127.0.0.1", port, unit_id=1, timeout=10.0)
        answers = [client.read_holding_registers(0, 5) for _ in range(40)]
        client.close()
        return answers

    async def main() -> list[list[int]]:
        async with Plant(opcua_port=None, truth=path) as plant:
            assert plant.modbus_port
            return await asyncio.to_thread(scan, plant.modbus_port)

    answers = asyncio.run(main())
    records = [json.loads(line) for line in path.read_text().splitlines()]
    reads = [record for record in records if record["kind"] == "modbus"]
    assert len(reads) == len(answers)
    assert [r["values"]["press1.hydraulics.pressure"][0] for r in reads] == [a[0] for a in answers]
    assert all(set(r["values"]) == {f"press1.hydraulics.{n}" for n in ("pressure", "temperature", "flow", "filter_dp", "level")} for r in reads)  # fmt: skip
    assert records[0]["kind"] == "start"
    assert records[-1]["kind"] == "end"
    times = [r["at"] for r in reads]
    assert times == sorted(times)
    assert records[0]["at"] <= times[0] <= times[-1] <= records[-1]["at"]


def test_writes_by_a_client_change_nothing_and_are_recorded() -> None:
    truth = TruthLog(keep=True)

    def attack(port: int) -> list[Any]:
        client = ModbusClient("127.0.0.1", port, unit_id=2, timeout=10.0)
        before = client.read_holding_registers(0, 1)
        done = [
            client.write_single_register(0, 999),
            client.write_multiple_registers(0, [1, 2]),
            client.write_single_coil(0, False),
            client.write_multiple_coils(0, [False, False]),
            client.write_read_multiple_registers(0, [5], 0, 1),
        ]
        codes = client.last_except
        after = client.read_holding_registers(0, 1)
        coils = client.read_coils(0, 1)
        client.close()
        return [before == after, done, codes, coils]

    async def main() -> list[Any]:
        async with Plant(opcua_port=None, truth=truth) as plant:
            assert plant.modbus_port
            return await asyncio.to_thread(attack, plant.modbus_port)

    same, done, code, coils = asyncio.run(main())
    assert same
    assert not any(done)
    assert code == 1
    assert coils == [True]
    assert truth.counts["refused"] == 5


def test_faults_take_effect_in_their_interval() -> None:
    """Judged by the order of the log, not by clocks: between `start` and `end` every answer shows the faults."""
    truth = TruthLog(keep=True)

    def ended() -> bool:
        return sum(record.get("state") == "end" for record in truth.records) == 2

    def watch(port: int) -> list[list[int]]:
        client = ModbusClient("127.0.0.1", port, unit_id=1, timeout=30.0)
        seen, after = [], 0
        while after < 5:
            seen.append(client.read_holding_registers(0, 15))
            after += ended()
            time.sleep(0.02)
        client.close()
        return seen

    async def main() -> list[list[int]]:
        faults = [
            "press1.hydraulics.pressure:step:by=80,start=1s,for=1s",
            "press1.motor.winding_temperature:wire-break:raw=-32768,start=1s,for=1s",
        ]
        async with Plant(opcua_port=None, truth=truth, faults=faults) as plant:
            assert plant.modbus_port
            return await asyncio.to_thread(watch, plant.modbus_port)

    seen = asyncio.run(main())
    phases: dict[str, list[tuple[int, int]]] = {"before": [], "during": [], "after": []}
    phase, answers, marks = "before", iter(seen), []
    for record in truth.records:
        if record["kind"] == "fault":
            phase = "during" if record["state"] == "start" else "after"
            marks.append((record["state"], record["at"]))
        elif record["kind"] == "modbus":
            answer = next(answers)
            values: Any = record["values"]
            assert values["press1.hydraulics.pressure"][0] == answer[0]
            phases[phase].append((answer[0], answer[14]))
    assert all(phases.values())
    assert all(pressure > 2200 and winding == 0x8000 for pressure, winding in phases["during"])
    for healthy in (phases["before"], phases["after"]):
        assert all(pressure < 2200 and winding < 1000 for pressure, winding in healthy)
    assert [state for state, _ in marks] == ["start", "start", "end", "end"]
    assert int(marks[2][1]) - int(marks[0][1]) == 1_000_000  # type: ignore[call-overload]


def test_mbpoll_reads_it() -> None:
    mbpoll = require_tool("mbpoll", "apt-get install mbpoll")

    async def main() -> str:
        async with Plant(opcua_port=None) as plant:
            process = await asyncio.create_subprocess_exec(
                mbpoll, "-m", "tcp", "-p", str(plant.modbus_port), "-a", "3", "-0", "-r", "112", "-c", "3", "-t", "4:float", "-B", "-1",
                "127.0.0.1", stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            output, _ = await process.communicate()
            return output.decode()

    values = [float(line.split()[1]) for line in asyncio.run(main()).splitlines() if line.startswith("[")]
    assert len(values) == 3
    assert all(220 < value < 240 for value in values)
