"""`read`: what a URL and an address word mean, and how rounds are paced."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iiotctl import quality
from iiotctl.errors import SourceError, UsageError
from iiotctl.ops import modbus_browse, read
from iiotctl.ops.url import parse_url
from iiotctl.site.address import Order
from iiotctl.sources.base import Reading


@pytest.mark.parametrize(
    ("url", "host", "port", "unit"),
    [
        ("modbus-tcp://10.0.0.1", "10.0.0.1", 502, None),
        ("modbus-tcp://plc:1502", "plc", 1502, None),
        ("modbus-tcp://gateway/3", "gateway", 502, 3),
        ("tcp://gateway:1502/0", "gateway", 1502, 0),
        ("modbus-tcp://[fe80::1]:502/7/", "fe80::1", 502, 7),
        ("opc.tcp://server", "server", 4840, None),
        ("opc.tcp://server:53530/OPCUA/Sim", "server", 53530, None),
        ("modbus-tls://plc", "plc", 802, None),
        ("modbus-rtu-over-tcp://server:4001/3", "server", 4001, 3),
        ("modbus-rtu:///dev/ttyUSB0?unit=3", "", 0, 3),
    ],
)
def test_url(url: str, host: str, port: int, unit: int | None) -> None:
    target = parse_url(url)
    assert (target.host, target.port, target.unit) == (host, port, unit)


@pytest.mark.parametrize(
    "url",
    [
        *("", "plc", "10.0.0.1:502", "http://plc", "modbus-tcp://", "modbus-tcp://plc:99999", "modbus-tcp://plc/256"),
        *("modbus-tcp://plc/x", "modbus-tcp://plc/³", "modbus-tcp://me:secret@plc", "opc.tcp://me@plc"),
        "modbus-tcp://plc:x",
        *("modbus-rtu:", "modbus-rtu:///dev/ttyS0?speed=9600", "modbus-rtu:COM3?baudrate=x", "modbus-tls://plc?pin=x"),
    ],
)
def test_bad_url(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_url(url)
    assert caught.value.slug == "bad-url"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "keys"),
    [
        ("modbus-rtu:///dev/ttyUSB0", {"port": "/dev/ttyUSB0", "baudrate": 19200, "parity": "even"}),
        ("modbus-rtu:COM3?baudrate=9600&parity=none", {"port": "COM3", "baudrate": 9600, "parity": "none"}),
        ("modbus-rtu://COM3?stopbits=2", {"port": "COM3", "stopbits": 2}),
        ("modbus-tls://plc/7?ca=a.pem&server_name=plc-7", {"port": 802, "ca": "a.pem", "server_name": "plc-7"}),
    ],
)
def test_a_url_tells_keys_of_the_source(url: str, keys: dict[str, object]) -> None:
    config = read.prepare(url, ["holding:1"]).config
    assert {key: getattr(config, key) for key in keys} == keys


def test_a_broadcast_is_refused_before_anything_is_opened() -> None:
    with pytest.raises(UsageError, match="unit"):
        read.prepare("modbus-rtu:///dev/ttyUSB0?unit=0", ["holding:1"])


@pytest.mark.parametrize("unit", [0, 248])
def test_a_wrong_unit_of_a_bus_has_a_cause(unit: int) -> None:
    with pytest.raises(UsageError) as caught:
        read.prepare(f"modbus-rtu:///dev/ttyUSB0?unit={unit}", ["holding:1"])
    assert "1 to 247; 0 is a broadcast" in str(caught.value.cause)


def test_a_unit_may_not_be_said_twice() -> None:
    with pytest.raises(UsageError, match="`unit` stands twice"):
        parse_url("modbus-rtu:///dev/ttyUSB0?unit=1&unit=2")


@pytest.mark.parametrize("url", ["modbus-rtu-listen:///dev/ttyUSB0", "modbus-rtu-listen:COM3"])
def test_listening_is_no_url(url: str) -> None:
    with pytest.raises(UsageError, match="type of source") as caught:
        parse_url(url)
    assert "iiotctl capture" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("url", "whole"),
    [
        ("modbus-tcp://plc:1502", "modbus-tcp://plc:1502/1"),
        ("modbus-tls://plc/?ca=a.pem", "modbus-tls://plc/1?ca=a.pem"),
        ("modbus-rtu:COM3", "modbus-rtu:COM3?unit=1"),
        ("modbus-rtu:///dev/ttyS0?parity=none", "modbus-rtu:///dev/ttyS0?parity=none&unit=1"),
    ],
)
def test_the_hint_for_a_missing_unit_shows_the_users_own_url(url: str, whole: str) -> None:
    with pytest.raises(UsageError) as caught:
        modbus_browse.plan(url, ["holding:0-9"])
    assert f"`{whole}`" in str(caught.value.hint)
    assert parse_url(whole).unit == 1


@pytest.mark.parametrize(
    ("word", "address", "type_", "order"),
    [
        ("holding:11:float32:CDAB", "holding:11", "float32", "CDAB"),
        ("HOLDING:11:float32:cdab", "HOLDING:11", "float32", "CDAB"),
        ("40012:uint16", "40012", "uint16", "ABCD"),
        ("holding:11/3", "holding:11/3", None, "ABCD"),
        ("40012/3", "40012/3", None, "ABCD"),
        ("coil:5", "coil:5", None, "ABCD"),
        ("holding:100:string(16):BADC", "holding:100", "string(16)", "BADC"),
    ],
)
def test_modbus_word(word: str, address: str, type_: str | None, order: str) -> None:
    wanted = read.parse_wanted(word, "modbus-tcp")
    assert (wanted.text, wanted.address, wanted.type, wanted.order) == (word, address, type_, order)


@pytest.mark.parametrize("word", ["ns=2;s=A.B:x", "i=2258", "nsu=urn:a:b;s=Oven:1:float32", "b=AQID"])
def test_node_id_is_taken_whole(word: str) -> None:
    assert read.parse_wanted(word, "opc.tcp").address == word


@given(st.text(max_size=30))
def test_any_word_is_understood_or_refused(word: str) -> None:
    for scheme in ("modbus-tcp", "opc.tcp"):
        try:
            wanted = read.parse_wanted(word, scheme)
        except UsageError:
            continue
        assert wanted.text == word


def test_unit_may_stand_in_url_or_flag() -> None:
    for request in (
        read.prepare("modbus-tcp://h/9", ["holding:1"]),
        read.prepare("modbus-tcp://h", ["holding:1"], unit=9),
        read.prepare("modbus-tcp://h/9", ["holding:1"], unit=9),
    ):
        assert request.config.model_dump()["unit"] == 9
    with pytest.raises(UsageError):
        read.prepare("modbus-tcp://h/9", ["holding:1"], unit=8)


def test_tags_carry_type_and_order_and_keep_the_users_names() -> None:
    request = read.prepare("modbus-tcp://h", ["holding:11:float32:CDAB", "40012"], timeout_s=0.25)
    assert [str(item.tag.data_type) for item in request.tags] == ["float32", "uint16"]
    assert request.tags[0].tag.order is Order.CDAB
    assert [request.names[item.tag.name].text for item in request.tags] == ["holding:11:float32:CDAB", "40012"]
    assert request.config.model_dump()["timeout"] == 0.25


def test_password_travels_by_name() -> None:
    access = read.Access("Basic256Sha256-SignAndEncrypt", "reader", "LINE3_PASSWORD")
    config = read.prepare("opc.tcp://h:4840", ["i=2258"], security=access).config.model_dump()
    assert config["password"] == {"env": "LINE3_PASSWORD", "file": None}
    assert config["security"] == "Basic256Sha256-SignAndEncrypt"


class Plc:
    """A source that answers, or raises what it is told to."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.closed = False

    async def read_once(self, tags: list) -> list[Reading]:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return [Reading(item.tag.name, answer, quality.GOOD, 0, 0.001) for item in reversed(tags)]

    async def close(self) -> None:
        self.closed = True


def rounds(plc: Plc, **options: object) -> list[list[Reading]]:
    request = read.prepare("modbus-tcp://h", ["holding:1", "holding:2"])
    return list(read.rounds(request, create=lambda *args: plc, **options))


def test_one_round_in_the_order_of_the_words() -> None:
    plc = Plc(1.5)
    [readings] = rounds(plc)
    assert [reading.tag for reading in readings] == ["r0", "r1"]
    assert plc.closed


def test_first_failure_ends_it_and_closes() -> None:
    plc = Plc(SourceError("connection-refused", "nobody listens"))
    with pytest.raises(SourceError):
        rounds(plc)
    assert plc.closed


def test_later_failure_is_a_reading() -> None:
    plc = Plc(1.0, SourceError("connection-lost", "gone"), 2.0)
    _, lost, again = rounds(plc, every_s=0.01, count=3)
    assert [reading.quality for reading in lost] == [quality.BAD_NO_COMMUNICATION] * 2
    assert {reading.note for reading in lost} == {"gone"}
    assert [reading.value for reading in again] == [2.0, 2.0]


@pytest.mark.parametrize(
    ("last", "elapsed", "following"),
    [(0, 0.1, 1), (1, 1.0, 2), (1, 1.2, 2), (1, 4.7, 5), (4, 3.99, 5)],
    ids=["in time", "just now", "a little late", "far too late", "clock in doubt"],
)
def test_late_rounds_are_left_out_not_caught_up(last: int, elapsed: float, following: int) -> None:
    assert read.next_cycle(last, elapsed, 1.0) == following


def test_stopping_early_closes() -> None:
    plc = Plc(1.0, 2.0)
    request = read.prepare("modbus-tcp://h", ["holding:1"])
    endless = read.rounds(request, every_s=0.01, count=None, create=lambda *args: plc)
    next(endless)
    endless.close()
    assert plc.closed


def test_bad_readings_are_a_failure_that_names_the_address() -> None:
    request = read.prepare("modbus-tcp://h", ["holding:1", "holding:2"])
    good = Reading("r0", 1.0, quality.GOOD, 0, 0.0)
    bad = Reading("r1", None, quality.BAD_CONFIGURATION_ERROR, 0, 0.0, note="exception 02")
    assert read.failures([good], request) is None
    error = read.failures([good, bad], request)
    assert error is not None
    assert error.what == "1 of 2 addresses could not be read"
    assert error.cause == "`holding:2`: BadConfigurationError, exception 02"


@pytest.mark.parametrize("word", ["i=abc", "g=123", "ns=3;b=!!", "i=99999999999", "ns=70000;i=1", "s="])
def test_a_node_id_that_is_none_is_refused(word: str) -> None:
    with pytest.raises(UsageError) as caught:
        read.prepare("opc.tcp://h:4840", ["i=2258", word])
    assert (caught.value.slug, word in str(caught.value)) == ("bad-address", True)


@pytest.mark.parametrize("word", ["holding:65535:int32", "coil:1:int16", "holding:11/3:int16", "discrete:0:string(2)"])
def test_what_a_site_may_not_name_is_not_read(word: str) -> None:
    with pytest.raises(UsageError) as caught:
        read.prepare("modbus-tcp://h", ["holding:1", word])
    assert (caught.value.slug, caught.value.where) == ("bad-address", word)


def test_an_element_is_for_arrays_of_opc_ua() -> None:
    [captured] = read.prepare("opc.tcp://h:4840", ["ns=3;s=Arr"], element=2).tags
    assert captured.tag.element == 2
    with pytest.raises(UsageError) as caught:
        read.prepare("modbus-tcp://h", ["holding:1"], element=2)
    assert caught.value.hint == "leave out `--element`"


@pytest.mark.parametrize(
    ("url", "status", "note", "word"),
    [
        ("modbus-tcp://h", quality.BAD_CONFIGURATION_ERROR, "exception 02 (illegal data address)", "count from 1"),
        ("modbus-tcp://h", quality.BAD_DEVICE_FAILURE, "exception 04 (server device failure)", "failure of its own"),
        ("modbus-tcp://h", quality.BAD_DEVICE_FAILURE, "exception 06 (server device busy)", "busy"),
        ("modbus-tcp://h", quality.BAD_NO_COMMUNICATION, "exception 10 (gateway path unavailable)", "gateway"),
        ("modbus-tcp://h", quality.BAD_TIMEOUT, "exception 11 (gateway target device failed)", "--unit"),
        ("modbus-tcp://h", quality.BAD_DEVICE_FAILURE, "exception 99 (unknown)", "exception code"),
        ("modbus-tcp://h", quality.BAD_TIMEOUT, "no answer within 1 s", "--timeout"),
        ("opc.tcp://h", quality.BAD_NODE_ID_UNKNOWN, "", "OPC UA browser"),
        ("opc.tcp://h", quality.BAD_TYPE_MISMATCH, "the node holds an array: give `element`", "--element 0"),
        ("opc.tcp://h", quality.BAD_CONFIGURATION_ERROR, "but the node holds a single value", "leave out `--element`"),
        ("opc.tcp://h", quality.BAD_TIMEOUT, "", "server"),
        ("opc.tcp://h", quality.BAD_SENSOR_FAILURE, "", "device"),
    ],
)
def test_the_hint_fits_the_failure(url: str, status: int, note: str, word: str) -> None:
    request = read.prepare(url, ["i=1" if url.startswith("opc") else "holding:1"])
    error = read.failures([Reading("r0", None, status, 0, 0.0, note=note)], request)
    assert error is not None
    assert word in str(error.hint)
    assert ("count from 1" in str(error.hint)) == ("02" in note)
